/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The planner: which moves take a process to the medium, how long they take,
 * and whether the window is enough. It streams: runs of pages go in, in order
 * of their source address, and moves come out, so that a process of any size
 * is planned with little memory; or with none, when only the verdict counts.
 */
#ifndef WPP_PLAN_H
#define WPP_PLAN_H

#include <wpp/backend.h>
#include <wpp/error.h>
#include <wpp/pte.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_RED_ZONE 128u /* bytes below SP that a function may use (System V x86-64 ABI) */

/**
 * enum wpp_page_flag - what is known about a page; each is a reason not to move it
 */
enum wpp_page_flag {
	WPP_PAGE_FILE_CLEAN = 1u << 0, /* equals its file, which is there after the reboot */
	WPP_PAGE_ZERO = 1u << 1,       /* all bytes are 0 */
	WPP_PAGE_UNCHANGED = 1u << 2,  /* the live generation holds it already */
};

/**
 * struct wpp_stack - a stack, of which the part below SP is dead
 * @start: lowest address of its region, a multiple of 4096.
 * @len:   bytes of the region.
 * @sp:    stack pointer; in the region, else the whole region is live.
 *
 * Only for a region that holds nothing but one stack, such as [stack] of the first thread: below
 * the SP of a coroutine, whose stack is carved out of the heap, others are alive.
 */
struct wpp_stack {
	uint64_t start;
	uint64_t len;
	uint64_t sp;
};

/**
 * struct wpp_page_run - pages with neighbouring sources and page indices
 * @src:   address of the first page's bytes, virtual or physical, a multiple of 4096.
 * @page:  index of the first page in @space (va >> 12 for an address space).
 * @nr:    pages.
 * @space: page space (store.h).
 * @flags: enum wpp_page_flag of all of them; other bits are ignored.
 */
struct wpp_page_run {
	uint64_t src;
	uint64_t page;
	uint64_t nr;
	uint32_t space;
	uint32_t flags;
};

/**
 * struct wpp_move - one transfer of the plan
 * @src:   address of the first byte.
 * @page:  index of the first page; the others follow it, unless the plan is WPP_PLAN_BY_SRC.
 * @nr:    pages, at most the medium's io_best.
 * @space: page space of the first page.
 */
struct wpp_move {
	uint64_t src;
	uint64_t page;
	uint32_t nr;
	uint32_t space;
};

/* Join pages whose sources are neighbours, even when their page indices or spaces are not. */
#define WPP_PLAN_BY_SRC (1u << 0)

/**
 * struct wpp_plan_cfg - what is planned for; zero means none or unlimited
 * @size:       sizeof(struct wpp_plan_cfg).
 * @flags:      WPP_PLAN_BY_SRC.
 * @medium:     io_best, io_max and queue_depth count.
 * @bandwidth:  bytes a second; measured, not promised. 0: not limiting.
 * @latency_ns: of one move; the queue overlaps queue_depth of them.
 * @flush_ns:   of one flush; a commit takes two (I2).
 * @fixed_ns:   what happens once: stopping threads, PCB records, the commit record.
 * @meta_bytes: moved beside the pages: page tables, regions, records.
 * @window_ns:  time from the trigger until the power is gone; 0: unlimited.
 * @stacks:     [@nr_stacks], without overlaps, lent until wpp_plan_end(), and overwritten; their
 *              addresses are those of the pages of @stack_space.
 * @moves:      [@max_moves], lent until wpp_plan_end(); NULL: predict only.
 * @nr_stacks:  entries of @stacks; 0: none.
 * @max_moves:  entries of @moves; 0 exactly when that is NULL.
 * @stack_space: page space in which the stacks lie.
 */
struct wpp_plan_cfg {
	uint32_t size;
	uint32_t flags;
	const struct wpp_medium *medium;
	uint64_t bandwidth;
	uint64_t latency_ns;
	uint64_t flush_ns;
	uint64_t fixed_ns;
	uint64_t meta_bytes;
	uint64_t window_ns;
	struct wpp_stack *stacks;
	struct wpp_move *moves;
	uint32_t nr_stacks;
	uint32_t max_moves;
	uint32_t stack_space;
	uint32_t reserved;
};

/**
 * struct wpp_forecast - the outcome of a plan
 * @nr_pages:  pages to move.
 * @nr_moves:  moves to make.
 * @nr_bytes:  of the pages and @meta_bytes.
 * @nr_clean:  pages that are not moved, for the first reason that holds, in this order: they equal
 *             their file;
 * @nr_zero:   they are zero;
 * @nr_unchanged: the live generation holds them;
 * @nr_dead:   they lie below a stack pointer and its red zone.
 * @time_ns:   predicted; UINT64_MAX when it is more than that.
 * @spare_ns:  what is left of the window; UINT64_MAX when it is unlimited.
 * @short_ns:  by how much the window is too short; 0 when it is long enough.
 */
struct wpp_forecast {
	uint64_t nr_pages;
	uint64_t nr_moves;
	uint64_t nr_bytes;
	uint64_t nr_clean;
	uint64_t nr_zero;
	uint64_t nr_unchanged;
	uint64_t nr_dead;
	uint64_t time_ns;
	uint64_t spare_ns;
	uint64_t short_ns;
};

/**
 * struct wpp_plan - a plan being made
 * @moves:    [@nr_moves]: moves since the last wpp_plan_drain(); what cfg.moves was.
 * @nr_moves: how many.
 */
struct wpp_plan {
	const struct wpp_move *moves;
	uint32_t nr_moves;
	/* private: */
	uint32_t max_pages;
	struct wpp_plan_cfg cfg;
	struct wpp_forecast sum;
	struct wpp_move last;
	uint64_t next_src;
	uint64_t next_page;
	uint32_t next_space;
};

/**
 * wpp_plan_begin() - an empty plan
 * @p:   out.
 * @cfg: copied; what it points to is lent until wpp_plan_end().
 *
 * Context: one thread at a time per plan; no allocation; stack <= 512 bytes; O(n log n) in the
 *          stacks. Integers only. So for all below.
 * Return:  0; WPP_EINVAL: a member of @cfg is out of range, or stacks overlap.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_plan_begin(struct wpp_plan *p, const struct wpp_plan_cfg *cfg);

/**
 * wpp_plan_add_run() - pages of the process, whether they need moving or not
 * @p:   the plan.
 * @run: in/out; what has not been taken stays in it. Runs come in order and don't overlap: by
 *       (space, page), or by src in a plan WPP_PLAN_BY_SRC.
 *
 * Context: as wpp_plan_begin(); O(moves and log of the stacks).
 * Return:  0: taken; WPP_ENOSPC: @p->moves is full. Do the moves (or copy them), call
 *          wpp_plan_drain() and call again with the same @run; WPP_EINVAL: out of order, not
 *          aligned or beyond the address space; nothing was taken.
 * Source:  DESIGN.md 3.0; invariant I5.
 */
WPP_API WPP_MUST_CHECK int wpp_plan_add_run(struct wpp_plan *p, struct wpp_page_run *run);

/**
 * wpp_plan_add_pte() - the page of a table entry; its flags are enum wpp_page_flag
 * @p:     the plan.
 * @space: page space that the entry's address lies in.
 * @pte:   in.
 * @run:   out, the caller's; holds what was not taken behind WPP_ENOSPC: go on with
 *         wpp_plan_add_run().
 *
 * For plans by physical address: WPP_PLAN_BY_SRC, entries from wpp_ptes_sorted(WPP_PTE_BY_PA).
 * Context: as wpp_plan_begin().
 * Return:  as wpp_plan_add_run(); WPP_EINVAL also for an unknown page size.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_plan_add_pte(struct wpp_plan *p, uint32_t space,
					    const struct wpp_pte *pte, struct wpp_page_run *run);

/**
 * wpp_plan_drain() - the caller has done or copied all moves: forget them, keep the sums
 * @p: the plan.
 *
 * Context: as wpp_plan_begin(); O(1).
 * Source:  DESIGN.md 3.0.
 */
WPP_API void wpp_plan_drain(struct wpp_plan *p);

/**
 * wpp_plan_end() - the verdict
 * @p: the plan; may be asked before its end, too.
 * @f: out; filled behind WPP_EWINDOW as well.
 *
 * Context: as wpp_plan_begin(); O(1).
 * Return:  0; WPP_EWINDOW: the window is too short.
 * Source:  DESIGN.md 3.0; invariant I7.
 */
WPP_API WPP_MUST_CHECK int wpp_plan_end(const struct wpp_plan *p, struct wpp_forecast *f);

/**
 * wpp_plan_budget() - the pages that a background writer may leave for the trigger
 * @cfg: as for wpp_plan_begin(); stacks and moves do not count.
 *
 * Context: any; no state; O(1).
 * Return:  as many single, scattered pages fit the window besides the fixed cost; 0 when not even
 *          that does, or @cfg is not valid; UINT64_MAX for an unlimited window.
 * Source:  DESIGN.md 3.0; invariant I5.
 */
WPP_API uint64_t wpp_plan_budget(const struct wpp_plan_cfg *cfg);

WPP_END_DECLS
#endif
