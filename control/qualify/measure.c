/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bandwidth, latency and the cost of making things durable. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/qualify/move.h"
#include "control/why.h"

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
	struct wppc_drive *d;
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
	err = s->d->be->ops->submit(s->d->be, io);
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
static double stream_run(struct wppc_drive *d, uint32_t op, uint64_t bytes, int *err)
{
	uint32_t depth = d->medium->queue_depth < IN_FLIGHT ? d->medium->queue_depth : IN_FLIGHT;
	struct stream s = { .d = d, .op = op, .end = bytes };
	uint64_t start = now();

	s.len = d->medium->io_best * depth <= WPPC_DRIVE_BUF ? d->medium->io_best
							     : WPPC_DRIVE_BUF / depth;
	for (uint32_t i = 0; i < depth; i++) {
		s.io[i] =
			(struct wpp_io){ .op = op, .len = s.len, .done = stream_done, .owner = &s };
		s.io[i].buf = d->buf + (size_t)i * s.len;
		stream_next(&s, &s.io[i]);
	}
	while (s.busy) {
		*err = wppc_drive_poll(d);
		if (*err)
			return 0;
	}
	if (!s.err && op == WPP_IO_WRITE)
		s.err = wppc_drive_move(d, WPP_IO_FLUSH, 0, 0, NULL, 0);
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

static int one(struct wppc_drive *d, enum what what, uint64_t off, uint64_t *took)
{
	uint64_t start;
	int err = 0;

	if (what == FLUSH_ONE)
		err = wppc_drive_move(d, WPP_IO_WRITE, 0, off, d->buf, WPPC_BLOCK);
	start = now();
	if (!err && what == FLUSH_ONE)
		err = wppc_drive_move(d, WPP_IO_FLUSH, 0, 0, NULL, 0);
	else if (!err)
		err = wppc_drive_move(d, what == READ_ONE ? WPP_IO_READ : WPP_IO_WRITE,
				      what == FUA_ONE ? WPP_IO_FUA : 0, off, d->buf, WPPC_BLOCK);
	*took = now() - start;
	return err;
}

static int sample(struct wppc_drive *d, enum what what, uint64_t bytes, struct samples *s)
{
	uint64_t blocks = bytes / WPPC_BLOCK, x = 88172645463325252ull;
	uint64_t until = now() + SECONDS * 1000000000ull;
	int err = 0;

	for (s->nr = 0; !err && s->nr < NR_SAMPLES && now() < until; s->nr++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		err = one(d, what, x % blocks * WPPC_BLOCK, &s->ns[s->nr]);
	}
	qsort(s->ns, s->nr, sizeof(s->ns[0]), by_time);
	return err;
}

static void tell(const struct wppc_measure *how, enum what what, struct samples *s)
{
	struct wppc_latency one = {
		.name = names[what],
		.p50_us = microseconds(s, 0.5),
		.p99_us = microseconds(s, 0.99),
		.p999_us = microseconds(s, 0.999),
		.max_us = microseconds(s, 1),
		.samples = (unsigned int)s->nr,
	};

	how->latency(how->arg, &one);
}

static int sample_all(struct wppc_drive *d, uint64_t bytes, const struct wppc_measure *how)
{
	struct samples *s = malloc(sizeof(*s));
	int err = s ? 0 : WPP_ENOMEM;

	for (int i = 0; !err && i < NR_WHAT; i++) {
		if (i == FUA_ONE && !(d->medium->caps & WPP_CAP_FUA))
			continue;
		err = sample(d, (enum what)i, bytes, s);
		if (err || !s->nr)
			break;
		tell(how, (enum what)i, s);
	}
	free(s);
	return err;
}

/* Without a byte at its edges it is blank again for wpp format. */
static int clear_edges(struct wppc_drive *d)
{
	uint32_t len = d->medium->io_align * 8;
	uint64_t end = d->medium->size - EDGE;
	int err = 0;

	memset(d->buf, 0, EDGE);
	for (uint64_t off = 0; !err && off < EDGE; off += len)
		err = wppc_drive_move(d, WPP_IO_WRITE, 0, off, d->buf, len);
	for (uint64_t off = 0; !err && off < EDGE; off += len)
		err = wppc_drive_move(d, WPP_IO_WRITE, 0, end + off, d->buf, len);
	return err ? err : wppc_drive_move(d, WPP_IO_FLUSH, 0, 0, NULL, 0);
}

static int measure(struct wppc_drive *d, uint64_t bytes, const struct wppc_measure *how)
{
	double write, read = 0;
	int err;

	for (size_t i = 0; i < WPPC_DRIVE_BUF; i++)
		d->buf[i] = (uint8_t)(i * 2654435761u >> 13);
	write = stream_run(d, WPP_IO_WRITE, bytes, &err);
	if (!err)
		write = stream_run(d, WPP_IO_WRITE, bytes, &err);
	if (!err)
		read = stream_run(d, WPP_IO_READ, bytes, &err);
	if (err)
		return err;
	how->bandwidth(how->arg, write, read);
	err = sample_all(d, bytes, how);
	return err ? err : clear_edges(d);
}

int wppc_measure(struct wppc_drive *d, const struct wppc_measure *how, struct wpp_media_error *why)
{
	uint64_t bytes = d->medium->size < BYTES_MAX ? d->medium->size : BYTES_MAX;
	int err;

	if (bytes < WPPC_DRIVE_BUF)
		return wppc_why(why, WPP_ERANGE, "%s: at least %u MiB are needed", d->path,
				WPPC_DRIVE_BUF >> 20);
	err = measure(d, bytes, how);
	return err ? wppc_why(why, err, "%s: %s", d->path, wppc_strerror(err)) : 0;
}
