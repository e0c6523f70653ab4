/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/sized.h>

#include <wpp/plan.h>

#include "muldiv_priv.h"
#include "plat.h"
#include "sort_priv.h"

#define NS_PER_S  1000000000ull
#define PAGES_MAX (1ull << (64 - WPP_PAGE_SHIFT))

static bool less_start(const void *a, const void *b)
{
	return ((const struct wpp_stack *)a)->start < ((const struct wpp_stack *)b)->start;
}

static bool stack_ok(const struct wpp_stack *s)
{
	return s->len && s->len - 1 <= UINT64_MAX - s->start &&
	       !((s->start | s->len) & (WPP_PAGE_SIZE - 1));
}

/* Bytes of whole pages below SP and its red zone. */
static uint64_t dead_len(const struct wpp_stack *s)
{
	uint64_t below = s->sp - s->start;

	if (s->sp < s->start || below > s->len || below < WPP_RED_ZONE)
		return 0;
	return (below - WPP_RED_ZONE) & ~(uint64_t)(WPP_PAGE_SIZE - 1);
}

/* Sort the stacks and cut each one to its dead part; those without one go. */
static int stacks_prepare(struct wpp_plan_cfg *cfg)
{
	struct wpp_stack *s = cfg->stacks;
	uint32_t nr = 0;

	wppi_sort(s, cfg->nr_stacks, sizeof(*s), less_start);
	for (uint32_t i = 0; i < cfg->nr_stacks; i++) {
		if (!stack_ok(&s[i]))
			return WPP_EINVAL;
		if (i + 1 < cfg->nr_stacks && s[i].start + (s[i].len - 1) >= s[i + 1].start)
			return WPP_EINVAL;
	}
	for (uint32_t i = 0; i < cfg->nr_stacks; i++) {
		uint64_t len = dead_len(&s[i]);

		if (len)
			s[nr++] = (struct wpp_stack){ .start = s[i].start, .len = len };
	}
	cfg->nr_stacks = nr;
	return 0;
}

static bool take_cfg(struct wpp_plan_cfg *cfg, const struct wpp_plan_cfg *theirs)
{
	return !wpp_sized_in(cfg, sizeof(*cfg), theirs,
			     WPP_SIZE_UPTO(struct wpp_plan_cfg, reserved)) &&
	       !(cfg->flags & ~WPP_PLAN_BY_SRC) && !cfg->reserved && cfg->medium &&
	       cfg->medium->io_best >= WPP_PAGE_SIZE && cfg->medium->queue_depth &&
	       !cfg->moves == !cfg->max_moves && (cfg->stacks || !cfg->nr_stacks);
}

int wpp_plan_begin(struct wpp_plan *p, const struct wpp_plan_cfg *cfg)
{
	struct wpp_plan_cfg ours;

	if (!take_cfg(&ours, cfg))
		return WPP_EINVAL;
	*p = (struct wpp_plan){ .moves = ours.moves, .cfg = ours };
	p->max_pages = ours.medium->io_best >> WPP_PAGE_SHIFT;
	return stacks_prepare(&p->cfg);
}

static bool run_ok(const struct wpp_plan *p, const struct wpp_page_run *run)
{
	if ((run->src & (WPP_PAGE_SIZE - 1)) || run->page > PAGES_MAX ||
	    run->nr > PAGES_MAX - run->page || run->nr > (UINT64_MAX - run->src) >> WPP_PAGE_SHIFT)
		return false;
	if (p->cfg.flags & WPP_PLAN_BY_SRC)
		return run->src >= p->next_src;
	return run->space > p->next_space ||
	       (run->space == p->next_space && run->page >= p->next_page);
}

/* The first @nr pages of the run are done with. */
static void run_advance(struct wpp_plan *p, struct wpp_page_run *run, uint64_t nr)
{
	run->src += nr << WPP_PAGE_SHIFT;
	run->page += nr;
	run->nr -= nr;
	p->next_src = run->src;
	p->next_page = run->page;
	p->next_space = run->space;
}

/* The counter of the reason that holds for all of the run, or NULL. */
static uint64_t *skip_counter(struct wpp_plan *p, const struct wpp_page_run *run)
{
	if (run->flags & WPP_PAGE_FILE_CLEAN)
		return &p->sum.nr_clean;
	if (run->flags & WPP_PAGE_ZERO)
		return &p->sum.nr_zero;
	return run->flags & WPP_PAGE_UNCHANGED ? &p->sum.nr_unchanged : NULL;
}

/* How many pages at the start of the run are all dead, or all alive? */
static uint64_t dead_prefix(const struct wpp_plan *p, const struct wpp_page_run *run, bool *dead)
{
	const struct wpp_stack *s = p->cfg.stacks;
	uint32_t lo = 0, hi = p->cfg.nr_stacks;
	uint64_t first, nr;

	while (lo < hi) { /* the first stack whose dead part ends behind the page */
		uint32_t mid = lo + (hi - lo) / 2;

		if ((s[mid].start + s[mid].len - 1) >> WPP_PAGE_SHIFT < run->page)
			lo = mid + 1;
		else
			hi = mid;
	}
	*dead = false;
	if (lo == p->cfg.nr_stacks || run->space != p->cfg.stack_space)
		return run->nr;
	first = s[lo].start >> WPP_PAGE_SHIFT;
	*dead = first <= run->page;
	nr = *dead ? first + (s[lo].len >> WPP_PAGE_SHIFT) - run->page : first - run->page;
	return nr < run->nr ? nr : run->nr;
}

/* The move that the next page may join; NULL behind a drain. */
static struct wpp_move *open_move(struct wpp_plan *p)
{
	if (!p->cfg.moves)
		return p->sum.nr_moves ? &p->last : NULL;
	return p->nr_moves ? &p->cfg.moves[p->nr_moves - 1] : NULL;
}

static bool continues(const struct wpp_plan *p, const struct wpp_move *m,
		      const struct wpp_page_run *run)
{
	if (m->nr >= p->max_pages || m->src + ((uint64_t)m->nr << WPP_PAGE_SHIFT) != run->src)
		return false;
	return (p->cfg.flags & WPP_PLAN_BY_SRC) ||
	       (m->space == run->space && m->page + m->nr == run->page);
}

static struct wpp_move *new_move(struct wpp_plan *p, const struct wpp_page_run *run)
{
	struct wpp_move *m = &p->last;

	if (p->cfg.moves) {
		if (p->nr_moves == p->cfg.max_moves)
			return NULL;
		m = &p->cfg.moves[p->nr_moves++];
	}
	*m = (struct wpp_move){ .src = run->src, .page = run->page, .space = run->space };
	p->sum.nr_moves++;
	return m;
}

/* Move the first @nr pages of the run, or as many as there is room for. */
static int take(struct wpp_plan *p, struct wpp_page_run *run, uint64_t nr)
{
	while (nr) {
		struct wpp_move *m = open_move(p);
		uint64_t n;

		if (!m || !continues(p, m, run))
			m = new_move(p, run);
		if (!m)
			return WPP_ENOSPC;
		n = p->max_pages - m->nr;
		n = n < nr ? n : nr;
		m->nr += (uint32_t)n;
		p->sum.nr_pages += n;
		nr -= n;
		run_advance(p, run, n);
	}
	return 0;
}

int wpp_plan_add_run(struct wpp_plan *p, struct wpp_page_run *run)
{
	uint64_t *counter = skip_counter(p, run);

	if (!run_ok(p, run))
		return WPP_EINVAL;
	while (run->nr) {
		bool dead = counter != NULL;
		uint64_t nr = dead ? run->nr : dead_prefix(p, run, &dead);
		int err = 0;

		if (dead) {
			*(counter ? counter : &p->sum.nr_dead) += nr;
			run_advance(p, run, nr);
		} else {
			err = take(p, run, nr);
		}
		if (err)
			return err;
	}
	return 0;
}

int wpp_plan_add_pte(struct wpp_plan *p, uint32_t space, const struct wpp_pte *pte,
		     struct wpp_page_run *run)
{
	if (pte->size >= WPP_PTE_SIZES)
		return WPP_EINVAL;
	*run = (struct wpp_page_run){ .src = pte->pa,
				      .page = pte->va >> WPP_PAGE_SHIFT,
				      .nr = 1ull << 9 * pte->size,
				      .space = space,
				      .flags = pte->flags };
	return wpp_plan_add_run(p, run);
}

void wpp_plan_drain(struct wpp_plan *p)
{
	p->nr_moves = 0;
}

static uint64_t predict_bytes(const struct wpp_plan_cfg *cfg, uint64_t nr_pages)
{
	if (nr_pages >= PAGES_MAX)
		return UINT64_MAX;
	return wppi_add_sat(nr_pages << WPP_PAGE_SHIFT, cfg->meta_bytes);
}

static uint64_t predict_ns(const struct wpp_plan_cfg *cfg, uint64_t nr_pages, uint64_t nr_moves)
{
	uint64_t ns = wppi_muldiv_up(nr_moves, cfg->latency_ns, cfg->medium->queue_depth);

	if (cfg->bandwidth) {
		uint64_t bytes = predict_bytes(cfg, nr_pages);

		ns = wppi_add_sat(ns, wppi_muldiv_up(bytes, NS_PER_S, cfg->bandwidth));
	}
	ns = wppi_add_sat(ns, cfg->fixed_ns);
	return wppi_add_sat(wppi_add_sat(ns, cfg->flush_ns), cfg->flush_ns);
}

int wpp_plan_end(const struct wpp_plan *p, struct wpp_forecast *f)
{
	uint64_t window = p->cfg.window_ns ? p->cfg.window_ns : UINT64_MAX;

	*f = p->sum;
	f->nr_bytes = predict_bytes(&p->cfg, f->nr_pages);
	f->time_ns = predict_ns(&p->cfg, f->nr_pages, f->nr_moves);
	f->short_ns = f->time_ns > window ? f->time_ns - window : 0;
	f->spare_ns = f->time_ns > window ? 0 : window - f->time_ns;
	if (!p->cfg.window_ns)
		f->spare_ns = UINT64_MAX;
	return f->short_ns ? WPP_EWINDOW : 0;
}

uint64_t wpp_plan_budget(const struct wpp_plan_cfg *theirs)
{
	struct wpp_plan_cfg ours, *cfg = &ours;
	uint64_t lo = 0, hi = PAGES_MAX;

	if (!take_cfg(&ours, theirs))
		return 0;
	if (!cfg->window_ns)
		return UINT64_MAX;
	while (lo < hi) { /* the largest number that fits; 0 is not tested */
		uint64_t mid = lo + (hi - lo + 1) / 2;

		if (predict_ns(cfg, mid, mid) <= cfg->window_ns)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}
