/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Generations from one medium to another. Each is committed by itself,
 * and pages that it shares with the one copied before are shared there too.
 */
#include <stdlib.h>
#include <string.h>

#include "control/images.h"

#define CHUNK_PAGES 1024u
#define NR_BUFFERS  4u
#define NR_MAX	    (WPP_GENERATIONS_MAX * 64u)

struct copy {
	const struct wppc_copy *how;
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
		if (c->how->progress)
			c->how->progress(c->how->arg, c->done, c->total);
	}
	if (err != WPP_ENOENT)
		return err;
	return wpp_writer_cut(c->w, space, page, WPP_PAGE_INDEX_MAX - page);
}

/* Spaces that only the older generation has go. */
static int cut_spaces(struct copy *c)
{
	uint32_t space = WPP_SPACE_FIRST, found;
	int err;

	if (!c->older)
		return 0;
	while ((err = wpp_reader_next_space(c->older, space, &space)) == 0) {
		err = wpp_reader_next_space(c->r, space, &found);
		if (err == WPP_ENOENT || (!err && found != space))
			err = wpp_writer_cut(c->w, space, 0, WPP_PAGE_INDEX_MAX);
		if (err)
			return err;
		space++;
	}
	return err == WPP_ENOENT ? 0 : err;
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
	int err = wpp_writer_begin(c->how->to, gen->image, c->older ? 0 : WPP_WRITER_EMPTY, &c->w);

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
static int copy_generation(struct copy *c, const struct wpp_generation *gen, uint64_t base,
			   struct wpp_diag *diag)
{
	struct wpp_store *st = c->how->from;
	int err = wpp_reader_open(st, gen->image, gen->generation, &c->r, diag);

	c->older = NULL;
	if (!err && base)
		err = wpp_reader_open(st, gen->image, base, &c->older, diag);
	if (!err)
		err = write_generation(c, gen, diag);
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

static bool is_wanted(const struct wppc_copy *how, const struct wpp_generation *gen)
{
	if (how->generation && gen->generation != how->generation)
		return false;
	for (size_t i = 0; i < how->nr_names; i++)
		if (!strcmp(how->names[i], gen->image))
			return true;
	return !how->nr_names;
}

static int find_wanted(const struct wppc_copy *how, struct wanted *all)
{
	struct wpp_generation gen;
	uint32_t pos = 0;
	int err;

	all->gen = calloc(NR_MAX, sizeof(gen));
	if (!all->gen)
		return WPP_ENOMEM;
	while ((err = wpp_store_list(how->from, &pos, &gen)) == 0) {
		if (!is_wanted(how, &gen))
			continue;
		if (all->nr == NR_MAX)
			return WPP_ENOSPC;
		all->gen[all->nr++] = gen;
	}
	for (size_t i = 0; i < all->nr / 2; i++) {
		gen = all->gen[i];
		all->gen[i] = all->gen[all->nr - 1 - i];
		all->gen[all->nr - 1 - i] = gen;
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* Is it on the target? WPP_EEXIST: another one has its number, or a later one is there. */
static int look_at_target(const struct wpp_store *st, const struct wpp_generation *gen, bool *there)
{
	struct wpp_generation other;
	int err = wppc_generation_find(st, gen->image, gen->generation, &other);

	*there = !err;
	if (*there)
		return other.nr_pages == gen->nr_pages && other.realtime_ns == gen->realtime_ns
			       ? 0
			       : WPP_EEXIST;
	if (err == WPP_ENOENT)
		err = wppc_generation_find(st, gen->image, 0, &other);
	if (err)
		return err == WPP_ENOENT ? 0 : err;
	return other.generation > gen->generation ? WPP_EEXIST : 0;
}

static void copy_one(struct copy *c, uint64_t base, struct wppc_copied *one)
{
	one->err = look_at_target(c->how->to, one->gen, &one->there);
	if (!one->err && !one->there)
		one->err = copy_generation(c, one->gen, base, &one->diag);
	c->how->copied(c->how->arg, one);
}

static int copy_all(struct copy *c, const struct wanted *all)
{
	const struct wpp_generation *before = NULL; /* copied by us: the target has just this */

	for (size_t i = 0; i < all->nr; i++) {
		struct wppc_copied one = { .gen = &all->gen[i] };
		bool same = before && !strcmp(before->image, one.gen->image);

		copy_one(c, same ? before->generation : 0, &one);
		if (one.err)
			return one.err;
		before = one.there ? NULL : one.gen;
	}
	return 0;
}

int wppc_copy(const struct wppc_copy *how)
{
	struct copy c = { .how = how };
	struct wanted all = { 0 };
	int err = find_wanted(how, &all);

	c.buffers = aligned_alloc(WPP_PAGE_SIZE, (size_t)NR_BUFFERS * CHUNK_PAGES * WPP_PAGE_SIZE);
	if (!err && !c.buffers)
		err = WPP_ENOMEM;
	if (!err)
		err = copy_all(&c, &all);
	if (!err && !all.nr && (how->nr_names || how->generation))
		err = WPP_ENOENT;
	free(all.gen);
	free(c.buffers);
	return err;
}
