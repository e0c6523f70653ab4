/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which generations are live (I3). The record with the highest sequence number
 * of an image speaks for the image: it and the records that it keeps are live;
 * every other one was released, and its blocks may have been used again.
 */
#include "plat.h"
#include "store_priv.h"

enum verdict {
	NOTHING = 0,
	RECORD, /* verifies, not yet judged */
	JUDGED,
};

struct slots {
	struct wppf_commit *rec; /* [nr_slots] */
	uint8_t verdict[WPPF_SLOTS_MAX];
};

/* The pool of tables is still empty: its memory holds all slots at once. */
static struct wppf_commit *slot_buffer(struct wpp_store *st)
{
	return (struct wppf_commit *)st->map.table;
}

/*
 * One unreadable block must not hide the others. But a writer would take its slot and the places of
 * its generation for free, so only a reader may go on without it.
 */
static int read_slots_singly(struct wpp_store *st, struct wppf_commit *rec, struct wpp_diag *diag)
{
	uint32_t failed = 0;
	int first = 0;

	for (uint32_t i = 0; i < st->nr_slots; i++) {
		uint64_t off = wppi_off(wppi_slot_place(st, i));
		int err = wpp_io_run(st->be, WPP_IO_READ, off, &rec[i], WPP_PAGE_SIZE);

		if (!err)
			continue;
		wppi_diag(diag, "commit record", off, 0, 0);
		wpp_memset(&rec[i], 0, sizeof(rec[i]));
		first = first ? first : err;
		failed++;
	}
	return st->rdonly && failed < st->nr_slots ? 0 : first;
}

static int read_slots(struct wpp_store *st, struct wppf_commit *rec, struct wpp_diag *diag)
{
	int err = 0, settled;

	for (uint32_t i = 0; i < st->nr_slots && !err; i++)
		err = wppi_moves_add(&st->moves, WPP_IO_READ, wppi_slot_place(st, i), &rec[i]);
	settled = wppi_moves_settle_reads(&st->moves);
	return err || settled ? read_slots_singly(st, rec, diag) : 0;
}

/* The highest sequence number; a damaged slot may hide one that is higher still. */
static int check_slots(struct wpp_store *st, struct slots *sl, struct wpp_diag *diag)
{
	uint32_t damaged = 0;

	for (uint32_t i = 0; i < st->nr_slots; i++) {
		const struct wppf_commit *rec = &sl->rec[i];
		int err = wppi_record_check(st, rec, wppi_off(wppi_slot_place(st, i)), diag);

		sl->verdict[i] = NOTHING;
		damaged += err == WPP_ECORRUPT;
		if (err == WPP_EFORMAT)
			return err;
		if (err)
			continue;
		if (wppf_get32(rec->head.ro_compat) & ~WPPF_RO_COMPAT_KNOWN && !st->rdonly)
			return WPP_EROFS;
		sl->verdict[i] = RECORD;
		if (wppf_get64(rec->seq) > st->last_seq)
			st->last_seq = wppf_get64(rec->seq);
	}
	st->last_seq += damaged;
	return 0;
}

/* The record not yet judged with the highest sequence number, or nr_slots. */
static uint32_t newest(const struct wpp_store *st, const struct slots *sl)
{
	uint32_t best = st->nr_slots;
	uint64_t best_seq = 0;

	for (uint32_t i = 0; i < st->nr_slots; i++) {
		if (sl->verdict[i] != RECORD || wppf_get64(sl->rec[i].seq) <= best_seq)
			continue;
		best = i;
		best_seq = wppf_get64(sl->rec[i].seq);
	}
	return best;
}

static bool seq_is_live(const struct wpp_store *st, uint64_t seq)
{
	for (uint32_t i = 0; i < WPPI_GENS; i++)
		if (st->gen[i].state == WPPI_GEN_LIVE && st->gen[i].seq == seq)
			return true;
	return false;
}

static int judge_image(struct wpp_store *st, struct slots *sl, uint32_t anchor)
{
	const struct wppf_commit *top = &sl->rec[anchor];

	for (uint32_t i = 0; i < st->nr_slots; i++) {
		const struct wppf_commit *rec = &sl->rec[i];
		struct wppi_gen *gen;
		uint64_t seq = wppf_get64(rec->seq);

		if (sl->verdict[i] != RECORD ||
		    wpp_memcmp(rec->image, top->image, sizeof(rec->image)))
			continue;
		sl->verdict[i] = JUDGED;
		st->slot[i] = WPPI_SLOT_STALE;
		if ((i != anchor && !wppi_record_keeps(top, seq)) || seq_is_live(st, seq))
			continue;
		gen = wppi_gen_new(st);
		if (!gen)
			return WPP_ENOMEM;
		wppi_record_decode(rec, gen);
		gen->slot = i;
		gen->state = WPPI_GEN_LIVE;
		st->slot[i] = WPPI_SLOT_LIVE;
	}
	return 0;
}

/* The live generation with the lowest sequence number above @seq. */
static struct wppi_gen *next_by_seq(const struct wpp_store *st, uint64_t seq)
{
	struct wppi_gen *best = NULL;

	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		struct wppi_gen *gen = &st->gen[i];

		if (gen->state == WPPI_GEN_LIVE && gen->seq > seq &&
		    (!best || gen->seq < best->seq))
			best = gen;
	}
	return best;
}

/* Oldest first: the tables of the newest stay in memory for the next writer. */
static int load_all(struct wpp_store *st, struct wpp_diag *diag)
{
	uint64_t seq = 0;
	struct wppi_gen *gen;

	while ((gen = next_by_seq(st, seq))) {
		int err = wppi_load(st, gen, &gen->blocks, diag);

		seq = gen->seq;
		gen->big = err == WPP_ENOMEM;
		if (gen->big)
			err = wppi_scan(st, gen, &gen->blocks, diag);
		if (err && err != WPP_ECORRUPT && !st->rdonly)
			return err; /* not damage: it is whole, only out of reach */
		if (err) {
			gen->state = WPPI_GEN_LOST;
			st->slot[gen->slot] = WPPI_SLOT_STALE;
		}
	}
	return 0;
}

int wppi_recover(struct wpp_store *st, struct wpp_diag *diag)
{
	struct slots sl = { .rec = slot_buffer(st) };
	uint32_t anchor;
	int err = read_slots(st, sl.rec, diag);

	if (!err)
		err = check_slots(st, &sl, diag);
	while (!err && (anchor = newest(st, &sl)) < st->nr_slots)
		err = judge_image(st, &sl, anchor);
	return err ? err : load_all(st, diag);
}
