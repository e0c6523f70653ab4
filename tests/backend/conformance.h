/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What every backend must do (backend.h), as cmocka tests. A backend's test
 * program includes this once, gives setup and teardown, and adds
 *
 *	const struct CMUnitTest tests[] = { CONFORMANCE_TESTS(setup, teardown) };
 *
 * setup() calls conformance_begin(state, backend) with a fresh backend that is
 * not probed; teardown() calls conformance_end(state), which closes it. The
 * medium's contents are destroyed; 4 MiB are enough.
 */
#ifndef WPP_CONFORMANCE_H
#define WPP_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <wpp/backend.h>

#define CONFORMANCE_BUF (1u << 20)

struct conformance {
	struct wpp_backend *be;
	struct wpp_medium m;
	unsigned char *a, *b; /* [CONFORMANCE_BUF], aligned to 4096 */
};

/* A move with a witness: how often done() ran, and with what. */
struct witness {
	struct wpp_io io;
	int nr_done, err;
};

static inline int conformance_begin(void **state, struct wpp_backend *be)
{
	struct conformance *c = calloc(1, sizeof(*c));

	c->be = be;
	c->a = aligned_alloc(4096, CONFORMANCE_BUF);
	c->b = aligned_alloc(4096, CONFORMANCE_BUF);
	*state = c;
	return be->ops->probe(be, &c->m);
}

static inline int conformance_end(void **state)
{
	struct conformance *c = *state;

	if (c->be->ops->close)
		c->be->ops->close(c->be);
	free(c->a);
	free(c->b);
	free(c);
	return 0;
}

static inline void witness_done(struct wpp_io *io, int err)
{
	struct witness *w = io->owner;

	w->nr_done++;
	w->err = err;
}

static inline int witness_submit(struct conformance *c, struct witness *w, uint32_t op,
				 uint64_t off, void *buf, uint32_t len)
{
	memset(w, 0, sizeof(*w));
	w->io = (struct wpp_io){
		.op = op, .off = off, .buf = buf, .len = len, .done = witness_done, .owner = w
	};
	return c->be->ops->submit(c->be, &w->io);
}

static inline void witness_wait(struct conformance *c, struct witness *w)
{
	while (!w->nr_done)
		assert_true(c->be->ops->poll(c->be) >= 0);
}

static inline void conformance_fill(unsigned char *buf, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		buf[i] = (unsigned char)(seed >> 24);
	}
}

static inline bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* The length that tests move: a multiple of all that the medium wants. */
static inline uint32_t conformance_len(const struct conformance *c)
{
	return c->m.io_max < CONFORMANCE_BUF ? c->m.io_max : CONFORMANCE_BUF;
}

static void conformance_ops_are_complete(void **state)
{
	struct conformance *c = *state;
	const struct wpp_backend_ops *ops = c->be->ops;

	assert_int_equal(ops->abi, WPP_BACKEND_ABI);
	assert_true(ops->size >= offsetof(struct wpp_backend_ops, direct));
	assert_non_null(ops->name);
	assert_non_null(ops->probe);
	assert_non_null(ops->submit);
	assert_non_null(ops->poll);
	assert_int_equal(ops->direct != NULL, !!(c->m.caps & WPP_CAP_DIRECT));
	assert_int_equal(ops->emergency_write != NULL, !!(c->m.caps & WPP_CAP_EMERGENCY));
	assert_int_equal(!!WPP_BACKEND_HAS(ops, lend), !!WPP_BACKEND_HAS(ops, give_back));
}

static void conformance_facts_are_sound(void **state)
{
	struct conformance *c = *state;
	const struct wpp_medium *m = &c->m;

	assert_true(m->size >= 4u << 20);
	assert_true(is_power_of_two(m->io_align) && m->io_align <= 4096);
	assert_true(is_power_of_two(m->buf_align) && m->buf_align <= 4096);
	assert_true(m->io_max >= 4096 && m->io_max % 4096 == 0);
	assert_true(m->io_best >= m->io_align && m->io_best <= m->io_max);
	assert_true(m->queue_depth >= 1);
	assert_int_equal(m->caps & ~WPP_CAP_ALL, 0);
	assert_int_equal(m->size % m->io_align, 0);
}

static void conformance_reads_what_was_written(void **state)
{
	struct conformance *c = *state;
	uint32_t len = conformance_len(c);
	const uint64_t at[] = { 0, 4096, (1u << 20) + 8192, (c->m.size - len) & ~4095ull };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		conformance_fill(c->a, len, (uint32_t)i);
		memset(c->b, 0, len);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, at[i], c->a, len), 0);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_FLUSH, 0, NULL, 0), 0);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, at[i], c->b, len), 0);
		assert_memory_equal(c->a, c->b, len);
	}
}

/* A write changes its own bytes and no others. */
static void conformance_neighbours_stay(void **state)
{
	struct conformance *c = *state;
	uint32_t n = c->m.io_align;

	memset(c->a, 0x11, 3 * n);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 8192, c->a, 3 * n), 0);
	memset(c->b, 0x22, n);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 8192 + n, c->b, n), 0);
	memset(c->a + n, 0x22, n);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 8192, c->b, 3 * n), 0);
	assert_memory_equal(c->a, c->b, 3 * n);
}

static void conformance_done_runs_once(void **state)
{
	struct conformance *c = *state;
	const uint32_t ops[] = { WPP_IO_WRITE, WPP_IO_READ, WPP_IO_FLUSH };
	struct witness w;

	memset(c->a, 0, 4096);
	for (int i = 0; i < 3; i++) {
		bool flush = ops[i] == WPP_IO_FLUSH;

		assert_int_equal(
			witness_submit(c, &w, ops[i], 0, flush ? NULL : c->a, flush ? 0 : 4096), 0);
		witness_wait(c, &w);
		for (int more = 0; more < 100; more++)
			assert_true(c->be->ops->poll(c->be) >= 0);
		assert_int_equal(w.nr_done, 1);
		assert_int_equal(w.err, 0);
	}
}

/* Fill the queue: WPP_EBUSY never runs done(), everything accepted does. */
static void conformance_queue_fills_and_drains(void **state)
{
	struct conformance *c = *state;
	uint32_t want = c->m.queue_depth + 8, nr_accepted = 0;
	struct witness *w = calloc(want, sizeof(*w));
	bool *accepted = calloc(want, sizeof(*accepted));

	memset(c->a, 0x5a, 4096);
	for (uint32_t i = 0; i < want; i++) {
		int err = witness_submit(c, &w[i], WPP_IO_WRITE, (uint64_t)i % 256 * 4096, c->a,
					 4096);

		accepted[i] = !err;
		nr_accepted += !err;
		assert_true(!err || err == WPP_EBUSY);
	}
	assert_true(nr_accepted >= c->m.queue_depth);
	for (uint32_t i = 0; i < want; i++)
		if (accepted[i])
			witness_wait(c, &w[i]);
	for (uint32_t i = 0; i < want; i++) {
		assert_int_equal(w[i].nr_done, accepted[i]);
		assert_int_equal(w[i].err, 0);
	}
	free(accepted);
	free(w);
}

static void conformance_bad_moves_are_refused(void **state)
{
	struct conformance *c = *state;
	const struct wpp_medium *m = &c->m;
	const struct {
		uint32_t op;
		uint64_t off;
		uint32_t len;
	} bad[] = {
		{ WPP_IO_READ, m->size, 4096 },
		{ WPP_IO_WRITE, m->size, 4096 },
		{ WPP_IO_WRITE, m->size - 4096 + m->io_align, 4096 },
		{ WPP_IO_WRITE, ~(uint64_t)4095, 4096 },
		{ WPP_IO_WRITE, ~(uint64_t)4095, 8192 },
		{ WPP_IO_READ, ~(uint64_t)4095, 8192 },
		{ 0, 0, 4096 },
		{ 99, 0, 4096 },
		{ m->io_align > 1 ? WPP_IO_WRITE : 0, 1, 4096 },
		{ m->io_align > 1 ? WPP_IO_WRITE : 0, 0, 4096 - m->io_align / 2 },
	};
	struct witness w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(witness_submit(c, &w, bad[i].op, bad[i].off, c->a, bad[i].len) < 0);
		(void)c->be->ops->poll(c->be);
		assert_int_equal(w.nr_done, 0);
	}
	if (m->buf_align > 1)
		assert_int_equal(witness_submit(c, &w, WPP_IO_WRITE, 0, c->a + 1, 4096),
				 WPP_EINVAL);
	if (!(m->caps & WPP_CAP_PHYSICAL)) {
		w.io = (struct wpp_io){ .op = WPP_IO_WRITE, .flags = WPP_IO_PHYS, .len = 4096 };
		assert_true(c->be->ops->submit(c->be, &w.io) < 0);
	}
	/* A refusal harms nothing. */
	assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 0, c->a, 4096), 0);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_FLUSH, 0, NULL, 0), 0);
}

static void conformance_direct_is_the_medium(void **state)
{
	struct conformance *c = *state;
	unsigned char *p;

	if (!(c->m.caps & WPP_CAP_DIRECT))
		skip();
	p = c->be->ops->direct(c->be, 65536, 8192);
	assert_non_null(p);
	assert_ptr_equal(c->be->ops->direct(c->be, 65536 + 4096, 4096), p + 4096);
	conformance_fill(p, 8192, 7);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 65536, p, 8192), 0);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 65536, c->a, 8192), 0);
	conformance_fill(c->b, 8192, 7);
	assert_memory_equal(c->a, c->b, 8192);
	memset(c->a, 0x33, 4096);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 65536, c->a, 4096), 0);
	assert_memory_equal(p, c->a, 4096);
	assert_null(c->be->ops->direct(c->be, c->m.size, 1));
	assert_null(c->be->ops->direct(c->be, c->m.size - 4096, 8192));
	assert_null(c->be->ops->direct(c->be, ~(uint64_t)0, 2));
}

/* A FUA write is one like others; where there is none, it is refused. */
static void conformance_fua_writes(void **state)
{
	struct conformance *c = *state;
	struct witness w = { .io = { .op = WPP_IO_WRITE,
				     .flags = WPP_IO_FUA,
				     .len = 4096,
				     .off = 16384,
				     .buf = c->a,
				     .done = witness_done,
				     .owner = &w } };

	conformance_fill(c->a, 4096, 5);
	if (!(c->m.caps & WPP_CAP_FUA)) {
		assert_true(c->be->ops->submit(c->be, &w.io) < 0);
		assert_int_equal(w.nr_done, 0);
		return;
	}
	assert_int_equal(c->be->ops->submit(c->be, &w.io), 0);
	witness_wait(c, &w);
	assert_int_equal(w.err, 0);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 16384, c->b, 4096), 0);
	assert_memory_equal(c->a, c->b, 4096);
	w.io.op = WPP_IO_READ;
	assert_true(c->be->ops->submit(c->be, &w.io) < 0);
}

/* What is lent serves like any other memory, and comes back as often as it is asked for. */
static void conformance_lent_memory_moves(void **state)
{
	struct conformance *c = *state;
	const uint64_t lens[] = { 4096, 2u << 20, 6u << 20 };

	if (!WPP_BACKEND_HAS(c->be->ops, lend))
		skip();
	for (size_t i = 0; i < 12; i++) {
		uint64_t len = lens[i % 3];
		uint32_t move = len < conformance_len(c) ? (uint32_t)len : conformance_len(c);
		unsigned char *p = c->be->ops->lend(c->be, len), *end = p + len - move;

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % (len < 2u << 20 ? 4096 : 2u << 20), 0);
		conformance_fill(p, len, (uint32_t)i);
		memcpy(c->b, end, move);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_WRITE, 8192, end, move), 0);
		memset(end, 0, move);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 8192, end, move), 0);
		assert_memory_equal(end, c->b, move);
		assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 8192, c->a, move), 0);
		assert_memory_equal(c->a, c->b, move);
		c->be->ops->give_back(c->be, p, len);
	}
}

/* A done() may submit the next move: the commit engine does. */
struct chain {
	struct conformance *c;
	struct wpp_io io;
	int left, err;
};

static inline void chain_next(struct wpp_io *io, int err)
{
	struct chain *chain = io->owner;

	chain->err = chain->err ? chain->err : err;
	if (--chain->left <= 0)
		return;
	io->off += 4096;
	err = chain->c->be->ops->submit(chain->c->be, io);
	if (err) {
		chain->err = err;
		chain->left = 0;
	}
}

static void conformance_done_may_submit(void **state)
{
	struct conformance *c = *state;
	struct chain chain = { .c = c, .left = 64 };

	memset(c->a, 0x44, 4096);
	chain.io = (struct wpp_io){
		.op = WPP_IO_WRITE, .len = 4096, .buf = c->a, .done = chain_next, .owner = &chain
	};
	assert_int_equal(c->be->ops->submit(c->be, &chain.io), 0);
	while (chain.left > 0)
		assert_true(c->be->ops->poll(c->be) >= 0);
	assert_int_equal(chain.err, 0);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 63 * 4096, c->b, 4096), 0);
	assert_memory_equal(c->a, c->b, 4096);
}

#define CONFORMANCE_TEST(name, setup, teardown) \
	cmocka_unit_test_setup_teardown(conformance_##name, setup, teardown)
#define CONFORMANCE_TESTS(setup, teardown)                                 \
	CONFORMANCE_TEST(ops_are_complete, setup, teardown),               \
		CONFORMANCE_TEST(facts_are_sound, setup, teardown),        \
		CONFORMANCE_TEST(reads_what_was_written, setup, teardown), \
		CONFORMANCE_TEST(neighbours_stay, setup, teardown),        \
		CONFORMANCE_TEST(done_runs_once, setup, teardown),         \
		CONFORMANCE_TEST(queue_fills_and_drains, setup, teardown), \
		CONFORMANCE_TEST(bad_moves_are_refused, setup, teardown),  \
		CONFORMANCE_TEST(direct_is_the_medium, setup, teardown),   \
		CONFORMANCE_TEST(fua_writes, setup, teardown),             \
		CONFORMANCE_TEST(lent_memory_moves, setup, teardown),      \
		CONFORMANCE_TEST(done_may_submit, setup, teardown)

#endif
