/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Does a drive keep what it acknowledged? Numbered blocks go round in slots,
 * some made durable by FLUSH, some by FUA; each number is told when it is
 * acknowledged. Every block tells what was acknowledged before it was written,
 * so what is found convicts a drive even when nobody noted the numbers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wpp/crc32c.h>

#include "control/qualify/move.h"
#include "control/why.h"

#define ROUND_MAX 16u /* numbers that may be in flight beyond the last acknowledged one */
#define SLOTS_MAX 65536u

static const char magic[8] = { 'W', 'P', 'P', 'Q', 'U', 'A', 'L', '1' };

struct block {
	char magic[8];
	uint64_t run;	 /* the same in all blocks of a sequence */
	uint64_t number; /* from 1; 0: the block that leads the sequence */
	uint64_t acked;	 /* the last number acknowledged when this one was written */
	uint64_t slots;
	uint64_t fill[(WPPC_BLOCK - 48) / 8];
	uint32_t zero;
	uint32_t crc;
};
_Static_assert(sizeof(struct block) == WPPC_BLOCK, "one block");

/* A sequence. */
struct run {
	uint64_t id;
	uint64_t slots;
};

static uint32_t block_crc(const struct block *b)
{
	return wpp_crc32c(0, b, offsetof(struct block, crc));
}

static void block_make(struct block *b, const struct run *run, uint64_t number, uint64_t acked)
{
	uint64_t x = run->id ^ (number * 0x9e3779b97f4a7c15ull) ^ 1;

	memcpy(b->magic, magic, sizeof(magic));
	b->run = run->id;
	b->number = number;
	b->acked = acked;
	b->slots = run->slots;
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
	return (1 + slot) * WPPC_BLOCK;
}

static uint64_t room(const struct wppc_drive *d)
{
	return d->medium->size / WPPC_BLOCK - 1;
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

static int submit(struct wppc_drive *d, struct round *r, uint32_t i)
{
	int err;

	while ((err = d->be->ops->submit(d->be, &r->io[i])) == WPP_EBUSY) {
		err = wppc_drive_poll(d);
		if (err)
			return err;
	}
	r->busy += !err;
	return err;
}

/* Numbers @first .. @first + @nr - 1, all at a time. */
static int write_round(struct wppc_drive *d, const struct run *run, uint64_t first, uint32_t nr,
		       uint32_t flags)
{
	struct round r = { .busy = 0 };
	struct block *b = (struct block *)(void *)d->buf;

	r.busy++; /* so that it can't reach zero meanwhile */
	for (uint32_t i = 0; i < nr && !r.err; i++) {
		block_make(&b[i], run, first + i, first - 1);
		r.io[i] = (struct wpp_io){
			.op = WPP_IO_WRITE,
			.flags = flags,
			.len = WPPC_BLOCK,
			.off = slot_off((first + i) % run->slots),
			.buf = &b[i],
			.done = round_done,
			.owner = &r,
		};
		r.err = submit(d, &r, i);
	}
	while (r.busy > 1) {
		int err = wppc_drive_poll(d);

		if (err)
			return err;
	}
	return r.err;
}

/* Every fourth round is one block with FUA, the others are some with a FLUSH behind. */
static int acknowledge(struct wppc_drive *d, const struct run *run, uint64_t *acked)
{
	uint64_t first = *acked + 1;
	uint32_t nr = 1 + (uint32_t)(first * 2654435761u >> 7) % ROUND_MAX;
	bool fua = d->medium->caps & WPP_CAP_FUA && first % 4 == 0;
	int err;

	if (fua)
		nr = 1;
	err = write_round(d, run, first, nr, fua ? WPP_IO_FUA : 0);
	if (!err && !fua)
		err = wppc_drive_move(d, WPP_IO_FLUSH, 0, 0, NULL, 0);
	if (!err)
		*acked = first + nr - 1;
	return err;
}

static int lead(struct wppc_drive *d, const struct run *run)
{
	int err;

	block_make((struct block *)(void *)d->buf, run, 0, 0);
	err = wppc_drive_move(d, WPP_IO_WRITE, 0, 0, d->buf, WPPC_BLOCK);
	return err ? err : wppc_drive_move(d, WPP_IO_FLUSH, 0, 0, NULL, 0);
}

static int draw(uint64_t *id)
{
	for (*id = 0; !*id;) {
		ssize_t n = getrandom(id, sizeof(*id), 0);

		if (n != sizeof(*id) && errno != EINTR)
			return n < 0 ? -errno : WPP_EIO;
	}
	return 0;
}

static int write_run(struct wppc_drive *d, const struct run *run, const struct wppc_sequence *seq)
{
	uint64_t acked = 0;
	int err = lead(d, run);

	if (!err)
		err = seq->begun(seq->arg, run->id);
	while (!err && (!seq->count || acked < seq->count)) {
		err = acknowledge(d, run, &acked);
		if (!err)
			err = seq->written(seq->arg, acked);
	}
	return err;
}

int wppc_sequence_write(struct wppc_drive *d, const struct wppc_sequence *seq,
			struct wpp_media_error *why)
{
	uint64_t most = room(d) < SLOTS_MAX ? room(d) : SLOTS_MAX;
	struct run run = { .slots = seq->slots ? seq->slots : most };
	int err = draw(&run.id);

	if (err)
		return wppc_why(why, err, "random number: %s", wppc_strerror(err));
	if (run.slots > room(d) || run.slots < WPPC_SLOTS_MIN)
		return wppc_why(why, WPP_ERANGE,
				"%s: there is room for %" PRIu64 " slots, at least %u are needed",
				d->path, room(d), WPPC_SLOTS_MIN);
	err = write_run(d, &run, seq);
	return err ? wppc_why(why, err, "%s: %s", d->path, wppc_strerror(err)) : 0;
}

/* ---- Checking ---- */

struct found {
	struct run run;
	uint64_t *number; /* [run.slots] 0: none that is whole */
	uint64_t newest, acked;
};

static void take(struct found *f, const struct block *b, uint64_t slot)
{
	if (!block_ok(b) || b->run != f->run.id || !b->number || b->number % f->run.slots != slot)
		return;
	f->number[slot] = b->number;
	if (b->number > f->newest)
		f->newest = b->number;
	if (b->acked > f->acked)
		f->acked = b->acked;
}

static int read_slots(struct wppc_drive *d, struct found *f)
{
	const struct block *b = (const struct block *)(const void *)d->buf;
	uint64_t chunk = d->medium->io_max < WPPC_DRIVE_BUF ? d->medium->io_max : WPPC_DRIVE_BUF;
	int err = 0;

	chunk /= WPPC_BLOCK;
	for (uint64_t slot = 0; !err && slot < f->run.slots; slot += chunk) {
		uint64_t nr = f->run.slots - slot < chunk ? f->run.slots - slot : chunk;

		err = wppc_drive_move(d, WPP_IO_READ, 0, slot_off(slot), d->buf,
				      (uint32_t)nr * WPPC_BLOCK);
		for (uint64_t i = 0; !err && i < nr; i++)
			take(f, &b[i], slot + i);
	}
	return err;
}

/* A later number may have been on its way into the slot when the power went. */
static bool is_kept(const struct found *f, uint64_t wanted, uint64_t number)
{
	uint64_t next = wanted + f->run.slots;
	bool in_flight = next <= f->acked + ROUND_MAX;

	return number == wanted || (in_flight && (!number || number == next));
}

static uint64_t count_lost(const struct found *f, const struct wppc_sequence *seq)
{
	uint64_t first = f->acked > f->run.slots ? f->acked - f->run.slots + 1 : 1, nr = 0;

	for (uint64_t n = first; n <= f->acked; n++) {
		uint64_t number = f->number[n % f->run.slots];

		if (is_kept(f, n, number))
			continue;
		nr++;
		seq->lost(seq->arg, n, number);
	}
	return nr;
}

/* Which sequence is there? WPPC_KEEPS: the one that is looked for. */
static int find_lead(struct wppc_drive *d, const struct wppc_sequence *seq, struct run *run,
		     enum wppc_verdict *verdict)
{
	const struct block *b = (const struct block *)(const void *)d->buf;
	int err = wppc_drive_move(d, WPP_IO_READ, 0, 0, d->buf, WPPC_BLOCK);
	bool there = !err && block_ok(b) && !b->number && b->slots >= WPPC_SLOTS_MIN &&
		     b->slots <= room(d);

	*verdict = WPPC_NO_SEQUENCE;
	if (there && (!seq->run || seq->run == b->run)) {
		*run = (struct run){ .id = b->run, .slots = b->slots };
		*verdict = WPPC_KEEPS;
	} else if (seq->run || seq->acked) {
		*verdict = there ? WPPC_SEQUENCE_REPLACED : WPPC_SEQUENCE_LOST;
	}
	return err;
}

static int check_slots(struct wppc_drive *d, const struct wppc_sequence *seq, struct found *f,
		       struct wppc_checked *out)
{
	int err;

	f->number = calloc(f->run.slots, sizeof(f->number[0]));
	err = f->number ? read_slots(d, f) : WPP_ENOMEM;
	if (!err) {
		if (seq->acked > f->acked)
			f->acked = seq->acked;
		out->newest = f->newest;
		out->acked = f->acked;
		out->nr_lost = count_lost(f, seq);
		out->verdict = !f->acked      ? WPPC_NOTHING_ACKED
			       : out->nr_lost ? WPPC_LIES
					      : WPPC_KEEPS;
	}
	free(f->number);
	return err;
}

int wppc_sequence_check(struct wppc_drive *d, const struct wppc_sequence *seq,
			struct wppc_checked *out, struct wpp_media_error *why)
{
	struct found f = { .number = NULL };
	int err;

	*out = (struct wppc_checked){ 0 };
	err = find_lead(d, seq, &f.run, &out->verdict);
	if (!err && out->verdict == WPPC_KEEPS)
		err = check_slots(d, seq, &f, out);
	return err ? wppc_why(why, err, "%s: %s", d->path, wppc_strerror(err)) : 0;
}
