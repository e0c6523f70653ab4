/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The armed commit: by emergency_write alone, through each cut and each failed write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/sim.h>
#include <wpp/store.h>

#define SIZE	 (8u << 20)
#define NR_PAGES 24u

/* Between the store and the medium: counts, and lets the n-th emergency write fail. */
struct tap {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct wpp_backend *sim;
	uint64_t submits, polls, emergencies, fail_at;
};

struct bed {
	struct tap tap;
	struct wpp_medium medium;
	struct wpp_geometry geo;
	struct wpp_store *st;
	uint8_t *ws, *pages;
	uint64_t ws_len;
};

static struct tap *to_tap(struct wpp_backend *be)
{
	return (struct tap *)(void *)be;
}

static int tap_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	struct tap *t = to_tap(be);

	return t->sim->ops->probe(t->sim, m);
}

static int tap_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct tap *t = to_tap(be);

	t->submits++;
	return t->sim->ops->submit(t->sim, io);
}

static int tap_poll(struct wpp_backend *be)
{
	struct tap *t = to_tap(be);

	t->polls++;
	return t->sim->ops->poll(t->sim);
}

static int tap_emergency(struct wpp_backend *be, uint64_t off, const void *buf, uint32_t len)
{
	struct tap *t = to_tap(be);

	if (++t->emergencies == t->fail_at)
		return WPP_EIO;
	return t->sim->ops->emergency_write(t->sim, off, buf, len);
}

static void open_store(struct bed *b)
{
	const struct wpp_store_cfg cfg = { .size = sizeof(cfg) };
	struct wpp_diag diag;

	memset(b->ws, 0, b->ws_len);
	assert_int_equal(
		wpp_store_open(&b->st, &b->tap.be, &b->medium, &cfg, b->ws, b->ws_len, &diag), 0);
}

static void close_store(struct bed *b)
{
	wpp_store_close(b->st);
	b->st = NULL;
}

static void fill(uint8_t *pages, uint32_t generation)
{
	for (uint32_t i = 0; i < NR_PAGES * WPP_PAGE_SIZE; i++)
		pages[i] = (uint8_t)(i * 31 + (i >> 12) * 7 + generation * 101);
}

static int put_all(struct bed *b, struct wpp_writer *w, uint32_t generation)
{
	uint64_t page[NR_PAGES];
	int err;

	fill(b->pages, generation);
	for (uint32_t i = 0; i < NR_PAGES; i++)
		page[i] = i * 700; /* several tables */
	err = wpp_writer_put(w, WPP_SPACE_FIRST, page, NR_PAGES, b->pages);
	return err ? err : wpp_writer_stream(w, WPP_STREAM_PCB, b->pages, 5000);
}

static int save(struct bed *b, uint32_t generation, bool armed)
{
	struct wpp_writer *w;
	int err;

	assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w), 0);
	err = armed ? wpp_writer_arm(w) : 0; /* flushes, so a cut can hit it */
	if (!err)
		err = put_all(b, w, generation);
	if (err)
		wpp_writer_abort(w);
	return err ? err : wpp_writer_commit(w, 0, NULL);
}

/* Generation @generation is the newest, and whole. */
static void check(struct bed *b, uint32_t generation)
{
	uint8_t *want = malloc(NR_PAGES * WPP_PAGE_SIZE), *got = aligned_alloc(4096, 8192);
	struct wpp_generation gen;
	struct wpp_reader *r;
	struct wpp_diag diag;

	assert_true(want && got);
	fill(want, generation);
	assert_int_equal(wpp_reader_open(b->st, "image", 0, &r, &diag), 0);
	wpp_reader_generation(r, &gen);
	assert_int_equal(gen.generation, generation);
	assert_int_equal(gen.nr_pages, NR_PAGES);
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		struct wpp_run run;

		assert_int_equal(wpp_reader_next(r, WPP_SPACE_FIRST, i * 700, 1, &run), 0);
		assert_int_equal(run.page, i * 700);
		assert_int_equal(wpp_reader_gather(r, &run, 1, got, &diag), 0);
		assert_memory_equal(got, want + i * WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	}
	assert_int_equal(wpp_reader_stream_len(r, WPP_STREAM_PCB), 5000);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, got, 5000), 0);
	assert_memory_equal(got, want, 5000);
	wpp_reader_close(r);
	free(want);
	free(got);
}

static struct bed *bed_new(uint32_t caps)
{
	const struct wpp_sim_cfg sim = {
		.size = sizeof(sim), .bytes = SIZE, .caps = caps, .queue_depth = 4, .seed = 7
	};
	const struct wpp_store_cfg cfg = { .size = sizeof(cfg) };
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(wpp_sim_open(&sim, &b->tap.sim), 0);
	b->tap.ops = *b->tap.sim->ops;
	b->tap.ops.probe = tap_probe;
	b->tap.ops.submit = tap_submit;
	b->tap.ops.poll = tap_poll;
	b->tap.ops.lend = NULL;
	b->tap.ops.direct = NULL;
	b->tap.ops.emergency_write = b->tap.ops.emergency_write ? tap_emergency : NULL;
	b->tap.be.ops = &b->tap.ops;
	assert_int_equal(tap_probe(&b->tap.be, &b->medium), 0);
	assert_int_equal(wpp_geometry_fit(&b->geo, SIZE), 0);
	b->pages = aligned_alloc(4096, NR_PAGES * WPP_PAGE_SIZE);
	assert_int_equal(wpp_store_format(&b->tap.be, &b->medium, &b->geo, b->pages), 0);
	b->ws_len = wpp_store_workspace(&b->geo, &b->medium, &cfg);
	b->ws = aligned_alloc(4096, (b->ws_len + 4095) & ~4095ull);
	assert_true(b->pages && b->ws);
	open_store(b);
	assert_int_equal(save(b, 1, false), 0);
	return b;
}

static void bed_free(struct bed *b)
{
	if (b->st)
		close_store(b);
	b->tap.sim->ops->close(b->tap.sim);
	free(b->ws);
	free(b->pages);
	free(b);
}

static void nothing_but_emergency_writes(void **state)
{
	struct bed *b = bed_new(WPP_CAP_EMERGENCY);
	struct wpp_writer *w;
	uint64_t submits, polls;

	(void)state;
	assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(wpp_writer_arm(w), 0);
	submits = b->tap.submits;
	polls = b->tap.polls;
	assert_int_equal(put_all(b, w, 2), 0);
	assert_int_equal(wpp_writer_settle(w), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_int_equal(b->tap.submits, submits);
	assert_int_equal(b->tap.polls, polls);
	assert_true(b->tap.emergencies > 3);
	check(b, 2);
	close_store(b);
	open_store(b);
	check(b, 2);
	bed_free(b);
}

/* Armed once: the next generation goes the usual way. */
static void it_is_over_with_the_commit(void **state)
{
	struct bed *b = bed_new(WPP_CAP_EMERGENCY);
	struct wpp_writer *w;
	uint64_t emergencies;

	(void)state;
	assert_int_equal(save(b, 2, true), 0);
	emergencies = b->tap.emergencies;
	assert_int_equal(save(b, 3, false), 0);
	assert_int_equal(b->tap.emergencies, emergencies);
	assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(wpp_writer_arm(w), 0);
	wpp_writer_abort(w);
	assert_int_equal(save(b, 4, false), 0);
	assert_int_equal(b->tap.emergencies, emergencies);
	check(b, 4);
	bed_free(b);
}

static void what_can_not_be_armed(void **state)
{
	struct bed *b = bed_new(0);
	struct wpp_writer *w;

	(void)state;
	assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(wpp_writer_arm(w), WPP_EINVAL);
	wpp_writer_abort(w);
	bed_free(b);
	b = bed_new(WPP_CAP_EMERGENCY);
	assert_int_equal(wpp_writer_begin(b->st, "image", 0, &w), 0); /* builds on the older one */
	assert_int_equal(wpp_writer_arm(w), WPP_EINVAL);
	wpp_writer_abort(w);
	bed_free(b);
}

static void each_cut_leaves_one_or_the_other(void **state)
{
	uint32_t seen[3] = { 0 };
	bool died = true;

	(void)state;
	for (uint64_t cut = 1; died; cut++) {
		struct bed *b = bed_new(WPP_CAP_EMERGENCY);
		int err;

		wpp_sim_cut_at(b->tap.sim, cut);
		err = save(b, 2, true);
		died = wpp_sim_dead(b->tap.sim);
		assert_int_equal(err != 0, died);
		close_store(b);
		for (uint64_t img = 0; died && img < wpp_sim_images(b->tap.sim) && img < 64;
		     img++) {
			struct wpp_generation gen = { 0 };
			uint32_t pos = 0;

			assert_int_equal(wpp_sim_boot(b->tap.sim, img), 0);
			open_store(b);
			assert_int_equal(wpp_store_list(b->st, &pos, &gen), 0);
			assert_in_range(gen.generation, 1, 2);
			check(b, (uint32_t)gen.generation);
			seen[gen.generation]++;
			close_store(b);
		}
		bed_free(b);
	}
	assert_true(seen[1] > 10 && seen[2] > 0);
}

static void fua_done(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

/* Makes durable what it writes and, other than sim's own, nothing else: so the contract has it. */
static int fua_emergency(struct wpp_backend *be, uint64_t off, const void *buf, uint32_t len)
{
	struct wpp_backend *sim = to_tap(be)->sim;
	int err = WPP_EIO;
	struct wpp_io io = { .op = WPP_IO_WRITE,
			     .flags = WPP_IO_FUA,
			     .len = len,
			     .off = off,
			     .buf = (void *)(uintptr_t)buf,
			     .done = fua_done,
			     .owner = &err };
	int refused = sim->ops->submit(sim, &io);

	return refused ? refused : err;
}

static void what_was_put_before_is_durable(void **state)
{
	struct bed *b = bed_new(WPP_CAP_EMERGENCY | WPP_CAP_FUA);
	struct wpp_writer *w;
	uint64_t nr;

	(void)state;
	b->tap.ops.emergency_write = fua_emergency;
	assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(put_all(b, w, 2), 0);
	assert_int_equal(wpp_writer_arm(w), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	close_store(b);
	wpp_sim_cut(b->tap.sim);
	nr = wpp_sim_images(b->tap.sim);
	for (uint64_t img = 0; img < nr && img < 64; img++) {
		assert_int_equal(wpp_sim_boot(b->tap.sim, img), 0);
		open_store(b);
		check(b, 2);
		close_store(b);
	}
	bed_free(b);
}

static void each_failed_write_keeps_the_older(void **state)
{
	bool failed = true;

	(void)state;
	for (uint64_t n = 1; failed; n++) {
		struct bed *b = bed_new(WPP_CAP_EMERGENCY);

		b->tap.fail_at = n;
		failed = save(b, 2, true) != 0;
		assert_int_equal(failed, b->tap.emergencies >= n);
		if (failed) {
			struct wpp_writer *w;

			assert_int_equal(wpp_writer_begin(b->st, "image", WPP_WRITER_EMPTY, &w),
					 WPP_EPOISON);
			close_store(b);
			open_store(b);
			check(b, 1);
		}
		bed_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_but_emergency_writes),
		cmocka_unit_test(it_is_over_with_the_commit),
		cmocka_unit_test(what_can_not_be_armed),
		cmocka_unit_test(each_cut_leaves_one_or_the_other),
		cmocka_unit_test(what_was_put_before_is_durable),
		cmocka_unit_test(each_failed_write_keeps_the_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
