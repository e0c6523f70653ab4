/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An I/O error at every operation: each scenario, on each kind of medium, with the n-th move
 * failing, for every n until a run meets no fault. Either the store says so and the older
 * generation is live after reopen, or all went well.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wpp/fault.h>

#include "mediaclass.h"
#include "verify.h"

#define WRITES (1u << WPP_IO_WRITE | 1u << WPP_IO_FLUSH)

static const struct fault_case {
	const char *name;
	struct wpp_fault_rule rule; /* without nth */
} cases[] = {
	{ "submit", { .kind = WPP_FAULT_SUBMIT, .ops = WPP_FAULT_ANY, .nr = 1 } },
	{ "done", { .kind = WPP_FAULT_DONE, .ops = WPP_FAULT_ANY, .nr = 1 } },
	{ "late", { .kind = WPP_FAULT_LATE, .ops = WPP_FAULT_ANY, .nr = 1 } },
	{ "from then on", { .kind = WPP_FAULT_DONE, .ops = WPP_FAULT_ANY, .nr = 0 } },
	{ "busy", { .kind = WPP_FAULT_BUSY, .ops = WPP_FAULT_ANY, .nr = 5 } },
	{ "lie", { .kind = WPP_FAULT_LIE, .ops = WRITES, .nr = 1 } },
};

struct bed {
	struct wpp_backend *sim, *be;
	struct world w;
	struct book book;
	uint64_t runs;
};

static const uint8_t zeros[WORLD_BYTES];

static bool wrong(const char *what, int err)
{
	snprintf(verify_why, sizeof(verify_why), "%s: %s", what, world_strerror(err));
	return false;
}

/* The error was reported, or never came: one of the two states is live, and work goes on. */
static bool check_after(struct bed *b, int play_err)
{
	struct world *w = &b->w;
	struct model after = play_err ? w->next : w->now;
	struct model before = w->now;
	bool formatting = play_err && w->formatting;
	int err = world_open(w, NULL);

	if (formatting && (err == WPP_EFORMAT || err == WPP_ECORRUPT))
		return true;
	if (err)
		return wrong("open after the error", err);
	if (!verify_between(w, &before, &after, &w->now))
		return false;
	err = world_commit_more(w, 0);
	if (err)
		return wrong("commit after the error", err);
	return verify_between(w, &w->now, &w->now, &after);
}

/* A medium that lies about a write can cost data, but must never show wrong data. */
static bool check_after_lie(struct bed *b)
{
	const struct book *book = &b->book;
	struct world *w = &b->w;
	uint32_t readable;
	int err = world_open(w, NULL);

	if (err == WPP_EFORMAT || err == WPP_ECORRUPT)
		return true;
	if (err)
		return wrong("open after the lie", err);
	return verify_honest(w, &book, 1, &readable);
}

static bool run_with_fault(struct bed *b, const struct scenario *sc, const struct fault_case *f,
			   uint64_t nth, bool *fired)
{
	struct wpp_fault_rule rule = f->rule;
	int err;
	bool ok;

	rule.nth = nth;
	wpp_sim_load(b->sim, NULL);
	world_forget(&b->w);
	wpp_fault_set(b->be, &rule);
	b->w.stay_open = rule.kind == WPP_FAULT_LIE;
	err = world_play(&b->w, sc);
	*fired = wpp_fault_fired(b->be) > 0;
	wpp_fault_set(b->be, NULL);
	b->runs++;
	if (wpp_sim_in_flight(b->sim))
		return wrong("moves are in flight after close", err);
	if (rule.kind == WPP_FAULT_LIE)
		ok = check_after_lie(b);
	else if (err && (!*fired || rule.kind == WPP_FAULT_BUSY))
		ok = wrong("failed without an error of the medium", err);
	else
		ok = check_after(b, err);
	world_close(&b->w);
	return ok;
}

static void drain(struct wpp_backend *be)
{
	while (wpp_sim_in_flight(be))
		be->ops->poll(be);
}

static bool run_case(struct bed *b, const struct scenario *sc, const struct media_class *medium,
		     const struct fault_case *f)
{
	bool fired = true;

	for (uint64_t nth = 1; fired; nth++) {
		if (run_with_fault(b, sc, f, nth, &fired))
			continue;
		drain(b->sim);
		printf("FAILED: %s on %s, '%s' at operation %" PRIu64 " (step %u): %s\n", sc->name,
		       medium->name, f->name, nth, b->w.step, verify_why);
		return false;
	}
	return true;
}

/* ---- Reading with errors ----------------------------------------------------------------------
 */

/* Read all while the n-th read fails, is late or lies: what is not refused is right. */
static bool read_with_fault(struct bed *b, const struct wpp_fault_rule *rule)
{
	const struct book *book = &b->book;
	uint32_t readable;
	int err;
	bool ok;

	wpp_fault_set(b->be, rule);
	err = world_open(&b->w, NULL);
	if (err)
		ok = err == WPP_EIO || err == WPP_ECORRUPT || err == WPP_EFORMAT ||
		     wrong("open", err);
	else
		ok = verify_honest(&b->w, &book, 1, &readable);
	world_close(&b->w);
	if (wpp_sim_in_flight(b->sim))
		ok = wrong("moves are in flight after close", err);
	b->runs++;
	return ok;
}

static bool read_case(struct bed *b, enum wpp_fault_kind kind, uint64_t *nth)
{
	struct wpp_fault_rule rule = { .kind = kind, .ops = 1u << WPP_IO_READ, .nr = 1 };
	bool ok = true, fired = true;

	for (*nth = 1; ok && fired; ++*nth) {
		rule.nth = *nth;
		ok = read_with_fault(b, &rule);
		fired = wpp_fault_fired(b->be) > 0;
	}
	wpp_fault_set(b->be, NULL);
	return ok;
}

static bool run_reads(struct bed *b, const struct scenario *sc, const struct media_class *medium)
{
	static const enum wpp_fault_kind kind[] = { WPP_FAULT_SUBMIT, WPP_FAULT_DONE,
						    WPP_FAULT_LATE, WPP_FAULT_LIE };
	uint64_t nth = 0;
	bool ok;

	wpp_sim_load(b->sim, NULL);
	world_forget(&b->w);
	wpp_fault_set(b->be, NULL);
	b->w.stay_open = false;
	ok = world_play(&b->w, sc) == 0;
	b->w.cfg.flags = WPP_STORE_RDONLY;
	for (size_t i = 0; ok && i < sizeof(kind) / sizeof(kind[0]); i++)
		ok = read_case(b, kind[i], &nth);
	b->w.cfg.flags = 0;
	if (!ok) {
		drain(b->sim);
		printf("FAILED: %s on %s, read %" PRIu64 ": %s\n", sc->name, medium->name, nth - 1,
		       verify_why);
	}
	return ok;
}

/* ---- All scenarios ----------------------------------------------------------------------------
 */

static int open_bed(struct bed *b, const struct scenario *sc, const struct media_class *medium)
{
	int err;

	memset(b, 0, sizeof(*b));
	b->sim = media_open(medium, WORLD_BYTES, 1);
	wpp_sim_load(b->sim, zeros);
	err = wpp_fault_wrap(b->sim, &b->be);
	return err ? err : world_init(&b->w, b->be, sc->keep, &b->book);
}

static uint64_t run_scenario(const struct scenario *sc, const struct media_class *medium,
			     uint32_t *failed)
{
	static struct bed b;
	int err = open_bed(&b, sc, medium);

	if (err) {
		printf("FAILED: %s on %s: %s\n", sc->name, medium->name, world_strerror(err));
		++*failed;
		return 0;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		*failed += !run_case(&b, sc, medium, &cases[i]);
	*failed += !run_reads(&b, sc, medium);
	world_fini(&b.w);
	b.be->ops->close(b.be);
	return b.runs;
}

int main(void)
{
	uint32_t failed = 0;
	uint64_t runs = 0;

	for (uint32_t s = 0; s < nr_scenarios; s++)
		for (uint32_t m = 0; m < nr_media_classes; m++)
			runs += run_scenario(&scenarios[s], &media_classes[m], &failed);
	printf("%" PRIu64 " runs with one fault each, %u wrong\n", runs, failed);
	return failed ? 1 : 0;
}
