/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random moves on a device that plays whatever the data sheet allows, against
 * an array of bytes. Each move is done once, with the right bytes, touching
 * nothing but its own buffer; a device that fails is noticed in bounded time.
 *
 * Seeds: test_fpga_moves [ROUNDS [FIRST]].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "rig.h"

#define BYTES	(1u << 20)
#define GRAIN	64u
#define MOVES	40
#define BUF_LEN (160u << 10)
#define BUF_PAD 8192u

#ifdef WPP_TEST_SMALL
static uint64_t nr_rounds = 15, first_seed = 1;
#else
static uint64_t nr_rounds = 150, first_seed = 1;
#endif

struct move {
	struct wpp_io io;
	struct round *round;
	uint8_t *mem; /* [BUF_LEN + BUF_PAD] */
	bool busy;
};

struct round {
	struct rig *rig;
	struct fpga f;
	uint64_t seed;
	struct move move[MOVES];
	uint8_t want[BYTES];
	bool unknown[BYTES / GRAIN]; /* a failed write was there */
	uint32_t nr_started, nr_done, nr_failed;
	bool over; /* the medium is lost: nothing may be done any more */
};

static uint64_t pick(struct round *r, uint64_t n)
{
	return rig_random(r->rig) % n;
}

static void check(struct round *r, bool ok, const char *what)
{
	if (!ok)
		fail_msg("%s: replay with: test_fpga_moves 1 %llu", what,
			 (unsigned long long)r->seed);
}

/* ---- The model of the medium -------------------------------------------------------------- */

static void forget(struct round *r, const struct wpp_io *io)
{
	if (io->op == WPP_IO_WRITE)
		for (uint64_t at = io->off; at < io->off + io->len; at += GRAIN)
			r->unknown[at / GRAIN] = true;
}

static void expect(struct round *r, const struct wpp_io *io, const uint8_t *data)
{
	memcpy(r->want + io->off, data, io->len);
	for (uint64_t at = io->off; at < io->off + io->len; at += GRAIN)
		r->unknown[at / GRAIN] = false;
}

static bool is_as_wanted(const struct round *r, uint64_t off, uint32_t len, const uint8_t *data)
{
	for (uint32_t i = 0; i < len; i += GRAIN)
		if (!r->unknown[(off + i) / GRAIN] && memcmp(r->want + off + i, data + i, GRAIN))
			return false;
	return true;
}

/* ---- Moves -------------------------------------------------------------------------------- */

static uint8_t *data_of(const struct move *mv)
{
	return mv->io.flags & WPP_IO_PHYS ? mv->io.owner : mv->io.buf;
}

static void move_done(struct wpp_io *io, int err)
{
	struct move *mv = (struct move *)(void *)io;
	struct round *r = mv->round;

	check(r, mv->busy, "done() ran twice");
	check(r, !r->over, "done() ran on a lost medium");
	mv->busy = false;
	r->nr_done++;
	r->nr_failed += err != 0;
	if (err)
		forget(r, io);
	else if (io->op == WPP_IO_READ)
		check(r, is_as_wanted(r, io->off, io->len, data_of(mv)), "read other bytes");
}

static bool overlap(const struct wpp_io *a, const struct wpp_io *b)
{
	return a->off < b->off + b->len && b->off < a->off + a->len;
}

/* There is no order between the queues. */
static bool is_in_the_way(const struct round *r, const struct wpp_io *io)
{
	for (int i = 0; i < MOVES; i++)
		if (r->move[i].busy && r->move[i].io.op != io->op && overlap(&r->move[i].io, io))
			return true;
	return false;
}

static uint32_t pick_len(struct round *r)
{
	static const uint32_t most[] = { 64, 4096, 16384, BUF_LEN };
	uint32_t len = 1 + (uint32_t)pick(r, most[pick(r, 4)]);

	return (len + GRAIN - 1) & ~(GRAIN - 1);
}

/* A bus address where the rig has one for the whole move. */
static void make_physical(struct round *r, struct move *mv)
{
	uint64_t va = (uintptr_t)mv->io.buf;
	uint32_t contig;

	mv->io.pa = r->rig->env.to_bus(r->rig, mv->io.buf, mv->io.len, &contig);
	if (contig < mv->io.len)
		return;
	mv->io.flags = WPP_IO_PHYS;
	mv->io.owner = (void *)(uintptr_t)va;
	mv->io.buf = NULL;
}

static void fill(struct round *r, uint8_t *data, uint32_t len)
{
	uint64_t word = rig_random(r->rig);

	for (uint32_t i = 0; i < len; i += 8) {
		memcpy(data + i, &word, 8);
		word = word * 6364136223846793005ull + 1442695040888963407ull;
	}
}

static void start(struct round *r, struct move *mv)
{
	static const uint32_t ops[] = { WPP_IO_WRITE, WPP_IO_WRITE, WPP_IO_WRITE, WPP_IO_READ,
					WPP_IO_READ,  WPP_IO_READ,  WPP_IO_FLUSH };
	uint8_t *data = mv->mem + pick(r, BUF_PAD / GRAIN) * GRAIN;
	uint32_t len = pick_len(r);
	int err;

	mv->io = (struct wpp_io){ .op = ops[pick(r, 7)], .buf = data, .done = move_done };
	if (mv->io.op != WPP_IO_FLUSH) {
		mv->io.len = len;
		mv->io.off = pick(r, (BYTES - len) / GRAIN + 1) * GRAIN;
		if (is_in_the_way(r, &mv->io))
			return;
		if (pick(r, 2))
			make_physical(r, mv);
	}
	fill(r, data, mv->io.len);
	mv->busy = true; /* done() may run inside */
	err = r->f.be.ops->submit(&r->f.be, &mv->io);
	check(r, !err || err == WPP_EBUSY, "submit() refused a good move");
	mv->busy = !err;
	r->nr_started += !err;
	if (!err && mv->io.op == WPP_IO_WRITE)
		expect(r, &mv->io, data);
}

/* The IOMMU: a device reads what is written to it and the other way, while it is in flight. */
static bool may_dma(struct rig *rig, const uint8_t *va, uint32_t len, bool write)
{
	const struct round *r = rig->owner;

	for (int i = 0; i < MOVES; i++) {
		const struct move *mv = &r->move[i];
		const uint8_t *data = data_of(mv);

		if (mv->busy && mv->io.op == (write ? WPP_IO_READ : WPP_IO_WRITE) && va >= data &&
		    va + len <= data + mv->io.len)
			return !r->over;
	}
	rig->wrong = "the device was sent to foreign memory";
	return false;
}

/* ---- Rounds ------------------------------------------------------------------------------- */

static void check_rules(struct round *r)
{
	check(r, !r->rig->wrong, r->rig->wrong);
	check(r, rig_unusable_are_untouched(r->rig), "an unusable slot was used");
	check(r, (r->f.ring.error & FPGA_ERROR_CODE_MASK) < FPGA_RING_FAULT,
	      "the driver halted the device");
}

static void begin(struct round *r, uint64_t seed, const struct fpga_model_knobs *fate)
{
	struct rig_cfg cfg = { .seed = seed, .medium_size = BYTES };
	struct rig pre = { .random = seed * 77 };
	struct wpp_medium m;

	cfg.knobs = *fate;
	cfg.knobs.seed = seed;
	cfg.knobs.max_transfer = 4096u << rig_random(&pre) % 5;
	cfg.knobs.max_inflight = 1 + (uint32_t)(rig_random(&pre) % 300);
	cfg.knobs.bandwidth = rig_random(&pre) % 2 ? 2000000000 : 0;
	cfg.knobs.latency_ns = rig_random(&pre) % 3 * 20000;
	cfg.knobs.cache_bytes = rig_random(&pre) % 3 * 65536;
	cfg.nr_slots = 128u << rig_random(&pre) % 3;
	cfg.first_index =
		(0u - 128u * (uint32_t)(rig_random(&pre) % 4)) + (uint32_t)(rig_random(&pre) % 127);
	cfg.late = (uint32_t)(rig_random(&pre) % 90);
	cfg.step_max = (uint32_t)(rig_random(&pre) % 5);
	cfg.contiguous = rig_random(&pre) % 4 == 0;
	cfg.no_bus_master = rig_random(&pre) % 2;
	r->seed = seed;
	r->rig = rig_new(&cfg, NULL);
	assert_non_null(r->rig);
	r->rig->owner = r;
	r->rig->may_dma = may_dma;
	assert_int_equal(wppi_fpga_init(&r->f, &r->rig->env, r->rig->mem), 0);
	assert_int_equal(r->f.be.ops->probe(&r->f.be, &m), 0);
	rig_mark_unusable(r->rig);
}

/* Moves until all are through, or the medium is lost: true. */
static bool run(struct round *r, uint32_t nr_moves)
{
	uint64_t moved_ns = r->rig->now_ns;
	int n = 0, idle = 0;

	while (n >= 0 && (r->nr_started < nr_moves || r->nr_done < r->nr_started)) {
		struct move *mv = &r->move[pick(r, MOVES)];

		if (!mv->busy && r->nr_started < nr_moves && pick(r, 4))
			start(r, mv);
		else
			n = r->f.be.ops->poll(&r->f.be);
		if (n)
			moved_ns = r->rig->now_ns;
		idle = n ? 0 : idle + 1;
		if (idle > 500)
			r->rig->now_ns += 10000000; /* nothing moves: don't wait for it */
		/* A long move completes nothing for the time of many commands. */
		check(r, r->rig->now_ns - moved_ns < 60 * FPGA_TIMEOUT_NS, "waits for ever");
	}
	check_rules(r);
	return n < 0;
}

static void read_back(struct round *r)
{
	uint8_t *data = aligned_alloc(4096, BYTES);

	r->rig->may_dma = NULL;
	assert_int_equal(wpp_io_run(&r->f.be, WPP_IO_READ, 0, data, BYTES), 0);
	check(r, is_as_wanted(r, 0, BYTES, data), "the medium has other bytes");
	assert_int_equal(wpp_io_run(&r->f.be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	check(r, is_as_wanted(r, 0, BYTES, r->rig->medium), "flushed, but not on the medium");
	free(data);
}

static struct round *round_new(void)
{
	struct round *r = calloc(1, sizeof(*r));

	for (int i = 0; i < MOVES; i++) {
		r->move[i].mem = aligned_alloc(4096, BUF_LEN + BUF_PAD);
		r->move[i].round = r;
	}
	return r;
}

static void round_free(struct round *r)
{
	r->f.be.ops->close(&r->f.be);
	rig_free(r->rig);
	for (int i = 0; i < MOVES; i++)
		free(r->move[i].mem);
	free(r);
}

static void legal_devices_lose_nothing(void **state)
{
	const struct fpga_model_knobs fate = { .bandwidth = 0 };

	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + nr_rounds; seed++) {
		struct round *r = round_new();

		begin(r, seed, &fate);
		check(r, !run(r, 250), "the medium was lost");
		check(r, r->nr_done == r->nr_started && !r->nr_failed, "not all was done");
		read_back(r);
		round_free(r);
	}
}

/* One command fails: its move fails, all others are whole. */
static void errors_stay_where_they_are(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + nr_rounds; seed++) {
		struct fpga_model_knobs fate = { .error_at = 1 + seed * 7 % 400 };
		struct round *r = round_new();

		fate.error_code = FPGA_BAD_OPCODE + (uint32_t)(seed % 6);
		begin(r, seed, &fate);
		check(r, !run(r, 150), "the medium was lost");
		check(r, r->nr_failed == rig_counts(r->rig).failed, "failures are not one to one");
		check(r, r->nr_done == r->nr_started, "not all was done");
		fpga_model_knobs(r->rig->m)->error_at = 0;
		read_back(r);
		round_free(r);
	}
}

/* Everything that was in flight is unknown; the rest is there after a new start. */
static void start_anew(struct round *r)
{
	struct wpp_medium m;

	*fpga_model_knobs(r->rig->m) = (struct fpga_model_knobs){
		.max_transfer = r->rig->cfg.knobs.max_transfer,
		.max_inflight = r->rig->cfg.knobs.max_inflight,
		.max_slots = 4096,
	};
	for (int i = 0; i < MOVES; i++)
		if (r->move[i].busy)
			forget(r, &r->move[i].io);
	assert_int_equal(wppi_fpga_init(&r->f, &r->rig->env, r->rig->mem), 0);
	assert_int_equal(r->f.be.ops->probe(&r->f.be, &m), 0);
	read_back(r);
}

static void check_lost(struct round *r)
{
	struct wpp_io flush = { .op = WPP_IO_FLUSH, .done = move_done };
	uint64_t nr_dmas = r->rig->nr_dmas;

	r->over = true;
	check(r, r->f.ring.quiet || r->f.ring.fault == FPGA_GONE, "not quiet");
	check(r, r->f.be.ops->poll(&r->f.be) == WPP_EIO, "poll() forgot the loss");
	check(r, r->f.be.ops->submit(&r->f.be, &flush) == WPP_EIO, "submit() after all");
	for (int i = 0; i < 1000; i++)
		rig_tick(r->rig);
	check(r, r->rig->nr_dmas == nr_dmas, "DMA after the loss");
}

static void lost_devices_are_noticed(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + nr_rounds; seed++) {
		struct fpga_model_knobs fate = { .torn = seed & 8 };
		uint64_t when = 1 + seed * 13 % 300;
		struct round *r = round_new();

		*(seed % 3 == 0	  ? &fate.die_at
		  : seed % 3 == 1 ? &fate.drop_after
				  : &fate.stuck_after) = when;
		begin(r, seed, &fate);
		check(r, run(r, 400), "the loss was not noticed");
		check(r, r->f.ring.fault == (fate.die_at ? FPGA_GONE : FPGA_TIMEOUT),
		      "wrong fault");
		check_lost(r);
		if (!fate.die_at)
			start_anew(r);
		round_free(r);
	}
}

/* Somebody else resets the device while moves are in flight. */
static void foreign_resets_are_noticed(void **state)
{
	const struct fpga_model_knobs fate = { .bandwidth = 0 };

	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + nr_rounds / 3; seed++) {
		struct round *r = round_new();

		begin(r, seed, &fate);
		check(r, !run(r, (uint32_t)(seed % 20)), "lost too early");
		do
			start(r, &r->move[0]);
		while (!r->move[0].busy);
		if (seed % 2)
			fpga_model_write(r->rig->m, FPGA_CONTROL, 4, FPGA_CONTROL_RESET);
		else
			fpga_model_reset(r->rig->m);
		if (run(r, r->nr_started))
			check(r, r->f.ring.fault == (seed % 2 ? FPGA_TAKEN : FPGA_GONE), "fault");
		round_free(r);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_devices_lose_nothing),
		cmocka_unit_test(errors_stay_where_they_are),
		cmocka_unit_test(lost_devices_are_noticed),
		cmocka_unit_test(foreign_resets_are_noticed),
	};

	if (argc > 1)
		nr_rounds = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
