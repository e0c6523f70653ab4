/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * shares make CONF: generations of two images that share most of their pages.
 * shares dump CONF: every page and stream of all generations by checksum, newest first.
 * shares used CONF: bytes of the page section in use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wpp/crc32c.h>
#include <wpp/media.h>

#define NR 600u

static struct wpp_store *store;
static uint8_t *buf; /* [NR] pages */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "shares: %s: %s\n", what, wpp_strerror(err));
	exit(1);
}

static void put(struct wpp_writer *w, uint32_t space, uint64_t first, uint32_t step, uint32_t nr,
		int salt)
{
	uint64_t page[NR];

	for (uint32_t i = 0; i < nr; i++) {
		page[i] = first + (uint64_t)i * step;
		memset(buf + (size_t)i * 4096, (int)(page[i] * 7 + space + (uint64_t)salt), 4096);
	}
	must(wpp_writer_put(w, space, page, nr, buf), "put");
	must(wpp_writer_settle(w), "settle");
}

static void commit(struct wpp_writer *w, uint64_t when)
{
	must(wpp_writer_stream(w, WPP_STREAM_PCB, &when, sizeof(when)), "stream");
	must(wpp_writer_commit(w, when, NULL), "commit");
}

static void make(void)
{
	struct wpp_writer *w;

	must(wpp_writer_begin(store, "a", 0, &w), "begin");
	put(w, 2, 1000, 1, NR, 0);
	put(w, 2, 1ull << 30, 3, NR, 0);
	put(w, 3, 5, 1, 9, 0);
	commit(w, 11);
	must(wpp_writer_begin(store, "b", 0, &w), "begin");
	put(w, 2, 0, 2, 50, 3);
	commit(w, 12);
	must(wpp_writer_begin(store, "a", 0, &w), "begin"); /* a few change, a few go */
	put(w, 2, 1100, 2, 30, 1);
	must(wpp_writer_cut(w, 2, 1050, 10), "cut");
	must(wpp_writer_cut(w, 3, 0, 100), "cut");
	put(w, 9, 0, 1, 4, 0);
	commit(w, 13);
	must(wpp_writer_begin(store, "a", 0, &w), "begin"); /* nothing but the records changes */
	commit(w, 14);
}

static void dump_space(struct wpp_reader *r, const struct wpp_generation *gen, uint32_t space)
{
	struct wpp_run run;

	for (uint64_t page = 0; wpp_reader_next(r, space, page, NR, &run) == 0;
	     page = run.page + run.nr) {
		must(wpp_reader_read(r, &run, buf, NULL), "read");
		for (uint32_t i = 0; i < run.nr; i++)
			printf("%s %" PRIu64 " %u %" PRIu64 " %08x\n", gen->image, gen->generation,
			       space, run.page + i, wpp_crc32c(0, buf + (size_t)i * 4096, 4096));
	}
}

static void dump(void)
{
	struct wpp_generation gen;
	struct wpp_reader *r;
	uint32_t pos = 0;

	while (wpp_store_list(store, &pos, &gen) == 0) {
		must(wpp_reader_open(store, gen.image, gen.generation, &r, NULL), "open");
		printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n", gen.image, gen.generation,
		       gen.nr_pages, gen.realtime_ns, gen.nr_spaces);
		for (uint32_t space = 0; wpp_reader_next_space(r, space, &space) == 0; space++)
			dump_space(r, &gen, space);
		wpp_reader_close(r);
	}
}

int main(int argc, char **argv)
{
	bool making = argc == 3 && !strcmp(argv[1], "make");
	struct wpp_media_error err;
	struct wpp_media *media;
	struct wpp_usage usage;
	struct wpp_conf *conf;

	if (argc != 3)
		return 2;
	buf = aligned_alloc(4096, NR * 4096);
	if (wpp_conf_load(argv[2], &conf, &err) ||
	    wpp_media_open(conf, making ? WPP_MEDIA_CREATE : WPP_MEDIA_RDONLY, &media, &err)) {
		fprintf(stderr, "shares: %s\n", err.text);
		return 1;
	}
	store = wpp_media_store(media);
	wpp_store_usage(store, &usage);
	if (making)
		make();
	else if (!strcmp(argv[1], "dump"))
		dump();
	else
		printf("%" PRIu64 "\n", usage.used);
	wpp_media_close(media);
	wpp_conf_free(conf);
	return 0;
}
