/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bandwidth, latency and the cost of making things durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qualify.h"

#define NR_SAMPLES 1000u
#define SECONDS	   2 /* at most, for each measurement */
#define BYTES_MAX  (1ull << 30)
#define IN_FLIGHT  8u
#define EDGE	   (1u << 20)

struct samples {
	uint64_t ns[NR_SAMPLES];
	size_t nr;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- Bandwidth ---- */

struct stream {
	struct qualify *q;
	struct wpp_io io[IN_FLIGHT];
	uint32_t op, len;
	uint64_t at, end, moved;
	uint32_t busy;
	int err;
};

static void stream_next(struct stream *s, struct wpp_io *io)
{
	int err;

	if (s->err || s->at + s->len > s->end)
		return;
	io->off = s->at;
	err = s->q->be->ops->submit(s->q->be, io);
	if (err) {
		s->err = err;
		return;
	}
	s->at += s->len;
	s->busy++;
}

static void stream_done(struct wpp_io *io, int err)
{
	struct stream *s = io->owner;

	s->busy--;
	s->moved += io->len;
	if (err && !s->err)
		s->err = err;
	stream_next(s, io);
}

/* MiB/s over the first @bytes, durable at the end when written; 0 and *@err when it fails. */
static double stream_run(struct qualify *q, uint32_t op, uint64_t bytes, int *err)
{
	uint32_t depth = q->m->queue_depth < IN_FLIGHT ? q->m->queue_depth : IN_FLIGHT;
	struct stream s = { .q = q, .op = op, .end = bytes };
	uint64_t start = now();

	s.len = q->m->io_best * depth <= QUALIFY_BUF ? q->m->io_best : QUALIFY_BUF / depth;
	for (uint32_t i = 0; i < depth; i++) {
		s.io[i] =
			(struct wpp_io){ .op = op, .len = s.len, .done = stream_done, .owner = &s };
		s.io[i].buf = q->buf + (size_t)i * s.len;
		stream_next(&s, &s.io[i]);
	}
	while (s.busy)
		if (q->be->ops->poll(q->be) < 0) {
			s.err = WPP_EIO;
			break;
		}
	if (!s.err && op == WPP_IO_WRITE)
		s.err = qualify_move(q, WPP_IO_FLUSH, 0, 0, NULL, 0);
	*err = s.err;
	return s.err ? 0 : (double)s.moved / (1 << 20) / ((double)(now() - start) / 1e9);
}

/* ---- Latency ---- */

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double microseconds(struct samples *s, double part)
{
	size_t at = (size_t)((double)s->nr * part);

	return (double)s->ns[at < s->nr ? at : s->nr - 1] / 1e3;
}

enum what {
	WRITE_ONE,
	FLUSH_ONE, /* behind a write that is not timed */
	FUA_ONE,
	READ_ONE,
	NR_WHAT,
};
static const char *const names[NR_WHAT] = { "write_4k", "flush", "write_4k_fua", "read_4k" };

static int one(struct qualify *q, enum what what, uint64_t off, uint64_t *took)
{
	uint64_t start;
	int err = 0;

	if (what == FLUSH_ONE)
		err = qualify_move(q, WPP_IO_WRITE, 0, off, q->buf, QUALIFY_BLOCK);
	start = now();
	if (!err && what == FLUSH_ONE)
		err = qualify_move(q, WPP_IO_FLUSH, 0, 0, NULL, 0);
	else if (!err)
		err = qualify_move(q, what == READ_ONE ? WPP_IO_READ : WPP_IO_WRITE,
				   what == FUA_ONE ? WPP_IO_FUA : 0, off, q->buf, QUALIFY_BLOCK);
	*took = now() - start;
	return err;
}

static int sample(struct qualify *q, enum what what, struct samples *s)
{
	uint64_t blocks = q->bytes / QUALIFY_BLOCK, x = 88172645463325252ull;
	uint64_t until = now() + SECONDS * 1000000000ull;
	int err = 0;

	for (s->nr = 0; !err && s->nr < NR_SAMPLES && now() < until; s->nr++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		err = one(q, what, x % blocks * QUALIFY_BLOCK, &s->ns[s->nr]);
	}
	qsort(s->ns, s->nr, sizeof(s->ns[0]), by_time);
	return err;
}

static json_t *sample_json(struct samples *s)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:i}", "p50_us", microseconds(s, 0.5), "p99_us",
			 microseconds(s, 0.99), "p999_us", microseconds(s, 0.999), "max_us",
			 microseconds(s, 1), "samples", (int)s->nr);
}

static int sample_all(struct qualify *q, json_t *result)
{
	struct samples *s = malloc(sizeof(*s));
	int err = s ? 0 : WPP_ENOMEM;

	for (int i = 0; !err && i < NR_WHAT; i++) {
		if (i == FUA_ONE && !(q->m->caps & WPP_CAP_FUA))
			continue;
		err = sample(q, (enum what)i, s);
		if (err || !s->nr)
			break;
		say(q->tool, "wpp:   %-14s p50 %8.1f   p99 %8.1f   p99.9 %8.1f   max %8.1f us",
		    names[i], microseconds(s, 0.5), microseconds(s, 0.99), microseconds(s, 0.999),
		    microseconds(s, 1));
		json_object_set_new(result, names[i], sample_json(s));
	}
	free(s);
	return err;
}

/* Without a byte at its edges it is blank again for wpp format. */
static int clear_edges(struct qualify *q)
{
	uint64_t end = q->m->size - EDGE;
	int err = 0;

	memset(q->buf, 0, EDGE);
	for (uint64_t off = 0; !err && off < EDGE; off += q->m->io_align * 8ull)
		err = qualify_move(q, WPP_IO_WRITE, 0, off, q->buf, q->m->io_align * 8);
	for (uint64_t off = 0; !err && off < EDGE; off += q->m->io_align * 8ull)
		err = qualify_move(q, WPP_IO_WRITE, 0, end + off, q->buf, q->m->io_align * 8);
	return err ? err : qualify_move(q, WPP_IO_FLUSH, 0, 0, NULL, 0);
}

static int measure(struct qualify *q, json_t *result)
{
	double write, read = 0;
	int err;

	for (size_t i = 0; i < QUALIFY_BUF; i++)
		q->buf[i] = (uint8_t)(i * 2654435761u >> 13);
	write = stream_run(q, WPP_IO_WRITE, q->bytes, &err);
	if (!err)
		write = stream_run(q, WPP_IO_WRITE, q->bytes, &err);
	if (!err)
		read = stream_run(q, WPP_IO_READ, q->bytes, &err);
	if (err)
		return err;
	say(q->tool, "wpp:   write %.0f MiB/s (durable), read %.0f MiB/s, %u KiB a move", write,
	    read, q->m->io_best >> 10);
	json_object_set_new(result, "write_mib_s", json_real(write));
	json_object_set_new(result, "read_mib_s", json_real(read));
	err = sample_all(q, result);
	return err ? err : clear_edges(q);
}

int qualify_measure(struct qualify *q)
{
	json_t *result = json_pack("{s:s, s:I, s:i, s:i}", "path", q->path, "size",
				   (json_int_t)q->m->size, "logical_block", (int)q->m->io_align,
				   "queue_depth", (int)q->m->queue_depth);
	int err;

	q->bytes = q->m->size < BYTES_MAX ? q->m->size : BYTES_MAX;
	if (q->bytes < QUALIFY_BUF) {
		json_decref(result);
		complain("%s: at least %u MiB are needed", q->path, QUALIFY_BUF >> 20);
		return EXIT_FAILED;
	}
	err = measure(q, result);
	if (err) {
		json_decref(result);
		return fail(err, q->path);
	}
	if (q->tool->json)
		print_json(result);
	else
		json_decref(result);
	return EXIT_DONE;
}
