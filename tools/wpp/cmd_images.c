/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp verify, drop and format: what concerns images as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define VERIFY_PAGES 512u

/* Reads every page of one generation. Returns 0 or the first error, with its place in @diag. */
static int verify_generation(struct wpp_store *st, const struct wpp_generation *gen, void *buf,
			     struct wpp_diag *diag)
{
	struct wpp_reader *r;
	struct wpp_run run;
	uint32_t space = 0;
	uint64_t page;
	int err;

	err = wpp_reader_open(st, gen->image, gen->generation, &r, diag);
	if (err)
		return err;
	for (; (err = wpp_reader_next_space(r, space, &space)) == 0; space++) {
		for (page = 0; (err = wpp_reader_next(r, space, page, VERIFY_PAGES, &run)) == 0;
		     page = run.page + run.nr) {
			err = wpp_reader_read(r, &run, buf, diag);
			if (err)
				goto close;
		}
		if (err != WPP_ENOENT)
			goto close;
	}
	if (err == WPP_ENOENT)
		err = 0;
close:
	wpp_reader_close(r);
	return err;
}

static int verify_all(struct tool *t, struct wpp_media *media, const char *only, json_t *all)
{
	struct wpp_store *st = wpp_media_store(media);
	struct wpp_diag diag = { 0 };
	struct wpp_generation gen;
	uint32_t pos = 0, nr = 0;
	int err, first = 0;
	void *buf;

	buf = aligned_alloc(WPP_PAGE_SIZE, VERIFY_PAGES * WPP_PAGE_SIZE);
	if (!buf)
		return WPP_ENOMEM;
	while (wpp_store_list(st, &pos, &gen) == 0) {
		if (only && strcmp(gen.image, only) != 0)
			continue;
		nr++;
		err = verify_generation(st, &gen, buf, &diag);
		if (err) {
			complain_damage(wpp_media_path(media), &diag);
			offer_older(st, &gen);
		} else {
			say(t, "wpp: %s generation %" PRIu64 ": %" PRIu64 " pages, all good",
			    gen.image, gen.generation, gen.nr_pages);
		}
		json_array_append_new(all, json_pack("{s:s, s:I, s:s}", "name", gen.image,
						     "generation", (json_int_t)gen.generation,
						     "state", err ? wpp_strerror(err) : "good"));
		if (!first)
			first = err;
	}
	free(buf);
	return first || nr || !only ? first : WPP_ENOENT;
}

int cmd_verify(struct tool *t, int argc, char **argv)
{
	struct wpp_media *media;
	json_t *all;
	int code, err;

	if (argc > 2 || (argc == 2 && !image_name_ok(argv[1])))
		return usage("verify", "which image? wpp verify [NAME]");
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &media);
	if (code)
		return code;
	all = json_array();
	err = verify_all(t, media, argc == 2 ? argv[1] : NULL, all);
	if (err == WPP_ENOENT)
		complain("%s: no such image on %s; see wpp ls", argv[1], wpp_media_path(media));
	if (!err && wpp_media_diag(media)) {
		complain_damage(wpp_media_path(media), wpp_media_diag(media));
		err = WPP_ECORRUPT;
	}
	wpp_media_close(media);
	if (t->json)
		print_json(json_pack("{s:o}", "images", all));
	else
		json_decref(all);
	return exit_code_of(err);
}

int cmd_drop(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	struct wpp_media *media;
	uint64_t generation = 0;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'g')
			return EXIT_USAGE;
		if (!parse_number(optarg, INT64_MAX, &generation) || !generation)
			return usage("drop", "--generation: '%s' is no generation; see wpp ls",
				     optarg);
	}
	if (optind + 1 != argc || !image_name_ok(argv[optind]))
		return usage("drop", "which image? wpp drop NAME");
	code = medium_open(t, WPP_MEDIA_WAIT, &media);
	if (code)
		return code;
	err = wpp_store_drop(wpp_media_store(media), argv[optind], generation);
	wpp_media_close(media);
	if (err)
		return fail(err, argv[optind]);
	say(t, "wpp: %s: dropped", argv[optind]);
	if (t->json)
		print_json(json_pack("{s:s, s:s}", "name", argv[optind], "state", "dropped"));
	return EXIT_DONE;
}

static void on_format_progress(void *arg, uint64_t done, uint64_t total)
{
	struct talk *k = arg;

	k->report.progress(k, done, total);
}

int cmd_format(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct wpp_media_error why;
	uint32_t flags = 0;
	struct talk talk;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'f')
			return EXIT_USAGE;
		flags = WPP_MEDIA_FORCE;
	}
	if (optind != argc)
		return usage("format", "takes no argument '%s'; the medium is what wpp.conf says",
			     argv[optind]);
	code = conf_load(t);
	if (code)
		return code;
	talk_begin(&talk, t, "format", medium_name(t));
	err = wpp_media_create(t->conf, flags, talk.report.progress ? on_format_progress : NULL,
			       &talk, &why);
	json_decref(talk_end(&talk));
	if (err) {
		complain("%s%s", why.text,
			 err == WPP_EEXIST ? "; wpp format --force empties it" : "");
		return exit_code_of(err);
	}
	say(t, "wpp: %s: an empty store", medium_name(t));
	return EXIT_DONE;
}
