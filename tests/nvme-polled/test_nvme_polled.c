/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The polled NVMe driver on a model of a controller. */
#include "../backend/conformance.h"

#include "nvme_model.h"

#ifdef WPP_TEST_SMALL
#define NR_STEPS 2000
#else
#define NR_STEPS 20000
#endif

struct bed {
	struct nvme_model *model;
	struct nvme nv;
	struct wpp_medium m;
	int probed;
};

static void bed_init(struct bed *bed, uint64_t seed)
{
	bed->model = model_new(seed);
}

static int bed_probe(struct bed *bed)
{
	struct nvme_env env = model_env(bed->model);

	assert_int_equal(
		nvme_init(&bed->nv, &env, bed->model->shared, (uintptr_t)bed->model->shared), 0);
	bed->probed = bed->nv.be.ops->probe(&bed->nv.be, &bed->m);
	return bed->probed;
}

static void bed_end(struct bed *bed)
{
	bed->nv.be.ops->close(&bed->nv.be);
	if (bed->model->broken)
		fail_msg("the driver broke a rule: %s", bed->model->why);
	assert_false(bed->model->bus_master);
	model_free(bed->model);
}

static struct wpp_io phys(uint32_t op, uint64_t off, const void *buf, uint32_t len)
{
	return (struct wpp_io){ .op = op,
				.flags = WPP_IO_PHYS,
				.off = off,
				.pa = (uintptr_t)buf,
				.len = len,
				.done = witness_done };
}

static int start(struct bed *bed, struct witness *w, struct wpp_io io)
{
	*w = (struct witness){ .io = io };
	w->io.owner = w;
	return bed->nv.be.ops->submit(&bed->nv.be, &w->io);
}

static int finish(struct bed *bed, struct witness *w)
{
	int n = 0;

	for (int i = 0; i < 10000000 && !w->nr_done && n >= 0; i++)
		n = bed->nv.be.ops->poll(&bed->nv.be);
	return n < 0 ? n : w->nr_done == 1 ? w->err : -1;
}

/* ---- The suite of all backends, by an adapter that turns buf into pa ----------------------- */

struct adapter {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct bed bed;
};

static struct bed *bed_of(struct wpp_backend *be)
{
	return &((struct adapter *)be)->bed;
}

static int adapter_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	int err = bed_probe(bed_of(be));

	*m = bed_of(be)->m;
	m->io_max = m->io_max < CONFORMANCE_BUF ? m->io_max : CONFORMANCE_BUF;
	return err;
}

static int adapter_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct bed *bed = bed_of(be);

	io->flags |= WPP_IO_PHYS;
	io->pa = (uintptr_t)io->buf;
	return bed->nv.be.ops->submit(&bed->nv.be, io);
}

static int adapter_poll(struct wpp_backend *be)
{
	return bed_of(be)->nv.be.ops->poll(&bed_of(be)->nv.be);
}

static void adapter_close(struct wpp_backend *be)
{
	bed_end(bed_of(be));
	free(be);
}

static int suite_setup(void **state)
{
	struct adapter *a = calloc(1, sizeof(*a));
	struct conformance *c;
	int err;

	bed_init(&a->bed, 1);
	a->ops = (struct wpp_backend_ops){ .abi = WPP_BACKEND_ABI,
					   .size = sizeof(a->ops),
					   .name = "nvme",
					   .probe = adapter_probe,
					   .submit = adapter_submit,
					   .poll = adapter_poll,
					   .close = adapter_close };
	a->be.ops = &a->ops;
	err = conformance_begin(state, &a->be);
	c = *state; /* its buffers are memory that the model may reach */
	free(c->a);
	free(c->b);
	c->a = a->bed.model->arena;
	c->b = a->bed.model->arena + CONFORMANCE_BUF;
	return err;
}

static int suite_teardown(void **state)
{
	struct conformance *c = *state;

	c->be->ops->close(c->be);
	free(c);
	return 0;
}

/* ---- What it is ---------------------------------------------------------------------------- */

static void facts_come_from_the_controller(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 2);
	bed.model->block = 4096;
	bed.model->nr_blocks = MODEL_SIZE / 4096;
	bed.model->mdts = 5;
	bed.model->dstrd = 2;
	bed.model->mqes = 7;
	assert_int_equal(bed_probe(&bed), 0);
	assert_true(bed.m.size == MODEL_SIZE);
	assert_int_equal(bed.m.io_align, 4096);
	assert_int_equal(bed.m.io_max, 4096 << 5);
	assert_int_equal(bed.m.queue_depth, 7);
	assert_int_equal(bed.m.atomic_len, 8 * 4096);
	bed_end(&bed);
}

static void unfit_ones_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct bed bed;

		bed_init(&bed, 3);
		switch (i) {
		case 0:
			bed.model->metadata = 8;
			break;
		case 1:
			bed.model->block = 256;
			break;
		case 2:
			bed.model->block = 8192;
			break;
		case 3:
			bed.model->nr_blocks = 0;
			break;
		case 4:
			bed.model->nr_blocks = UINT64_MAX >> 8;
			break;
		case 5:
			bed.model->dps = 1;
			break;
		case 6:
			bed.model->nsattr = 1;
			break;
		case 7:
			bed.model->css = 0;
			break;
		case 8:
			bed.model->mpsmin = 1;
			break;
		case 9:
			bed.model->dstrd = 14;
			break;
		}
		assert_int_equal(bed_probe(&bed), WPP_EFORMAT);
		assert_int_equal(bed.nv.fault, NVME_UNFIT);
		bed_end(&bed);
	}
}

static void a_controller_that_does_not_come_up(void **state)
{
	const enum nvme_fault want[] = { NVME_NOT_READY, NVME_GONE, NVME_FATAL };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct bed bed;

		bed_init(&bed, 4);
		if (i == 0)
			bed.model->ready_after = 1u << 30;
		bed.model->gone = i == 1;
		bed.model->fatal = i == 2;
		assert_int_equal(bed_probe(&bed), WPP_EIO);
		assert_int_equal(bed.nv.fault, want[i]);
		assert_true(bed.model->now_ns < 60ull * 1000000000);
		bed_end(&bed);
	}
}

/* ---- Gathering ----------------------------------------------------------------------------- */

static void neighbours_become_one_command(void **state)
{
	struct witness w[64];
	struct bed bed;

	(void)state;
	bed_init(&bed, 5);
	assert_int_equal(bed_probe(&bed), 0);
	bed.model->nr_doorbells = 0;
	for (uint32_t i = 0; i < 64; i++) { /* every third page of the arena */
		uint8_t *page = bed.model->arena + (uint64_t)i * 3 * 4096;

		conformance_fill(page, 4096, i);
		assert_int_equal(start(&bed, &w[i], phys(WPP_IO_WRITE, i * 4096ull, page, 4096)),
				 0);
	}
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(finish(&bed, &w[i]), 0);
	assert_int_equal(bed.model->nr_commands, 64 * 4096 / NVME_GATHER_MAX);
	assert_true(bed.model->nr_doorbells <= 6);
	for (uint32_t i = 0; i < 64; i++)
		assert_memory_equal(bed.model->cache + i * 4096,
				    bed.model->arena + (uint64_t)i * 3 * 4096, 4096);
	bed_end(&bed);
}

/* One that ends inside of a page is the last of its command; another kind begins a new one. */
static void what_does_not_fit_begins_a_new_command(void **state)
{
	struct witness w[4];
	struct bed bed;
	uint8_t *mem;

	(void)state;
	bed_init(&bed, 6);
	assert_int_equal(bed_probe(&bed), 0);
	mem = bed.model->arena;
	assert_int_equal(start(&bed, &w[0], phys(WPP_IO_WRITE, 0, mem, 512)), 0);
	assert_int_equal(start(&bed, &w[1], phys(WPP_IO_WRITE, 512, mem + 4096, 4096)), 0);
	assert_int_equal(start(&bed, &w[2], phys(WPP_IO_READ, 4608, mem + 8192, 4096)), 0);
	assert_int_equal(start(&bed, &w[3], phys(WPP_IO_READ, 16384, mem + 16384, 4096)), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(finish(&bed, &w[i]), 0);
	assert_int_equal(bed.model->nr_commands, 4);
	bed_end(&bed);
}

static void long_moves_are_one_command(void **state)
{
	struct witness w;
	struct bed bed;

	(void)state;
	bed_init(&bed, 7);
	bed.model->mdts = 0; /* no limit */
	assert_int_equal(bed_probe(&bed), 0);
	assert_int_equal(bed.m.io_max, NVME_IO_MAX);
	conformance_fill(bed.model->arena, NVME_IO_MAX, 7);
	assert_int_equal(start(&bed, &w, phys(WPP_IO_WRITE, 8192, bed.model->arena, NVME_IO_MAX)),
			 0);
	assert_int_equal(finish(&bed, &w), 0);
	assert_int_equal(bed.model->nr_commands, 1);
	assert_int_equal(bed.model->longest, NVME_IO_MAX);
	assert_memory_equal(bed.model->cache + 8192, bed.model->arena, NVME_IO_MAX);
	bed_end(&bed);
}

static void flush_is_a_command_only_with_a_cache(void **state)
{
	struct witness w;
	struct bed bed;

	(void)state;
	for (int cache = 0; cache < 2; cache++) {
		bed_init(&bed, 8);
		bed.model->volatile_cache = cache;
		assert_int_equal(bed_probe(&bed), 0);
		assert_int_equal(start(&bed, &w, phys(WPP_IO_FLUSH, 0, NULL, 0)), 0);
		assert_int_equal(w.nr_done, !cache);
		assert_int_equal(finish(&bed, &w), 0);
		assert_int_equal(bed.model->nr_flushes, cache);
		bed_end(&bed);
	}
}

/* It alone is durable, and it is a command of its own. */
static void fua_is_durable_alone(void **state)
{
	struct witness w[3];
	struct bed bed;

	(void)state;
	bed_init(&bed, 12);
	assert_int_equal(bed_probe(&bed), 0);
	memset(bed.model->arena, 0x77, 3 * 4096);
	for (uint32_t i = 0; i < 3; i++) {
		struct wpp_io io =
			phys(WPP_IO_WRITE, i * 4096ull, bed.model->arena + i * 4096, 4096);

		io.flags |= i == 1 ? WPP_IO_FUA : 0;
		assert_int_equal(start(&bed, &w[i], io), 0);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(finish(&bed, &w[i]), 0);
	assert_int_equal(bed.model->nr_commands, 3);
	assert_int_equal(bed.model->medium[0], 0);
	assert_int_equal(bed.model->medium[4096], 0x77);
	assert_int_equal(bed.model->medium[8191], 0x77);
	assert_int_equal(bed.model->medium[8192], 0);
	bed_end(&bed);
}

/* ---- Faults -------------------------------------------------------------------------------- */

static void an_error_is_of_its_move_only(void **state)
{
	struct witness w[8];
	struct bed bed;
	int failed = 0;

	(void)state;
	bed_init(&bed, 9);
	assert_int_equal(bed_probe(&bed), 0);
	bed.model->fail_at = 3;
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(
			start(&bed, &w[i], phys(WPP_IO_WRITE, i * 8192ull, bed.model->arena, 4096)),
			0);
	for (int i = 0; i < 8; i++)
		failed += finish(&bed, &w[i]) == WPP_EIO;
	assert_int_equal(failed, 1);
	assert_false(bed.nv.lost);
	bed_end(&bed);
}

static void a_broken_controller_is_stopped(void **state)
{
	const enum nvme_fault want[] = { NVME_TIMEOUT, NVME_GONE, NVME_FATAL, NVME_NONSENSE };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct witness w;
		struct bed bed;
		uint64_t begin;

		bed_init(&bed, 10);
		assert_int_equal(bed_probe(&bed), 0);
		bed.model->stuck = i == 0;
		bed.model->gone = i == 1;
		bed.model->fatal = i == 2;
		bed.model->lies = i == 3;
		begin = bed.model->now_ns;
		assert_int_equal(start(&bed, &w, phys(WPP_IO_WRITE, 0, bed.model->arena, 4096)), 0);
		assert_int_equal(finish(&bed, &w), WPP_EIO);
		assert_int_equal(bed.nv.fault, want[i]);
		assert_true(bed.model->now_ns - begin < 2 * NVME_TIMEOUT_NS);
		assert_true(i != 0 || bed.model->now_ns - begin >= NVME_TIMEOUT_NS);
		assert_int_equal(w.nr_done, 0);
		assert_false(bed.model->bus_master); /* its buffer is ours again */
		assert_true(i == 1 || !(bed.model->cc & NVME_CC_ENABLE));
		bed.model->stuck = bed.model->gone = bed.model->fatal = false;
		model_work(bed.model, 8);
		assert_int_equal(bed.nv.be.ops->poll(&bed.nv.be), WPP_EIO);
		assert_int_equal(w.nr_done, 0);
		assert_int_equal(start(&bed, &w, phys(WPP_IO_WRITE, 0, bed.model->arena, 4096)),
				 WPP_EIO);
		bed_end(&bed);
	}
}

static void close_makes_all_durable(void **state)
{
	struct witness w;
	struct bed bed;
	uint8_t *medium;

	(void)state;
	bed_init(&bed, 11);
	assert_int_equal(bed_probe(&bed), 0);
	memset(bed.model->arena, 0x5a, 4096);
	assert_int_equal(start(&bed, &w, phys(WPP_IO_WRITE, 0, bed.model->arena, 4096)), 0);
	assert_int_equal(finish(&bed, &w), 0);
	assert_int_equal(bed.model->medium[0], 0);
	bed.nv.be.ops->close(&bed.nv.be);
	medium = bed.model->medium;
	assert_int_equal(medium[0], 0x5a);
	assert_true(bed.model->was_shut_down);
	model_free(bed.model);
}

/* ---- Anything at any time, against an array of blocks -------------------------------------- */

#define NR_SLOTS 96u
#define SLOT_MEM (MODEL_ARENA / NR_SLOTS / 4096 * 4096)

struct slot {
	struct witness w;
	bool busy;
};

struct play {
	struct bed bed;
	struct prop prop;
	struct slot slot[NR_SLOTS];
	uint8_t *expect; /* what was written and is done */
	bool taken[MODEL_SIZE / 512];
};

static bool take_blocks(struct play *p, uint64_t off, uint32_t len, bool take)
{
	for (uint64_t i = off / 512; take && i < (off + len) / 512; i++)
		if (p->taken[i])
			return false;
	memset(p->taken + off / 512, take, len / 512);
	return true;
}

static void play_start(struct play *p, uint32_t at, uint64_t *hot)
{
	struct slot *s = &p->slot[at];
	uint8_t *buf = p->bed.model->arena + (uint64_t)at * SLOT_MEM;
	uint32_t len = (uint32_t)(prop_below(&p->prop, 3) ? 4096 * (1 + prop_below(&p->prop, 4))
							  : 512 * (1 + prop_below(&p->prop, 100)));
	uint64_t off =
		prop_below(&p->prop, 3) ? *hot : prop_below(&p->prop, MODEL_SIZE / 512) * 512;
	uint32_t op = prop_below(&p->prop, 3) ? WPP_IO_WRITE : WPP_IO_READ;
	int err;

	if (off + len > MODEL_SIZE || !take_blocks(p, off, len, true))
		return;
	if (op == WPP_IO_WRITE)
		conformance_fill(buf, len, (uint32_t)p->prop.step);
	err = start(&p->bed, &s->w, phys(op, off, buf, len));
	prop_assert(&p->prop, !err || err == WPP_EBUSY);
	if (err)
		take_blocks(p, off, len, false);
	s->busy = !err;
	*hot = off + len;
}

static void play_finish(struct play *p, struct slot *s)
{
	uint8_t *buf = (uint8_t *)(uintptr_t)s->w.io.pa;

	prop_assert(&p->prop, s->w.nr_done == 1 && !s->w.err);
	if (s->w.io.op == WPP_IO_WRITE)
		memcpy(p->expect + s->w.io.off, buf, s->w.io.len);
	else
		prop_assert(&p->prop, !memcmp(p->expect + s->w.io.off, buf, s->w.io.len));
	take_blocks(p, s->w.io.off, s->w.io.len, false);
	s->busy = false;
}

static void play_flush(struct play *p)
{
	uint8_t *before = malloc(MODEL_SIZE);
	struct witness w;
	bool *open = malloc(sizeof(p->taken));

	memcpy(before, p->expect, MODEL_SIZE);
	memcpy(open, p->taken, sizeof(p->taken));
	if (!start(&p->bed, &w, phys(WPP_IO_FLUSH, 0, NULL, 0))) {
		prop_assert(&p->prop, !finish(&p->bed, &w));
		for (uint32_t i = 0; i < MODEL_SIZE / 512; i++)
			prop_assert(&p->prop,
				    open[i] || !memcmp(before + i * 512,
						       p->bed.model->medium + i * 512, 512));
	}
	free(before);
	free(open);
}

static void any_order_any_delay(void **state)
{
	struct play *p = calloc(1, sizeof(*p));
	uint64_t hot = 0;

	(void)state;
	p->prop = prop_begin("nvme", 4711);
	p->expect = calloc(1, MODEL_SIZE);
	bed_init(&p->bed, p->prop.seed);
	p->bed.model->mqes = (uint32_t)prop_below(&p->prop, 80) + 3;
	assert_int_equal(bed_probe(&p->bed), 0);
	for (; p->prop.step < NR_STEPS; p->prop.step++) {
		uint32_t at = (uint32_t)prop_below(&p->prop, NR_SLOTS);

		if (!p->slot[at].busy)
			play_start(p, at, &hot);
		if (prop_below(&p->prop, 8) == 0)
			prop_assert(&p->prop, p->bed.nv.be.ops->poll(&p->bed.nv.be) >= 0);
		if (prop_below(&p->prop, 500) == 0)
			play_flush(p);
		for (uint32_t i = 0; i < NR_SLOTS; i++)
			if (p->slot[i].busy && p->slot[i].w.nr_done)
				play_finish(p, &p->slot[i]);
	}
	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		if (!p->slot[i].busy)
			continue;
		prop_assert(&p->prop, !finish(&p->bed, &p->slot[i].w));
		play_finish(p, &p->slot[i]);
	}
	assert_true(p->bed.model->nr_commands > 4 * NVME_ENTRIES); /* the rings went round */
	bed_end(&p->bed);
	free(p->expect);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(suite_setup, suite_teardown),
		cmocka_unit_test(facts_come_from_the_controller),
		cmocka_unit_test(unfit_ones_are_refused),
		cmocka_unit_test(a_controller_that_does_not_come_up),
		cmocka_unit_test(neighbours_become_one_command),
		cmocka_unit_test(what_does_not_fit_begins_a_new_command),
		cmocka_unit_test(long_moves_are_one_command),
		cmocka_unit_test(flush_is_a_command_only_with_a_cache),
		cmocka_unit_test(fua_is_durable_alone),
		cmocka_unit_test(an_error_is_of_its_move_only),
		cmocka_unit_test(a_broken_controller_is_stopped),
		cmocka_unit_test(close_makes_all_durable),
		cmocka_unit_test(any_order_any_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
