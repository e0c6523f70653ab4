/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The commit engine on a RAM medium, so that what is measured is the engine: its
 * checksum, its tables, its fixed cost. Copy speed of the same memory stands beside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wpp/store.h>

#include "core/crc32c_priv.h"
#include "core/ram_backend.h"

#define GIB	(1ull << 30)
#define PAGES	(256u << 10) /* 1 GiB */
#define PUT_MAX 65536u
#define EPOCH	1000u /* pages that change in one epoch */
#define EPOCHS	50u
#define SMALL	256u /* pages of a 1 MiB process */
#define COMMITS 200u

struct bench {
	struct ram *ram;
	struct wpp_geometry geo;
	struct wpp_store_cfg cfg;
	struct wpp_store *st;
	void *ws;
	uint64_t ws_len;
	uint8_t *data;
	uint64_t *page;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, wpp_strerror(err));
	exit(1);
}

static void open_store(struct bench *b)
{
	must(wpp_store_open(&b->st, &b->ram->be, &b->ram->medium, &b->cfg, b->ws, b->ws_len, NULL),
	     "open");
}

static void set_up(struct bench *b, uint64_t size)
{
	memset(b, 0, sizeof(*b));
	b->ram = ram_new(size, 1, 0);
	b->cfg.size = sizeof(b->cfg);
	must(wpp_geometry_fit(&b->geo, size), "geometry");
	b->data = aligned_alloc(4096, PAGES * 4096ull);
	b->page = malloc(PAGES * sizeof(*b->page));
	if (!b->data || !b->page)
		exit(1);
	for (uint64_t i = 0; i < PAGES * 512ull; i++)
		((uint64_t *)b->data)[i] = i * 0x9e3779b97f4a7c15ull;
	for (uint32_t i = 0; i < PAGES; i++)
		b->page[i] = 0x7f0000000ull + i;
	must(wpp_store_format(&b->ram->be, &b->ram->medium, &b->geo, b->ram->bytes), "format");
	b->ws_len = wpp_store_workspace(&b->geo, &b->ram->medium, &b->cfg);
	b->ws = aligned_alloc(4096, (size_t)b->ws_len);
	if (!b->ws)
		exit(1);
	memset(b->ws, 0, (size_t)b->ws_len);
	open_store(b);
}

static void tear_down(struct bench *b)
{
	wpp_store_close(b->st);
	ram_free(b->ram);
	free(b->ws);
	free(b->data);
	free(b->page);
}

static void put(struct bench *b, struct wpp_writer *w, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i += PUT_MAX)
		must(wpp_writer_put(w, 2, b->page + i, nr - i < PUT_MAX ? nr - i : PUT_MAX,
				    b->data + i * 4096ull),
		     "put");
}

static void bench_crc(const struct bench *b, bool hw, const char *name)
{
	double t = now();
	uint32_t sum = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		sum ^= wppi_crc32c(hw, 0, b->data + (i % 64) * 4096ull, 4096);
	t = now() - t;
	printf("crc32c %-11s %8.2f GB/s  (%08x)\n", name, (double)PAGES * 4096 / t / 1e9, sum);
}

static void bench_full(struct bench *b)
{
	struct wpp_writer *w;
	double copy = now(), t;

	for (uint64_t at = 0; at < GIB; at += b->ram->medium.io_best)
		memcpy(b->ram->bytes + GIB + at, b->data + at, b->ram->medium.io_best);
	copy = now() - copy;
	for (int i = 0; i < 3; i++) {
		t = now();
		must(wpp_writer_begin(b->st, "big", WPP_WRITER_EMPTY, &w), "begin");
		put(b, w, PAGES);
		must(wpp_writer_commit(w, 0, NULL), "commit");
		t = now() - t;
		printf("full 1 GiB         %8.2f GB/s  (%.0f %% of the same moves by memcpy, "
		       "%.2f)\n",
		       1.074 / t, 100 * copy / t, 1.074 / copy);
	}
}

static void bench_incremental(struct bench *b)
{
	struct wpp_writer *w;
	double begin = 0, rest = 0, t;

	for (uint32_t i = 0; i < EPOCHS; i++) {
		uint64_t page[EPOCH];

		for (uint32_t k = 0; k < EPOCH; k++)
			page[k] = b->page[k * (PAGES / EPOCH) + i];
		t = now();
		must(wpp_writer_begin(b->st, "big", 0, &w), "begin");
		begin += now() - t;
		t = now();
		must(wpp_writer_put(w, 2, page, EPOCH, b->data), "put");
		must(wpp_writer_commit(w, 0, NULL), "commit");
		rest += now() - t;
	}
	printf("epoch of %u spread pages of 1 GiB: begin %.0f us, put + commit %.0f us\n", EPOCH,
	       begin / EPOCHS * 1e6, rest / EPOCHS * 1e6);
}

static void bench_small(struct bench *b)
{
	struct wpp_writer *w;
	double t = now(), fixed;

	for (uint32_t i = 0; i < COMMITS; i++) {
		must(wpp_writer_begin(b->st, "small", 0, &w), "begin");
		must(wpp_writer_commit(w, 0, NULL), "commit");
	}
	fixed = (now() - t) / COMMITS;
	t = now();
	for (uint32_t i = 0; i < COMMITS; i++) {
		must(wpp_writer_begin(b->st, "small", 0, &w), "begin");
		put(b, w, SMALL);
		must(wpp_writer_stream(w, WPP_STREAM_PCB, b->data, 16384), "stream");
		must(wpp_writer_commit(w, 0, NULL), "commit");
	}
	t = (now() - t) / COMMITS;
	printf("empty commit %.1f us; full persist of 1 MiB %.0f us\n", fixed * 1e6, t * 1e6);
}

static void bench_read(struct bench *b)
{
	struct wpp_reader *r;
	struct wpp_run run;
	uint64_t at = 0, done = 0;
	double t;

	wpp_store_close(b->st);
	memset(b->ws, 0, (size_t)b->ws_len);
	t = now();
	open_store(b);
	printf("open, two generations of 1 GiB: %.0f us\n", (now() - t) * 1e6);
	must(wpp_reader_open(b->st, "big", 0, &r, NULL), "reader");
	t = now();
	while (!wpp_reader_next(r, 2, at, PUT_MAX, &run)) {
		must(wpp_reader_read(r, &run, b->data, NULL), "read");
		at = run.page + run.nr;
		done += run.nr;
	}
	t = now() - t;
	printf("read and verify    %8.2f GB/s  (%llu pages)\n", (double)done * 4096 / t / 1e9,
	       (unsigned long long)done);
	wpp_reader_close(r);
}

int main(void)
{
	struct bench b;

	set_up(&b, 4 * GIB);
	bench_crc(&b, wppi_crc32c_hw(), "instruction");
	bench_crc(&b, false, "table");
	bench_full(&b);
	bench_incremental(&b);
	bench_small(&b);
	bench_read(&b);
	tear_down(&b);
	return 0;
}
