/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wpp copy: generations from one medium to another. Each is committed by itself,
 * and pages that it shares with the one copied before are shared there too.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

#define CHUNK_PAGES 1024u
#define NR_BUFFERS  4u
#define NR_MAX	    (WPP_GENERATIONS_MAX * 64u)

struct copy {
	struct tool *tool;
	struct wpp_media *from, *to;
	struct talk talk;
	uint8_t *buffers; /* [NR_BUFFERS][CHUNK_PAGES] pages */
	uint64_t mark[NR_BUFFERS];
	unsigned int next;

	/* of the generation being copied */
	struct wpp_writer *w;
	struct wpp_reader *r;
	struct wpp_reader *older; /* the one before it, which the writer began with; or NULL */
	uint64_t done, total;
};

/* ---- Pages ---- */

/* A page is known when it lies where the older generation has it. Cuts @run to alike pages. */
static int is_known(struct copy *c, struct wpp_run *run, bool *known)
{
	struct wpp_run old;
	int err;

	*known = false;
	if (!c->older)
		return 0;
	err = wpp_reader_next(c->older, run->space, run->page, run->nr, &old);
	if (err || old.page >= run->page + run->nr)
		return err == WPP_ENOENT ? 0 : err;
	if (old.page > run->page) {
		run->nr = (uint32_t)(old.page - run->page);
		return 0;
	}
	*known = old.off == run->off;
	if (run->nr > old.nr)
		run->nr = old.nr;
	return 0;
}

static int copy_run(struct copy *c, const struct wpp_run *run, struct wpp_diag *diag)
{
	uint8_t *buf = c->buffers + (size_t)c->next * CHUNK_PAGES * WPP_PAGE_SIZE;
	uint64_t page[CHUNK_PAGES];
	int err = wpp_writer_settle_to(c->w, c->mark[c->next]);

	if (!err)
		err = wpp_reader_read(c->r, run, buf, diag);
	for (uint32_t i = 0; i < run->nr; i++)
		page[i] = run->page + i;
	if (!err)
		err = wpp_writer_put(c->w, run->space, page, run->nr, buf);
	c->mark[c->next] = wpp_writer_mark(c->w);
	c->next = (c->next + 1) % NR_BUFFERS;
	return err;
}

static int copy_space(struct copy *c, uint32_t space, struct wpp_diag *diag)
{
	uint64_t page = 0;
	struct wpp_run run;
	bool known;
	int err;

	while ((err = wpp_reader_next(c->r, space, page, CHUNK_PAGES, &run)) == 0) {
		if (run.page > page)
			err = wpp_writer_cut(c->w, space, page, run.page - page);
		if (!err)
			err = is_known(c, &run, &known);
		if (!err && !known)
			err = copy_run(c, &run, diag);
		if (err)
			return err;
		page = run.page + run.nr;
		c->done += run.nr;
		if (c->talk.report.progress)
			c->talk.report.progress(&c->talk, c->done, c->total);
	}
	if (err != WPP_ENOENT)
		return err;
	return wpp_writer_cut(c->w, space, page, WPP_PAGE_INDEX_MAX - page);
}

/* Spaces that only the older generation has go. */
static int cut_spaces(struct copy *c)
{
	uint32_t space = WPP_SPACE_FIRST, found;
	int err = 0;

	while (c->older && !err && wpp_reader_next_space(c->older, space, &space) == 0) {
		err = wpp_reader_next_space(c->r, space, &found);
		if (err == WPP_ENOENT || (!err && found != space))
			err = wpp_writer_cut(c->w, space, 0, WPP_PAGE_INDEX_MAX);
		space++;
	}
	return err;
}

static int copy_spaces(struct copy *c, struct wpp_diag *diag)
{
	int err;

	for (uint32_t space = WPP_SPACE_FIRST;
	     (err = wpp_reader_next_space(c->r, space, &space)) == 0; space++) {
		err = copy_space(c, space, diag);
		if (err)
			return err;
	}
	return err == WPP_ENOENT ? cut_spaces(c) : err;
}

/* ---- A generation ---- */

static int copy_stream(struct copy *c, enum wpp_stream stream)
{
	uint64_t len = wpp_reader_stream_len(c->r, stream);
	void *data = malloc(len ? len : 1);
	int err = data ? wpp_reader_stream(c->r, stream, 0, data, len) : WPP_ENOMEM;

	if (!err)
		err = wpp_writer_stream(c->w, stream, data, len);
	if (!err)
		err = wpp_writer_settle(c->w);
	free(data);
	return err;
}

static int fill(struct copy *c, const struct wpp_generation *gen, struct wpp_diag *diag)
{
	int err = wpp_writer_number(c->w, gen->generation);

	for (int i = 0; !err && i < WPP_STREAM_COUNT; i++)
		err = copy_stream(c, (enum wpp_stream)i);
	memset(c->mark, 0, sizeof(c->mark));
	if (!err)
		err = copy_spaces(c, diag);
	return err;
}

static int write_generation(struct copy *c, const struct wpp_generation *gen, struct wpp_diag *diag)
{
	int err = wpp_writer_begin(wpp_media_store(c->to), gen->image,
				   c->older ? 0 : WPP_WRITER_EMPTY, &c->w);

	if (err)
		return err;
	c->done = 0;
	c->total = gen->nr_pages;
	err = fill(c, gen, diag);
	if (!err)
		return wpp_writer_commit(c->w, gen->realtime_ns, NULL);
	wpp_writer_abort(c->w);
	return err;
}

/* @base: the generation that we copied just before, of the same image; 0: none. */
static int copy_generation(struct copy *c, const struct wpp_generation *gen, uint64_t base)
{
	struct wpp_store *st = wpp_media_store(c->from);
	struct wpp_diag diag = { 0 };
	int err = wpp_reader_open(st, gen->image, gen->generation, &c->r, &diag);

	c->older = NULL;
	if (!err && base)
		err = wpp_reader_open(st, gen->image, base, &c->older, &diag);
	if (!err)
		err = write_generation(c, gen, &diag);
	if (err == WPP_ECORRUPT)
		complain_damage(wpp_media_path(c->from), &diag);
	if (c->older)
		wpp_reader_close(c->older);
	if (c->r)
		wpp_reader_close(c->r);
	c->r = NULL;
	return err;
}

/* ---- All of them ---- */

struct wanted {
	struct wpp_generation *gen; /* oldest first */
	size_t nr;
};

static bool is_wanted(const struct wpp_generation *gen, char **names, int nr_names, uint64_t number)
{
	if (number && gen->generation != number)
		return false;
	for (int i = 0; i < nr_names; i++)
		if (!strcmp(names[i], gen->image))
			return true;
	return !nr_names;
}

static int find_wanted(struct copy *c, char **names, int nr_names, uint64_t number,
		       struct wanted *all)
{
	struct wpp_generation gen;
	uint32_t pos = 0;

	all->gen = calloc(NR_MAX, sizeof(gen));
	if (!all->gen)
		return WPP_ENOMEM;
	while (all->nr < NR_MAX && wpp_store_list(wpp_media_store(c->from), &pos, &gen) == 0)
		if (is_wanted(&gen, names, nr_names, number))
			all->gen[all->nr++] = gen;
	for (size_t i = 0; i < all->nr / 2; i++) {
		gen = all->gen[i];
		all->gen[i] = all->gen[all->nr - 1 - i];
		all->gen[all->nr - 1 - i] = gen;
	}
	return 0;
}

/* Is it on the target? WPP_EEXIST: another one has its number, or a later one is there. */
static int look_at_target(struct copy *c, const struct wpp_generation *gen, bool *there)
{
	struct wpp_store *st = wpp_media_store(c->to);
	struct wpp_generation other;

	*there = generation_find(st, gen->image, gen->generation, &other) == 0;
	if (*there)
		return other.nr_pages == gen->nr_pages && other.realtime_ns == gen->realtime_ns
			       ? 0
			       : WPP_EEXIST;
	if (generation_find(st, gen->image, 0, &other) == 0 && other.generation > gen->generation)
		return WPP_EEXIST;
	return 0;
}

static int copy_one(struct copy *c, const struct wpp_generation *gen, uint64_t base, bool *copied,
		    json_t **result)
{
	bool there;
	int err = look_at_target(c, gen, &there);

	if (err)
		complain("%s: %s has another generation %" PRIu64 " or a later one; copy to "
			 "another medium, or drop the image there",
			 gen->image, wpp_media_path(c->to), gen->generation);
	else if (!there)
		err = copy_generation(c, gen, base);
	if (!err)
		say(c->tool, "wpp: %s generation %" PRIu64 ": %" PRIu64 " pages, %s", gen->image,
		    gen->generation, gen->nr_pages, there ? "is there already" : "copied");
	else if (err != WPP_EEXIST)
		complain("%s generation %" PRIu64 ": not copied: %s", gen->image, gen->generation,
			 wpp_strerror(err));
	*copied = !err && !there;
	*result =
		json_pack("{s:s, s:I, s:I, s:s}", "name", gen->image, "generation",
			  (json_int_t)gen->generation, "pages", (json_int_t)gen->nr_pages, "state",
			  err	  ? wpp_strerror(err)
			  : there ? "there"
				  : "copied");
	return err;
}

static int copy_all(struct copy *c, const struct wanted *all, json_t *results)
{
	const struct wpp_generation *before = NULL; /* copied by us: the target has just this */
	json_t *result;
	int err = 0;

	for (size_t i = 0; !err && i < all->nr; i++) {
		const struct wpp_generation *gen = &all->gen[i];
		bool same = before && !strcmp(before->image, gen->image), copied;

		err = copy_one(c, gen, same ? before->generation : 0, &copied, &result);
		json_array_append_new(results, result);
		before = copied ? gen : NULL;
	}
	return err;
}

static int run(struct copy *c, char **names, int nr_names, uint64_t number)
{
	json_t *results = json_array();
	struct wanted all = { 0 };
	int err = find_wanted(c, names, nr_names, number, &all);

	c->buffers = aligned_alloc(WPP_PAGE_SIZE, (size_t)NR_BUFFERS * CHUNK_PAGES * WPP_PAGE_SIZE);
	if (!err && !c->buffers)
		err = WPP_ENOMEM;
	talk_begin(&c->talk, c->tool, "copy", wpp_media_path(c->to));
	if (!err)
		err = copy_all(c, &all, results);
	json_decref(talk_end(&c->talk));
	if (!err && !all.nr && (nr_names || number)) {
		complain("no such image or generation on %s; see wpp ls", wpp_media_path(c->from));
		err = WPP_ENOENT;
	}
	free(all.gen);
	free(c->buffers);
	if (c->tool->json)
		print_json(json_pack("{s:o}", "images", results));
	else
		json_decref(results);
	return exit_code_of(err);
}

static bool is_same_medium(const struct wpp_conf *a, const struct wpp_conf *b)
{
	struct stat x, y;

	return stat(wpp_conf_text(a, "wpp", "path"), &x) == 0 &&
	       stat(wpp_conf_text(b, "wpp", "path"), &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int copy_between(struct tool *t, struct tool *target, char **names, int nr_names,
			uint64_t number)
{
	struct copy c = { .tool = t };
	int code = conf_load(t);

	if (!code)
		code = conf_load(target);
	if (code)
		return code;
	if (is_same_medium(t->conf, target->conf))
		return usage("copy", "--to: %s names the medium that is copied from",
			     target->config);
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &c.from);
	if (!code)
		code = medium_open(target, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, &c.to);
	if (!code)
		code = run(&c, names, nr_names, number);
	wpp_media_close(c.to);
	wpp_media_close(c.from);
	return code;
}

int cmd_copy(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "from", required_argument, NULL, 'f' },
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	struct tool target = *t;
	uint64_t number = 0;
	int opt, code;

	target.config = NULL;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 't')
			target.config = optarg;
		else if (opt == 'f')
			t->config = optarg;
		else if (opt == '?')
			return EXIT_USAGE;
		else if (!parse_number(optarg, INT64_MAX, &number) || !number)
			return usage("copy", "--generation: '%s' is no generation; see wpp ls",
				     optarg);
	}
	if (!target.config)
		return usage("copy", "where to? wpp copy --to CONF [NAME...]");
	for (int i = optind; i < argc; i++)
		if (!image_name_ok(argv[i]))
			return usage("copy", "'%s' is no image name", argv[i]);
	code = copy_between(t, &target, argv + optind, argc - optind, number);
	wpp_conf_free(target.conf);
	return code;
}
