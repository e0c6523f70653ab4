/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * list_generations [FILE]: what is on a medium, and is every page of it sound?
 *
 * Opens the medium of wpp.conf, or FILE, read-only. Each generation is listed,
 * then read page by page: every read is verified against the checksum that was
 * stored with the page. Exit status 0: all sound, 1: damaged or not readable.
 *
 * Build: cc list_generations.c $(pkg-config --cflags --libs wpp)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <wpp/media.h>

#define RUN_PAGES 256 /* pages read at a time */

/* All pages of one space; returns how many, or a negative error. */
static int64_t read_space(struct wpp_reader *reader, uint32_t space, void *buf)
{
	struct wpp_diag diag = { 0 };
	struct wpp_run run;
	uint64_t page = 0;
	int64_t nr = 0;
	int err;

	while (!(err = wpp_reader_next(reader, space, page, RUN_PAGES, &run))) {
		err = wpp_reader_read(reader, &run, buf, &diag);
		if (err) {
			printf("    space %" PRIu32 ", page %#" PRIx64 ": %s\n", space, diag.page,
			       wpp_strerror(err));
			return err;
		}
		nr += run.nr;
		page = run.page + run.nr;
	}
	return err == WPP_ENOENT ? nr : err;
}

static int read_generation(struct wpp_store *store, const struct wpp_generation *gen, void *buf)
{
	struct wpp_reader *reader;
	struct wpp_diag diag;
	uint32_t space = 0;
	int err = wpp_reader_open(store, gen->image, gen->generation, &reader, &diag);

	if (err)
		return err;
	while (!(err = wpp_reader_next_space(reader, space, &space))) {
		int64_t nr = read_space(reader, space, buf);

		if (nr < 0) {
			wpp_reader_close(reader);
			return (int)nr;
		}
		if (space >= WPP_SPACE_FIRST)
			printf("    space %" PRIu32 ": %" PRId64 " pages, sound\n", space, nr);
		space++;
	}
	wpp_reader_close(reader);
	return err == WPP_ENOENT ? 0 : err;
}

static int list(struct wpp_store *store, void *buf)
{
	struct wpp_generation gen;
	uint32_t cursor = 0;
	int err, worst = 0;

	while (!(err = wpp_store_list(store, &cursor, &gen))) {
		printf("%s generation %" PRIu64 ": %" PRIu64 " pages, %" PRIu64 " of them new\n",
		       gen.image, gen.generation, gen.nr_pages, gen.nr_written);
		err = read_generation(store, &gen, buf);
		if (err) {
			printf("    %s\n", wpp_strerror(err));
			worst = err;
		}
	}
	return err == WPP_ENOENT ? worst : err;
}

int main(int argc, char **argv)
{
	struct wpp_media_error err;
	struct wpp_media *media;
	struct wpp_conf *conf;
	void *buf = aligned_alloc(WPP_PAGE_SIZE, RUN_PAGES * WPP_PAGE_SIZE);
	int failed;

	failed = wpp_conf_load(NULL, &conf, &err);
	if (!failed && argc > 1)
		failed = wpp_conf_set(conf, "wpp", "path", argv[1], &err);
	if (!failed)
		failed = wpp_media_open(conf, WPP_MEDIA_RDONLY, &media, &err);
	if (failed || !buf) {
		fprintf(stderr, "list_generations: %s\n", buf ? err.text : "out of memory");
		return 1;
	}
	failed = list(wpp_media_store(media), buf);
	wpp_media_close(media);
	wpp_conf_free(conf);
	free(buf);
	return failed ? 1 : 0;
}
