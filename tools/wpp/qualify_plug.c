/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Does a drive keep what it acknowledged? Numbered blocks go round in slots,
 * some made durable by FLUSH, some by FUA; each number is printed when it is
 * acknowledged. Every block tells what was acknowledged before it was written,
 * so what is found convicts a drive even when nobody noted the numbers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wpp/crc32c.h>

#include "qualify.h"

#define ROUND_MAX 16u /* numbers that may be in flight beyond the last acknowledged one */
#define SLOTS_MAX 65536u
#define TELL_MAX  8u

static const char magic[8] = { 'W', 'P', 'P', 'Q', 'U', 'A', 'L', '1' };

struct block {
	char magic[8];
	uint64_t run;	 /* the same in all blocks of a sequence */
	uint64_t number; /* from 1; 0: the block that leads the sequence */
	uint64_t acked;	 /* the last number acknowledged when this one was written */
	uint64_t slots;
	uint64_t fill[(QUALIFY_BLOCK - 48) / 8];
	uint32_t zero;
	uint32_t crc;
};
_Static_assert(sizeof(struct block) == QUALIFY_BLOCK, "one block");

static uint32_t block_crc(const struct block *b)
{
	return wpp_crc32c(0, b, offsetof(struct block, crc));
}

static void block_make(struct block *b, uint64_t run, uint64_t number, uint64_t acked,
		       uint64_t slots)
{
	uint64_t x = run ^ (number * 0x9e3779b97f4a7c15ull) ^ 1;

	memcpy(b->magic, magic, sizeof(magic));
	b->run = run;
	b->number = number;
	b->acked = acked;
	b->slots = slots;
	for (size_t i = 0; i < sizeof(b->fill) / sizeof(b->fill[0]); i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		b->fill[i] = x;
	}
	b->zero = 0;
	b->crc = block_crc(b);
}

static bool block_ok(const struct block *b)
{
	return !memcmp(b->magic, magic, sizeof(magic)) && b->crc == block_crc(b);
}

/* The leading block, then the slots. */
static uint64_t slot_off(uint64_t slot)
{
	return (1 + slot) * QUALIFY_BLOCK;
}

static uint64_t room(const struct qualify *q)
{
	return q->m->size / QUALIFY_BLOCK - 1;
}

/* ---- Writing ---- */

struct round {
	struct wpp_io io[ROUND_MAX];
	uint32_t busy;
	int err;
};

static void round_done(struct wpp_io *io, int err)
{
	struct round *r = io->owner;

	r->busy--;
	if (err && !r->err)
		r->err = err;
}

static int submit(struct qualify *q, struct round *r, uint32_t i)
{
	int err;

	while ((err = q->be->ops->submit(q->be, &r->io[i])) == WPP_EBUSY)
		if (q->be->ops->poll(q->be) < 0)
			return WPP_EIO;
	r->busy += !err;
	return err;
}

/* Numbers @first .. @first + @nr - 1, all at a time. */
static int write_round(struct qualify *q, uint64_t run, uint64_t first, uint32_t nr, uint32_t flags)
{
	struct round r = { .busy = 0 };
	struct block *b = (struct block *)(void *)q->buf;

	r.busy++; /* so that it can't reach zero meanwhile */
	for (uint32_t i = 0; i < nr && !r.err; i++) {
		block_make(&b[i], run, first + i, first - 1, q->slots);
		r.io[i] = (struct wpp_io){
			.op = WPP_IO_WRITE,
			.flags = flags,
			.len = QUALIFY_BLOCK,
			.off = slot_off((first + i) % q->slots),
			.buf = &b[i],
			.done = round_done,
			.owner = &r,
		};
		r.err = submit(q, &r, i);
	}
	while (r.busy > 1)
		if (q->be->ops->poll(q->be) < 0)
			return WPP_EIO;
	return r.err;
}

/* Every fourth round is one block with FUA, the others are some with a FLUSH behind. */
static int acknowledge(struct qualify *q, uint64_t run, uint64_t *acked)
{
	uint64_t first = *acked + 1;
	uint32_t nr = 1 + (uint32_t)(first * 2654435761u >> 7) % ROUND_MAX;
	bool fua = q->m->caps & WPP_CAP_FUA && first % 4 == 0;
	int err;

	if (fua)
		nr = 1;
	err = write_round(q, run, first, nr, fua ? WPP_IO_FUA : 0);
	if (!err && !fua)
		err = qualify_move(q, WPP_IO_FLUSH, 0, 0, NULL, 0);
	if (!err)
		*acked = first + nr - 1;
	return err;
}

static int lead(struct qualify *q, uint64_t run)
{
	int err;

	block_make((struct block *)(void *)q->buf, run, 0, 0, q->slots);
	err = qualify_move(q, WPP_IO_WRITE, 0, 0, q->buf, QUALIFY_BLOCK);
	return err ? err : qualify_move(q, WPP_IO_FLUSH, 0, 0, NULL, 0);
}

int qualify_write(struct qualify *q)
{
	uint64_t run = 0, acked = 0;
	int err;

	while (!run)
		if (getrandom(&run, sizeof(run), 0) != sizeof(run))
			return fail(WPP_EIO, "random number");
	if (!q->slots)
		q->slots = room(q) < SLOTS_MAX ? room(q) : SLOTS_MAX;
	if (q->slots > room(q) || q->slots < 4 * ROUND_MAX) {
		complain("%s: there is room for %" PRIu64 " slots, at least %u are needed", q->path,
			 room(q), 4 * ROUND_MAX);
		return EXIT_FAILED;
	}
	err = lead(q, run);
	if (!err)
		printf("run %016" PRIx64 "\n", run);
	while (!err && (!q->count || acked < q->count)) {
		fflush(stdout);
		err = acknowledge(q, run, &acked);
		if (!err)
			printf("%" PRIu64 "\n", acked);
	}
	return err ? fail(err, q->path) : EXIT_DONE;
}

/* ---- Checking ---- */

struct found {
	uint64_t *number; /* [slots] 0: none that is whole */
	uint64_t newest, acked;
	uint64_t nr_lost;
};

static void take(struct qualify *q, struct found *f, const struct block *b, uint64_t slot)
{
	if (!block_ok(b) || b->run != q->run || !b->number || b->number % q->slots != slot)
		return;
	f->number[slot] = b->number;
	if (b->number > f->newest)
		f->newest = b->number;
	if (b->acked > f->acked)
		f->acked = b->acked;
}

static int read_slots(struct qualify *q, struct found *f)
{
	const struct block *b = (const struct block *)(const void *)q->buf;
	uint64_t chunk = q->m->io_max < QUALIFY_BUF ? q->m->io_max : QUALIFY_BUF;
	int err = 0;

	chunk /= QUALIFY_BLOCK;
	for (uint64_t slot = 0; !err && slot < q->slots; slot += chunk) {
		uint64_t nr = q->slots - slot < chunk ? q->slots - slot : chunk;

		err = qualify_move(q, WPP_IO_READ, 0, slot_off(slot), q->buf,
				   (uint32_t)nr * QUALIFY_BLOCK);
		for (uint64_t i = 0; !err && i < nr; i++)
			take(q, f, &b[i], slot + i);
	}
	return err;
}

/* A later number may have been on its way into the slot when the power went. */
static bool is_kept(const struct qualify *q, uint64_t wanted, uint64_t number, uint64_t acked)
{
	uint64_t next = wanted + q->slots;
	bool in_flight = next <= acked + ROUND_MAX;

	return number == wanted || (in_flight && (!number || number == next));
}

static void count_lost(const struct qualify *q, struct found *f)
{
	uint64_t first = f->acked > q->slots ? f->acked - q->slots + 1 : 1;

	for (uint64_t n = first; n <= f->acked; n++) {
		uint64_t number = f->number[n % q->slots];

		if (is_kept(q, n, number, f->acked))
			continue;
		if (f->nr_lost++ < TELL_MAX && number)
			complain("%s: number %" PRIu64 " was acknowledged and is lost: %" PRIu64
				 " is in its place",
				 q->path, n, number);
		else if (f->nr_lost <= TELL_MAX)
			complain("%s: number %" PRIu64 " was acknowledged and is lost: nothing "
				 "whole is in its place",
				 q->path, n);
	}
}

static int verdict(const struct qualify *q, const struct found *f)
{
	bool none = !f->acked;

	if (q->tool->json)
		print_json(json_pack("{s:s, s:I, s:I, s:I, s:s}", "path", q->path, "acked",
				     (json_int_t)f->acked, "newest", (json_int_t)f->newest, "lost",
				     (json_int_t)f->nr_lost, "verdict",
				     f->nr_lost ? "lies"
				     : none	? "nothing acknowledged"
						: "keeps"));
	if (none) {
		complain("%s: nothing was acknowledged: it ran too short", q->path);
		return EXIT_NOTHING;
	}
	if (f->nr_lost)
		complain("%s: %" PRIu64 " acknowledged blocks are lost: this drive lies about "
			 "flushes; do not trust it with images",
			 q->path, f->nr_lost);
	else
		say(q->tool, "wpp: %s: all that was acknowledged up to number %" PRIu64 " is there",
		    q->path, f->acked);
	return f->nr_lost ? EXIT_DAMAGED : EXIT_DONE;
}

/* Which sequence is there? */
static int find_lead(struct qualify *q)
{
	const struct block *b = (const struct block *)(const void *)q->buf;
	int err = qualify_move(q, WPP_IO_READ, 0, 0, q->buf, QUALIFY_BLOCK);
	bool there = !err && block_ok(b) && !b->number && b->slots >= 4 * ROUND_MAX &&
		     b->slots <= room(q);

	if (err)
		return fail(err, q->path);
	if (there && (!q->run || q->run == b->run)) {
		q->run = b->run;
		q->slots = b->slots;
		return EXIT_DONE;
	}
	if (q->run || q->acked) {
		complain("%s: the sequence was acknowledged and %s: this drive lies about flushes",
			 q->path, there ? "another one is in its place" : "is lost");
		return EXIT_DAMAGED;
	}
	complain("%s: no sequence is there; wpp qualify --write makes one", q->path);
	return EXIT_NOTHING;
}

int qualify_check(struct qualify *q)
{
	struct found f = { 0 };
	int code = find_lead(q), err;

	if (code)
		return code;
	f.number = calloc(q->slots, sizeof(f.number[0]));
	err = f.number ? read_slots(q, &f) : WPP_ENOMEM;
	if (!err) {
		if (q->acked > f.acked)
			f.acked = q->acked;
		count_lost(q, &f);
		code = verdict(q, &f);
	}
	free(f.number);
	return err ? fail(err, q->path) : code;
}
