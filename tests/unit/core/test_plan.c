/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/plan.h>

#include "core/muldiv_priv.h"
#include "prop.h"

#define PAGE  4096ull
#define SPACE 2u

static const struct wpp_medium medium = { .io_best = 4 * PAGE,
					  .io_max = 64 * PAGE,
					  .queue_depth = 2 };

static struct wpp_plan_cfg config(struct wpp_move *moves, uint32_t max)
{
	return (struct wpp_plan_cfg){ .size = sizeof(struct wpp_plan_cfg),
				      .medium = &medium,
				      .moves = moves,
				      .max_moves = max,
				      .stack_space = SPACE };
}

static int add(struct wpp_plan *p, uint64_t page, uint64_t nr, uint32_t flags)
{
	struct wpp_page_run run = {
		.src = page * PAGE, .page = page, .nr = nr, .space = SPACE, .flags = flags
	};

	return wpp_plan_add_run(p, &run);
}

static void expect_move(const struct wpp_plan *p, uint32_t i, uint64_t page, uint32_t nr)
{
	assert_true(i < p->nr_moves);
	assert_int_equal(p->moves[i].page, page);
	assert_int_equal(p->moves[i].src, page * PAGE);
	assert_int_equal(p->moves[i].nr, nr);
	assert_int_equal(p->moves[i].space, SPACE);
}

static void joins_up_to_the_best_length(void **state)
{
	struct wpp_move moves[8];
	struct wpp_plan_cfg cfg = config(moves, 8);
	struct wpp_plan p;
	struct wpp_forecast f;

	(void)state;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 10, 1, 0), 0);
	assert_int_equal(add(&p, 11, 2, 0), 0);
	assert_int_equal(add(&p, 13, 7, 0), 0);
	assert_int_equal(add(&p, 30, 1, 0), 0);
	assert_int_equal(p.nr_moves, 4);
	expect_move(&p, 0, 10, 4);
	expect_move(&p, 1, 14, 4);
	expect_move(&p, 2, 18, 2);
	expect_move(&p, 3, 30, 1);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_pages, 11);
	assert_int_equal(f.nr_moves, 4);
	assert_int_equal(f.nr_bytes, 11 * PAGE);
}

static void skips_what_needs_no_saving(void **state)
{
	struct wpp_move moves[8];
	struct wpp_plan_cfg cfg = config(moves, 8);
	struct wpp_plan p;
	struct wpp_forecast f;

	(void)state;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 0, 10, WPP_PAGE_FILE_CLEAN), 0);
	assert_int_equal(add(&p, 10, 20, WPP_PAGE_ZERO | WPP_PAGE_UNCHANGED), 0);
	assert_int_equal(add(&p, 30, 40, WPP_PAGE_UNCHANGED), 0);
	assert_int_equal(add(&p, 70, 1, 0xfffffff8), 0); /* unknown bits are no reason */
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_clean, 10);
	assert_int_equal(f.nr_zero, 20);
	assert_int_equal(f.nr_unchanged, 40);
	assert_int_equal(f.nr_pages, 1);
	assert_int_equal(p.nr_moves, 1);
}

/* A stack of 16 pages at page 100: which page is the first that is moved? */
static uint64_t first_live(uint64_t sp)
{
	struct wpp_move moves[8];
	struct wpp_stack stack = { .start = 100 * PAGE, .len = 16 * PAGE, .sp = sp };
	struct wpp_plan_cfg cfg = config(moves, 8);
	struct wpp_plan p;
	struct wpp_forecast f;

	cfg.stacks = &stack;
	cfg.nr_stacks = 1;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 98, 2, 0), 0);
	wpp_plan_drain(&p);
	assert_int_equal(add(&p, 100, 20, 0), 0);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_dead + f.nr_pages, 22);
	assert_int_equal(f.nr_dead, moves[0].page - 100);
	return moves[0].page;
}

static void below_sp_minus_the_red_zone_is_dead(void **state)
{
	(void)state;
	assert_int_equal(first_live(110 * PAGE + 128), 110);
	assert_int_equal(first_live(110 * PAGE + 127), 109);
	assert_int_equal(first_live(110 * PAGE), 109);
	assert_int_equal(first_live(110 * PAGE + 4095), 110);
	assert_int_equal(first_live(116 * PAGE), 115);	   /* nothing pushed yet */
	assert_int_equal(first_live(116 * PAGE + 1), 100); /* not in this region */
	assert_int_equal(first_live(100 * PAGE + 127), 100);
	assert_int_equal(first_live(100 * PAGE), 100);
	assert_int_equal(first_live(100 * PAGE - 1), 100);
	assert_int_equal(first_live(0), 100);
	assert_int_equal(first_live(UINT64_MAX), 100);
}

static void other_spaces_have_no_stacks(void **state)
{
	struct wpp_stack stack = { .start = 0, .len = 16 * PAGE, .sp = 10 * PAGE };
	struct wpp_plan_cfg cfg = config(NULL, 0);
	struct wpp_forecast f;
	struct wpp_plan p;

	(void)state;
	cfg.stacks = &stack;
	cfg.nr_stacks = 1;
	cfg.stack_space = SPACE + 1;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 0, 16, 0), 0);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_dead, 0);
}

static void full_moves_can_be_drained(void **state)
{
	struct wpp_move moves[2];
	struct wpp_plan_cfg cfg = config(moves, 2);
	struct wpp_page_run run = { .src = 50 * PAGE, .page = 50, .nr = 11, .space = SPACE };
	struct wpp_forecast f;
	struct wpp_plan p;

	(void)state;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(wpp_plan_add_run(&p, &run), WPP_ENOSPC);
	expect_move(&p, 0, 50, 4);
	expect_move(&p, 1, 54, 4);
	assert_int_equal(run.page, 58);
	assert_int_equal(run.src, 58 * PAGE);
	assert_int_equal(run.nr, 3);
	assert_int_equal(wpp_plan_add_run(&p, &run), WPP_ENOSPC);
	wpp_plan_drain(&p);
	assert_int_equal(wpp_plan_add_run(&p, &run), 0);
	assert_int_equal(p.nr_moves, 1);
	expect_move(&p, 0, 58, 3);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_moves, 3);
	assert_int_equal(f.nr_pages, 11);
}

static void physical_neighbours_join_across_pages(void **state)
{
	static const struct wpp_pte pte[] = {
		{ .pa = 10 * PAGE, .va = 90 * PAGE },
		{ .pa = 11 * PAGE, .va = 20 * PAGE },
		{ .pa = 12 * PAGE, .va = 50 * PAGE, .flags = WPP_PAGE_UNCHANGED },
		{ .pa = 13 * PAGE, .va = 40 * PAGE },
		{ .pa = 512 * PAGE, .va = 512 * PAGE, .size = WPP_PTE_2M },
	};
	struct wpp_move moves[200];
	struct wpp_plan_cfg cfg = config(moves, 200);
	struct wpp_page_run run;
	struct wpp_plan p;

	(void)state;
	cfg.flags = WPP_PLAN_BY_SRC;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	for (size_t i = 0; i < sizeof(pte) / sizeof(pte[0]); i++)
		assert_int_equal(wpp_plan_add_pte(&p, SPACE, &pte[i], &run), 0);
	assert_int_equal(p.nr_moves, 2 + 128);
	assert_int_equal(moves[0].src, 10 * PAGE);
	assert_int_equal(moves[0].nr, 2);
	assert_int_equal(moves[1].src, 13 * PAGE);
	assert_int_equal(moves[1].nr, 1);
	assert_int_equal(moves[129].src, 1020 * PAGE);
	assert_int_equal(wpp_plan_add_pte(&p, SPACE, &pte[0], &run), WPP_EINVAL);
}

static void refuses_disorder_and_overflow(void **state)
{
	static const struct wpp_page_run bad[] = {
		{ .src = 1, .page = 200, .nr = 1, .space = SPACE },
		{ .src = 0, .page = 109, .nr = 1, .space = SPACE },
		{ .src = 0, .page = 500, .nr = 1, .space = SPACE - 1 },
		{ .src = 0 - PAGE, .page = 200, .nr = 2, .space = SPACE },
		{ .src = 0, .page = UINT64_MAX, .nr = 1, .space = SPACE },
		{ .src = 0, .page = 200, .nr = UINT64_MAX, .space = SPACE },
		{ .src = 0, .page = (1ull << 52) - 1, .nr = 2, .space = SPACE },
	};
	struct wpp_plan_cfg cfg = config(NULL, 0);
	struct wpp_forecast f;
	struct wpp_plan p;

	(void)state;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 100, 10, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wpp_page_run run = bad[i];

		assert_int_equal(wpp_plan_add_run(&p, &run), WPP_EINVAL);
		assert_memory_equal(&run, &bad[i], sizeof(run));
	}
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.nr_pages, 10);
}

static void refuses_bad_configurations(void **state)
{
	const struct wpp_medium tiny = { .io_best = 512, .queue_depth = 1 };
	const struct wpp_medium no_queue = { .io_best = 4096 };
	struct wpp_stack two[2] = { { PAGE, 4 * PAGE, 0 }, { 4 * PAGE, PAGE, 0 } };
	struct wpp_stack wrap = { 0 - PAGE, 2 * PAGE, 0 };
	struct wpp_plan_cfg good = config(NULL, 0), cfg;
	struct wpp_plan p;

	(void)state;
#define refuse(change)                                                  \
	do {                                                            \
		cfg = good;                                             \
		change;                                                 \
		assert_int_equal(wpp_plan_begin(&p, &cfg), WPP_EINVAL); \
	} while (0)
	refuse(cfg.size--);
	refuse(cfg.flags = 2);
	refuse(cfg.medium = NULL);
	refuse(cfg.medium = &tiny);
	refuse(cfg.medium = &no_queue);
	refuse(cfg.max_moves = 1);
	refuse(cfg.nr_stacks = 1);
	refuse((cfg.stacks = two, cfg.nr_stacks = 2));
	refuse((cfg.stacks = &wrap, cfg.nr_stacks = 1));
#undef refuse
	assert_int_equal(wpp_plan_begin(&p, &good), 0);
}

static void the_window_decides(void **state)
{
	struct wpp_plan_cfg cfg = config(NULL, 0);
	struct wpp_forecast f;
	struct wpp_plan p;

	(void)state;
	cfg.bandwidth = 1ull << 30;
	cfg.latency_ns = 10000;
	cfg.flush_ns = 50000;
	cfg.fixed_ns = 200000;
	cfg.meta_bytes = 1 << 20;
	/* 255 MiB + 1 MiB: a quarter of a second; 16320 moves, two at a time; 2 flushes; fixed. */
	cfg.window_ns = 250000000 + 16320 / 2 * 10000 + 100000 + 200000;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 0, 255 << 8, 0), 0);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.time_ns, cfg.window_ns);
	assert_int_equal(f.spare_ns, 0);
	assert_int_equal(add(&p, 255 << 8, 1, 0), 0);
	assert_int_equal(wpp_plan_end(&p, &f), WPP_EWINDOW);
	assert_int_equal(f.spare_ns, 0);
	assert_int_equal(f.short_ns, f.time_ns - cfg.window_ns);
	assert_int_equal(f.short_ns, 3815 + 5000); /* 4096 / 2^30 s, rounded up, and a move */
	cfg.window_ns = 0;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.spare_ns, UINT64_MAX);
}

static void absurd_numbers_saturate(void **state)
{
	struct wpp_plan_cfg cfg = config(NULL, 0);
	struct wpp_forecast f;
	struct wpp_plan p;

	(void)state;
	cfg.bandwidth = 1;
	cfg.latency_ns = cfg.flush_ns = cfg.fixed_ns = cfg.meta_bytes = UINT64_MAX;
	cfg.window_ns = UINT64_MAX;
	assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
	assert_int_equal(add(&p, 0, 1000, 0), 0);
	assert_int_equal(wpp_plan_end(&p, &f), 0);
	assert_int_equal(f.time_ns, UINT64_MAX);
	assert_int_equal(f.nr_bytes, UINT64_MAX);
}

/* The thesis: 16 ms, 12 GiB/s; budget is the largest number of pages that the verdict accepts. */
static void budget_is_the_edge_of_the_verdict(void **state)
{
	struct wpp_plan_cfg cfg = config(NULL, 0);
	uint64_t budget;

	(void)state;
	cfg.bandwidth = 12ull << 30;
	cfg.latency_ns = 1300;
	cfg.flush_ns = 20000;
	cfg.window_ns = 16000000;
	budget = wpp_plan_budget(&cfg);
	assert_true(budget > 10000 && budget < 50000);
	for (uint64_t extra = 0; extra < 2; extra++) {
		struct wpp_forecast f;
		struct wpp_plan p;

		assert_int_equal(wpp_plan_begin(&p, &cfg), 0);
		for (uint64_t i = 0; i < budget + extra; i++)
			assert_int_equal(add(&p, 2 * i, 1, 0), 0);
		assert_int_equal(wpp_plan_end(&p, &f), extra ? WPP_EWINDOW : 0);
	}
	cfg.window_ns = 39999;
	assert_int_equal(wpp_plan_budget(&cfg), 0);
	cfg.window_ns = 0;
	assert_int_equal(wpp_plan_budget(&cfg), UINT64_MAX);
	cfg.size = 0;
	assert_int_equal(wpp_plan_budget(&cfg), 0);
}

static void muldiv_is_exact(void **state)
{
	struct prop p = prop_begin(__func__, 1);

	(void)state;
	assert_int_equal(wppi_muldiv_up(1, 1, 0), UINT64_MAX);
	assert_int_equal(wppi_muldiv_up(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
	assert_int_equal(wppi_muldiv_up(UINT64_MAX, UINT64_MAX, UINT64_MAX - 1), UINT64_MAX);
	assert_int_equal(wppi_muldiv_up(UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX),
			 UINT64_MAX - 2 + 1);
	assert_int_equal(wppi_muldiv_up(7, 3, 4), 6);
	for (p.step = 0; p.step < 200000; p.step++) {
		uint64_t a = prop_u64(&p) >> prop_below(&p, 64);
		uint64_t b = prop_u64(&p) >> prop_below(&p, 64);
		uint64_t c = 1 + (prop_u64(&p) >> prop_below(&p, 64) >> 1);
#ifdef __SIZEOF_INT128__
		unsigned __int128 want = ((unsigned __int128)a * b + (c - 1)) / c;

		if (want > UINT64_MAX)
			want = UINT64_MAX;
		prop_assert(&p, wppi_muldiv_up(a, b, c) == (uint64_t)want);
#else
		a >>= 32;
		b >>= 32;
		prop_assert(&p, wppi_muldiv_up(a, b, c) == a * b / c + (a * b % c != 0));
#endif
	}
}

/* ---- The model: an array of pages ------------------------------------------------------- */

#define MODEL_MAX 600

struct model {
	uint8_t flags[MODEL_MAX];
	bool there[MODEL_MAX];
	bool dead[MODEL_MAX];
	bool moved[MODEL_MAX];
};

static bool must_move(const struct model *m, uint64_t page)
{
	return m->there[page] && !(m->flags[page] & 7) && !m->dead[page];
}

static void random_model(struct prop *p, struct model *m, struct wpp_stack *stacks, uint32_t nr)
{
	*m = (struct model){ 0 };
	for (uint32_t i = 0, len; i < MODEL_MAX; i += len) {
		bool there = prop_below(p, 4) != 0;
		uint8_t flags = prop_below(p, 2) ? 0 : (uint8_t)prop_below(p, 16);

		len = 1 + (uint32_t)prop_below(p, 30);
		for (uint32_t j = i; j < i + len && j < MODEL_MAX; j++) {
			m->there[j] = there;
			m->flags[j] = flags;
		}
	}
	for (uint32_t i = 0; i < nr; i++) { /* given in no order */
		uint64_t first = (nr - 1 - i) * (MODEL_MAX / nr) + prop_below(p, 20);
		uint64_t len = 1 + prop_below(p, 60);

		stacks[i] = (struct wpp_stack){ .start = first * PAGE, .len = len * PAGE };
		stacks[i].sp = stacks[i].start + prop_below(p, len * PAGE + 2);
		for (uint64_t j = first; j < first + len && j < MODEL_MAX; j++) {
			m->dead[j] = (j + 1) * PAGE + 128 <= stacks[i].sp &&
				     stacks[i].sp <= stacks[i].start + stacks[i].len;
		}
	}
}

/* Check the moves made so far and mark their pages. */
static void mark_moves(struct prop *p, struct model *m, const struct wpp_plan *plan)
{
	for (uint32_t i = 0; i < plan->nr_moves; i++) {
		const struct wpp_move *mv = &plan->moves[i];

		prop_assert(p, mv->nr >= 1 && mv->nr <= 4 && mv->src == mv->page * PAGE);
		if (i > 0) {
			const struct wpp_move *prev = mv - 1;

			prop_assert(p, prev->page + prev->nr <= mv->page);
			prop_assert(p, prev->page + prev->nr < mv->page || prev->nr == 4);
		}
		for (uint64_t j = mv->page; j < mv->page + mv->nr; j++) {
			prop_assert(p, !m->moved[j]);
			m->moved[j] = true;
		}
	}
}

static void feed(struct prop *p, struct model *m, struct wpp_plan *plan)
{
	for (uint32_t i = 0, len; i < MODEL_MAX; i += len) {
		struct wpp_page_run run = {
			.src = i * PAGE, .page = i, .space = SPACE, .flags = m->flags[i]
		};
		uint32_t most = 1 + (uint32_t)prop_below(p, 40);

		for (len = 1; len < most && i + len < MODEL_MAX; len++) {
			if (m->there[i + len] != m->there[i] || m->flags[i + len] != m->flags[i])
				break;
		}
		run.nr = m->there[i] ? len : 0;
		while (wpp_plan_add_run(plan, &run)) {
			prop_assert(p, plan->nr_moves == plan->cfg.max_moves);
			mark_moves(p, m, plan);
			wpp_plan_drain(plan);
		}
		prop_assert(p, run.nr == 0);
	}
	mark_moves(p, m, plan);
}

static void random_plans_match_the_model(void **state)
{
	struct prop p = prop_begin(__func__, 2);

	(void)state;
	for (p.step = 0; p.step < 20000; p.step++) {
		uint32_t nr_stacks = (uint32_t)prop_below(&p, 6);
		struct wpp_stack stacks[8];
		struct wpp_move moves[MODEL_MAX];
		struct wpp_plan_cfg cfg = config(
			moves, 1 + (uint32_t)prop_below(&p, prop_below(&p, 2) ? 8 : MODEL_MAX));
		struct wpp_forecast f;
		struct wpp_plan plan;
		struct model m;
		uint64_t total = 0;

		random_model(&p, &m, stacks, nr_stacks);
		cfg.stacks = stacks;
		cfg.nr_stacks = nr_stacks;
		prop_assert(&p, wpp_plan_begin(&plan, &cfg) == 0);
		feed(&p, &m, &plan);
		prop_assert(&p, wpp_plan_end(&plan, &f) == 0);
		for (uint32_t i = 0; i < MODEL_MAX; i++) {
			prop_assert(&p, m.moved[i] == must_move(&m, i));
			total += m.there[i];
		}
		prop_assert(&p, f.nr_pages + f.nr_clean + f.nr_zero + f.nr_unchanged + f.nr_dead ==
					total);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_up_to_the_best_length),
		cmocka_unit_test(skips_what_needs_no_saving),
		cmocka_unit_test(below_sp_minus_the_red_zone_is_dead),
		cmocka_unit_test(other_spaces_have_no_stacks),
		cmocka_unit_test(full_moves_can_be_drained),
		cmocka_unit_test(physical_neighbours_join_across_pages),
		cmocka_unit_test(refuses_disorder_and_overflow),
		cmocka_unit_test(refuses_bad_configurations),
		cmocka_unit_test(the_window_decides),
		cmocka_unit_test(absurd_numbers_saturate),
		cmocka_unit_test(budget_is_the_edge_of_the_verdict),
		cmocka_unit_test(muldiv_is_exact),
		cmocka_unit_test(random_plans_match_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
