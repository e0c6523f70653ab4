/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* sim: what a power cut may do does happen in some image, what it may not never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/sim.h>

#define BYTES (64u * 1024)
#define BLK   4096u

static _Alignas(4096) uint8_t buf[64 * 1024];

static struct wpp_backend *sim(struct wpp_sim_cfg cfg)
{
	struct wpp_backend *be;

	cfg.size = sizeof(cfg);
	cfg.bytes = cfg.bytes ? cfg.bytes : BYTES;
	assert_int_equal(wpp_sim_open(&cfg, &be), 0);
	return be;
}

static int put(struct wpp_backend *be, uint64_t off, uint32_t len, int fill)
{
	memset(buf, fill, len);
	return wpp_io_run(be, WPP_IO_WRITE, off, buf, len);
}

static int flush(struct wpp_backend *be)
{
	return wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0);
}

static uint8_t byte_at(struct wpp_backend *be, uint64_t off)
{
	return ((const uint8_t *)wpp_sim_contents(be))[off];
}

/* Which of the 2^3 choices of three blocks appear among the images? */
static uint32_t choices(struct wpp_backend *be)
{
	uint32_t seen = 0;

	for (uint64_t i = 0; i < wpp_sim_images(be); i++) {
		uint32_t bits = 0;

		assert_int_equal(wpp_sim_boot(be, i), 0);
		for (uint32_t b = 0; b < 3; b++)
			bits |= (uint32_t)(byte_at(be, b * BLK) == b + 1) << b;
		seen |= 1u << bits;
	}
	return seen;
}

static uint32_t choices_after_three_writes(uint32_t caps)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = caps, .tear = 4096 });
	uint32_t seen;

	for (int b = 0; b < 3; b++)
		assert_int_equal(put(be, (uint64_t)b * BLK, BLK, b + 1), 0);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 3);
	seen = choices(be);
	be->ops->close(be);
	return seen;
}

static void each_subset_appears(void **state)
{
	(void)state;
	assert_int_equal(choices_after_three_writes(0), 0xff);
}

static void ordered_loses_a_suffix_only(void **state)
{
	(void)state;
	/* 0, 1, 1+2, 1+2+3 as sets of bits 0..2 */
	assert_int_equal(choices_after_three_writes(WPP_CAP_ORDERED),
			 1u << 0 | 1u << 1 | 1u << 3 | 1u << 7);
}

static void flush_holds(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .tear = 8 });

	(void)state;
	assert_int_equal(put(be, 0, BLK, 1), 0);
	assert_int_equal(flush(be), 0);
	assert_int_equal(put(be, BLK, BLK, 2), 0);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 1);
	for (uint64_t i = 0; i < wpp_sim_images(be); i++) {
		assert_int_equal(wpp_sim_boot(be, i), 0);
		memset(buf, 1, BLK);
		assert_memory_equal(wpp_sim_contents(be), buf, BLK);
	}
	be->ops->close(be);
}

static void keep_result(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

/* Done inside submit: not deferred. */
static int put_fua(struct wpp_backend *be, uint64_t off, int fill)
{
	int result = 1;
	struct wpp_io io = { .op = WPP_IO_WRITE,
			     .flags = WPP_IO_FUA,
			     .len = BLK,
			     .off = off,
			     .buf = buf,
			     .done = keep_result,
			     .owner = &result };

	memset(buf, fill, BLK);
	assert_int_equal(be->ops->submit(be, &io), 0);
	return result;
}

/* A FUA write holds, alone; what it overtook in the same place is gone. */
static void fua_holds_alone(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = WPP_CAP_FUA, .tear = 4096 });

	(void)state;
	assert_int_equal(put(be, 0, BLK, 1), 0);
	assert_int_equal(put(be, BLK, BLK, 2), 0);
	assert_int_equal(put_fua(be, BLK, 3), 0);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 1);
	assert_int_equal(wpp_sim_images(be), 2);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(wpp_sim_boot(be, i), 0);
		assert_int_equal(byte_at(be, 0), i);
		assert_int_equal(byte_at(be, BLK), 3);
	}
	be->ops->close(be);
}

static void fua_keeps_an_order_that_is_kept(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = WPP_CAP_FUA | WPP_CAP_ORDERED });

	(void)state;
	assert_int_equal(put(be, 0, BLK, 1), 0);
	assert_int_equal(put_fua(be, BLK, 3), 0);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 0);
	be->ops->close(be);
}

static void fua_in_flight_may_be_lost(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = WPP_CAP_FUA, .tear = 4096 });

	(void)state;
	wpp_sim_cut_at(be, 1);
	assert_int_equal(put_fua(be, 0, 3), WPP_EIO);
	assert_int_equal(wpp_sim_images(be), 2);
	assert_int_equal(wpp_sim_boot(be, 0), 0);
	assert_int_equal(byte_at(be, 0), 0);
	be->ops->close(be);
}

static void cut_counts_writes_and_flushes(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .tear = 4096 });

	(void)state;
	wpp_sim_cut_at(be, 3);
	assert_int_equal(put(be, 0, BLK, 1), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, BLK), 0);
	assert_int_equal(flush(be), 0);
	assert_false(wpp_sim_dead(be));
	assert_int_equal(put(be, BLK, BLK, 2), WPP_EIO);
	assert_true(wpp_sim_dead(be));
	assert_int_equal(flush(be), WPP_EIO);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, BLK), WPP_EIO);
	assert_int_equal(wpp_sim_images(be), 2);
	assert_int_equal(wpp_sim_boot(be, 1), 0);
	assert_false(wpp_sim_dead(be));
	assert_int_equal(byte_at(be, 0), 1);
	assert_int_equal(byte_at(be, BLK), 2);
	be->ops->close(be);
}

static void boot_undoes_what_ran_since(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .tear = 4096 });

	(void)state;
	assert_int_equal(put(be, 0, BLK, 1), 0);
	wpp_sim_cut(be);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(wpp_sim_boot(be, 0), 0);
		assert_int_equal(byte_at(be, 0), 0);
		assert_int_equal(byte_at(be, 5 * BLK), 0);
		assert_int_equal(put(be, 5 * BLK, BLK, 9), 0);
		assert_int_equal(flush(be), 0);
		assert_int_equal(put(be, 0, BLK, 9), 0);
	}
	assert_int_equal(wpp_sim_boot(be, 2), WPP_EINVAL);
	be->ops->close(be);
}

/* Bytes of one torn write: @old and @new granules seen, and anything else. */
struct mix {
	bool mixed, whole, lost, garbage;
};

static void look(struct mix *mix, const uint8_t *p, uint32_t len, uint32_t tear)
{
	uint32_t new = 0, old = 0;

	for (uint32_t g = 0; g < len; g += tear) {
		bool is_new = true, is_old = true;

		for (uint32_t i = g; i < g + tear; i++) {
			is_new &= p[i] == 2;
			is_old &= p[i] == 1;
		}
		new += is_new;
		old += is_old;
	}
	mix->whole |= new == len / tear;
	mix->lost |= old == len / tear;
	mix->garbage |= old + new != len / tear;
	mix->mixed |= old && new;
}

static struct mix torn(struct wpp_sim_cfg cfg, uint32_t len)
{
	struct mix mix = { 0 };

	for (cfg.seed = 0; cfg.seed < 20; cfg.seed++) {
		struct wpp_backend *be = sim(cfg);

		assert_int_equal(put(be, 0, len, 1), 0);
		assert_int_equal(flush(be), 0);
		assert_int_equal(put(be, 0, len, 2), 0);
		wpp_sim_cut(be);
		for (uint64_t i = 0; i < wpp_sim_images(be); i++) {
			assert_int_equal(wpp_sim_boot(be, i), 0);
			look(&mix, wpp_sim_contents(be), len, cfg.tear);
		}
		be->ops->close(be);
	}
	return mix;
}

static void torn_at_each_granule(void **state)
{
	static const uint32_t tear[] = { 8, 512, 4096 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wpp_sim_cfg cfg = { .tear = tear[i], .caps = WPP_CAP_POWERSAFE };
		struct mix mix = torn(cfg, 4 * tear[i] < 512 ? 512 : 4 * tear[i]);

		assert_true(mix.mixed && mix.whole && mix.lost && !mix.garbage);
	}
}

static void one_granule_is_not_torn(void **state)
{
	struct mix mix = torn((struct wpp_sim_cfg){ .tear = 4096 }, 4096);

	(void)state;
	assert_true(mix.whole && mix.lost && !mix.mixed && !mix.garbage);
}

static void atomic_is_not_torn(void **state)
{
	struct wpp_sim_cfg cfg = { .tear = 8, .atomic_len = 4096, .caps = WPP_CAP_POWERSAFE };
	struct mix mix = torn(cfg, 4096);

	(void)state;
	assert_true(mix.whole && mix.lost && !mix.mixed);
	mix = torn(cfg, 8192);
	assert_true(mix.mixed);
}

static void garbage_without_powersafe(void **state)
{
	struct mix mix = torn((struct wpp_sim_cfg){ .tear = 512 }, 4096);

	(void)state;
	assert_true(mix.garbage);
}

static void many_writes_are_sampled(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .tear = 4096, .io_max = 4096 });
	bool none = false, all = false, one_lost = false, one_kept = false;

	(void)state;
	for (uint64_t b = 0; b < 14; b++)
		assert_int_equal(put(be, b * BLK, BLK, 1), 0);
	wpp_sim_cut(be);
	assert_true(wpp_sim_images(be) == UINT64_MAX);
	for (uint64_t i = 0; i < 100; i++) {
		uint32_t kept = 0;

		assert_int_equal(wpp_sim_boot(be, i), 0);
		for (uint64_t b = 0; b < 14; b++)
			kept += byte_at(be, b * BLK);
		none |= kept == 0;
		all |= kept == 14;
		one_lost |= kept == 13;
		one_kept |= kept == 1;
	}
	assert_true(none && all && one_lost && one_kept);
	be->ops->close(be);
}

static void images_replay(void **state)
{
	struct wpp_sim_cfg cfg = { .tear = 8, .seed = 7 };
	struct wpp_backend *a = sim(cfg), *b = sim(cfg);

	(void)state;
	for (uint64_t i = 0; i < 16; i++) {
		assert_int_equal(put(a, i * BLK, BLK, (int)i), 0);
		assert_int_equal(put(b, i * BLK, BLK, (int)i), 0);
	}
	wpp_sim_cut(a);
	wpp_sim_cut(b);
	for (uint64_t i = 0; i < 200; i++) {
		assert_int_equal(wpp_sim_boot(a, 199 - i), 0);
		assert_int_equal(wpp_sim_boot(a, i), 0);
		assert_int_equal(wpp_sim_boot(b, i), 0);
		assert_memory_equal(wpp_sim_contents(a), wpp_sim_contents(b), BYTES);
	}
	a->ops->close(a);
	b->ops->close(b);
}

/* Use the medium in every way that changes it. */
static void use_up(struct wpp_backend *be)
{
	assert_int_equal(put(be, 0, BLK, 9), 0);
	assert_int_equal(flush(be), 0);
	assert_int_equal(put(be, 2 * BLK, BLK, 9), 0);
	wpp_sim_damage(be, 5 * BLK + 8, "damaged", 8);
	if (be->ops->direct)
		memset(be->ops->direct(be, 9 * BLK, BLK), 9, BLK);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_boot(be, 1), 0);
	assert_int_equal(put(be, 7 * BLK, BLK, 9), 0);
	assert_int_equal(flush(be), 0);
}

static void load_undoes_everything(void **state)
{
	static uint8_t contents[BYTES], back[BYTES];

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		contents[i] = (uint8_t)(i * 7 + i / 4096);
	for (uint32_t i = 0; i < 2; i++) {
		struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = i * WPP_CAP_DIRECT });

		wpp_sim_load(be, contents);
		for (int round = 0; round < 3; round++) {
			assert_memory_equal(wpp_sim_contents(be), contents, BYTES);
			assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, back, BYTES), 0);
			assert_memory_equal(back, contents, BYTES);
			assert_int_equal(wpp_sim_boot(be, 0), WPP_EINVAL);
			use_up(be);
			assert_memory_not_equal(wpp_sim_contents(be), contents, BYTES);
			wpp_sim_load(be, NULL);
		}
		be->ops->close(be);
	}
}

/* ---- Direct ------------------------------------------------------------------------------- */

static void stores_are_pending_until_written_and_flushed(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = WPP_CAP_DIRECT, .tear = 8 });
	uint8_t *p = be->ops->direct(be, 0, BYTES);
	bool lost = false, kept = false, part = false;

	(void)state;
	assert_non_null(p);
	assert_null(be->ops->direct(be, BYTES - 8, 16));
	memset(p, 3, 64);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, p, 512), 0);
	assert_int_equal(flush(be), 0);
	memset(p + BLK, 4, 64); /* no WRITE */
	assert_int_equal(flush(be), 0);
	wpp_sim_cut(be);
	for (uint64_t i = 0; i < wpp_sim_images(be); i++) {
		uint32_t new = 0;

		assert_int_equal(wpp_sim_boot(be, i), 0);
		assert_int_equal(byte_at(be, 63), 3);
		for (uint32_t w = 0; w < 64; w += 8)
			new += byte_at(be, BLK + w) == 4;
		lost |= new == 0;
		kept |= new == 8;
		part |= new &&new < 8;
		memset(p + 3 * BLK, 9, 100); /* undone by the next boot */
		assert_int_equal(byte_at(be, 3 * BLK), 0);
	}
	assert_true(lost && kept && part);
	be->ops->close(be);
}

/* ---- Deferred completion --------------------------------------------------------------------- */

struct order {
	uint32_t nr;
	uint32_t who[8];
};

static void note_done(struct wpp_io *io, int err)
{
	struct order *o = io->owner;

	assert_int_equal(err, 0);
	o->who[o->nr++] = (uint32_t)(io->off / BLK);
}

static uint32_t run_deferred(uint64_t seed, struct order *o)
{
	struct wpp_sim_cfg cfg = { .flags = WPP_SIM_DEFER, .queue_depth = 4, .seed = seed };
	struct wpp_backend *be = sim(cfg);
	struct wpp_io io[5];
	uint32_t polls = 0;

	for (uint32_t i = 0; i < 5; i++) {
		io[i] = (struct wpp_io){ .op = WPP_IO_WRITE,
					 .len = BLK,
					 .off = i * BLK,
					 .buf = buf,
					 .done = note_done,
					 .owner = o };
		assert_int_equal(be->ops->submit(be, &io[i]), i < 4 ? 0 : WPP_EBUSY);
	}
	assert_int_equal(o->nr, 0);
	while (o->nr < 4) {
		assert_true(be->ops->poll(be) >= 0);
		assert_true(++polls < 1000);
	}
	be->ops->close(be);
	return o->who[0] == 0 && o->who[1] == 1 && o->who[2] == 2;
}

static void deferred_is_shuffled_and_full(void **state)
{
	uint32_t in_order = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct order o = { 0 };

		in_order += run_deferred(seed, &o);
	}
	assert_true(in_order < 25);
}

static void ignore_done(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

static void flush_does_not_cover_what_is_in_flight(void **state)
{
	struct wpp_sim_cfg cfg = { .flags = WPP_SIM_DEFER, .queue_depth = 4, .tear = 4096 };
	struct wpp_backend *be = sim(cfg);
	int wr = 1, fl = 1;
	struct wpp_io w = {
		.op = WPP_IO_WRITE, .len = BLK, .buf = buf, .done = ignore_done, .owner = &wr
	};
	struct wpp_io f = { .op = WPP_IO_FLUSH, .done = ignore_done, .owner = &fl };

	(void)state;
	memset(buf, 1, BLK);
	assert_int_equal(be->ops->submit(be, &w), 0);
	assert_int_equal(be->ops->submit(be, &f), 0);
	while (wr || fl)
		be->ops->poll(be);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 1);
	be->ops->close(be);
}

static void mistakes_of_the_caller_are_refused(void **state)
{
	struct wpp_sim_cfg cfg = { .flags = WPP_SIM_DEFER, .queue_depth = 4 };
	struct wpp_backend *be = sim(cfg);
	int err = 1;
	struct wpp_io io = {
		.op = WPP_IO_WRITE, .len = BLK, .buf = buf, .done = ignore_done, .owner = &err
	};
	struct wpp_io same = io;

	(void)state;
	assert_int_equal(put(be, 100, 512, 0), WPP_EINVAL);
	assert_int_equal(put(be, BYTES, 512, 0), WPP_ERANGE);
	assert_int_equal(put(be, BYTES - 512, 1024, 0), WPP_ERANGE);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf + 1, 512), WPP_EINVAL);
	assert_int_equal(be->ops->submit(be, &io), 0);
	assert_int_equal(be->ops->submit(be, &same), WPP_EINVAL); /* races with the first */
	buf[0] ^= 1;						  /* lent */
	while (err == 1)
		be->ops->poll(be);
	assert_int_equal(err, WPP_EINVAL);
	be->ops->close(be);
}

static void emergency_write_is_durable(void **state)
{
	struct wpp_backend *be = sim((struct wpp_sim_cfg){ .caps = WPP_CAP_EMERGENCY });

	(void)state;
	assert_null(be->ops->direct);
	memset(buf, 6, BLK);
	assert_int_equal(be->ops->emergency_write(be, BLK, buf, BLK), 0);
	wpp_sim_cut(be);
	assert_int_equal(wpp_sim_pending(be), 0);
	assert_int_equal(wpp_sim_images(be), 1);
	assert_int_equal(wpp_sim_boot(be, 0), 0);
	assert_int_equal(byte_at(be, BLK), 6);
	be->ops->close(be);
}

static void a_medium_that_cannot_be_is_refused(void **state)
{
	struct wpp_backend *be;
	struct wpp_sim_cfg cfg = { .size = sizeof(cfg), .bytes = BYTES, .tear = 100 };

	(void)state;
	assert_int_equal(wpp_sim_open(&cfg, &be), WPP_EINVAL);
	assert_null(be);
	cfg.tear = 8;
	cfg.caps = WPP_CAP_ALL + 1;
	assert_int_equal(wpp_sim_open(&cfg, &be), WPP_EINVAL);
	cfg.caps = 0;
	cfg.bytes = 4095;
	assert_int_equal(wpp_sim_open(&cfg, &be), WPP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_subset_appears),
		cmocka_unit_test(ordered_loses_a_suffix_only),
		cmocka_unit_test(flush_holds),
		cmocka_unit_test(fua_holds_alone),
		cmocka_unit_test(fua_keeps_an_order_that_is_kept),
		cmocka_unit_test(fua_in_flight_may_be_lost),
		cmocka_unit_test(cut_counts_writes_and_flushes),
		cmocka_unit_test(boot_undoes_what_ran_since),
		cmocka_unit_test(torn_at_each_granule),
		cmocka_unit_test(one_granule_is_not_torn),
		cmocka_unit_test(atomic_is_not_torn),
		cmocka_unit_test(garbage_without_powersafe),
		cmocka_unit_test(many_writes_are_sampled),
		cmocka_unit_test(images_replay),
		cmocka_unit_test(load_undoes_everything),
		cmocka_unit_test(stores_are_pending_until_written_and_flushed),
		cmocka_unit_test(deferred_is_shuffled_and_full),
		cmocka_unit_test(flush_does_not_cover_what_is_in_flight),
		cmocka_unit_test(mistakes_of_the_caller_are_refused),
		cmocka_unit_test(emergency_write_is_durable),
		cmocka_unit_test(a_medium_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
