/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Pages: read, verified, and only then put into the new address space. Two
 * threads share the work: the caller's reads and verifies (the store is his
 * alone), a second one puts.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "memory/memory.h"
#include "base/ring.h"

#define PAGES_MAX 2048u /* of a slot */
#define RUNS_MAX  512u
#define NR_SLOTS  4u
#define ALONE_MAX 2048u /* an image of so few pages is filled by one thread */

/* Runs of pages, one behind the other in the buffer. */
struct slot {
	struct wpp_run run[RUNS_MAX];
	uint32_t nr_runs;
	uint8_t *buf;
};

struct fill {
	struct build *b;
	struct slot slot[NR_SLOTS];
	struct ring_memory buffers;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int nr_read, nr_put; /* runs, ever */
	bool last;		      /* no more will be read */
	int err;		      /* of putting; the first one */
	uint64_t err_addr;
};

/* The vdso's code is in the image for the case that another kernel runs. */
static bool is_wanted(const struct build *b, const struct mapping *m)
{
	return m->kind != WPP_REGION_SPECIAL ||
	       (b->vdso.mode == VDSO_PATCH && m->start == b->vdso.rec.vdso);
}

/* A run may cross from one mapping into the next. */
static int put_run(struct fill *f, const struct wpp_run *run, const uint8_t *buf)
{
	uint64_t addr = run->page * PLACE, end = addr + run->nr * PLACE;
	int err = 0;

	while (!err && addr < end) {
		struct mapping *m = wppi_mapping_at(f->b, addr);
		uint64_t stop;

		f->err_addr = addr;
		if (!m || (m->flags & MAP_SHARED))
			return WPP_ECORRUPT;
		stop = m->end < end ? m->end : end;
		if (is_wanted(f->b, m))
			err = wppi_put(f->b, m, addr, buf, stop - addr);
		buf += stop - addr;
		addr = stop;
	}
	return err;
}

static int put_slot(struct fill *f, const struct slot *s)
{
	const uint8_t *buf = s->buf;
	int err = 0;

	for (uint32_t i = 0; i < s->nr_runs && !err; i++) {
		err = put_run(f, &s->run[i], buf);
		buf += s->run[i].nr * PLACE;
	}
	return err;
}

/* ---- The second thread ---- */

static struct slot *next_to_put(struct fill *f)
{
	struct slot *s = NULL;

	pthread_mutex_lock(&f->lock);
	while (f->nr_put == f->nr_read && !f->last)
		pthread_cond_wait(&f->changed, &f->lock);
	if (f->nr_put != f->nr_read)
		s = &f->slot[f->nr_put % NR_SLOTS];
	pthread_mutex_unlock(&f->lock);
	return s;
}

static void did_put(struct fill *f, int err)
{
	pthread_mutex_lock(&f->lock);
	f->nr_put++;
	if (!f->err)
		f->err = err;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void *put_all(void *arg)
{
	struct fill *f = arg;
	struct slot *s;

	while ((s = next_to_put(f)))
		did_put(f, f->err ? f->err : put_slot(f, s));
	return NULL;
}

/* ---- The caller's thread ---- */

static struct slot *next_to_read(struct fill *f, int *err)
{
	pthread_mutex_lock(&f->lock);
	while (f->nr_read - f->nr_put == NR_SLOTS)
		pthread_cond_wait(&f->changed, &f->lock);
	*err = f->err;
	pthread_mutex_unlock(&f->lock);
	return &f->slot[f->nr_read % NR_SLOTS];
}

static void did_read(struct fill *f, bool last)
{
	pthread_mutex_lock(&f->lock);
	f->last = last;
	if (!last)
		f->nr_read++;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void progress(struct build *b)
{
	const struct wpp_report *report = b->m->tree->how.report;

	if (report && report->progress)
		report->progress(report->arg, b->m->tree->nr_pages,
				 b->m->tree->generation.nr_pages);
}

static int read_one(struct fill *f, struct slot *s, uint64_t *page)
{
	struct build *b = f->b;
	uint32_t nr = 0;
	int err = 0;

	for (s->nr_runs = 0; s->nr_runs < RUNS_MAX && nr < PAGES_MAX; s->nr_runs++) {
		struct wpp_run *run = &s->run[s->nr_runs];

		err = wpp_reader_next(b->m->tree->reader, b->m->space, *page, PAGES_MAX - nr, run);
		if (err)
			break;
		nr += run->nr;
		*page = run->page + run->nr;
	}
	if (s->nr_runs && (!err || err == WPP_ENOENT))
		err = wppi_runs_read(b->m->tree, s->run, s->nr_runs, s->buf);
	if (err)
		return err;
	b->m->tree->nr_pages += nr;
	progress(b);
	return 0;
}

static int read_all(struct fill *f, bool alone)
{
	uint64_t page = 0;
	int err = 0;

	while (!err) {
		struct slot *s = next_to_read(f, &err);

		if (!err)
			err = read_one(f, s, &page);
		if (!err && alone)
			err = f->err = put_slot(f, s);
		else if (!err)
			did_read(f, false);
	}
	did_read(f, true);
	return err == WPP_ENOENT ? 0 : err;
}

static int start_thread(struct fill *f, pthread_t *thread)
{
	sigset_t all, before;
	int err;

	sigfillset(&all); /* signals are the caller's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, put_all, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int run(struct fill *f)
{
	bool alone = f->b->m->tree->generation.nr_pages <= ALONE_MAX;
	pthread_t thread;
	int err;

	if (!alone && start_thread(f, &thread))
		alone = true;
	err = read_all(f, alone);
	if (!alone)
		pthread_join(thread, NULL);
	return err ? err : f->err;
}

static int allocate(struct fill *f)
{
	const size_t len = PAGES_MAX * PLACE;
	int err = wppi_ring_get(&f->buffers, f->b->m->tree->store, NR_SLOTS * len);

	for (unsigned int i = 0; !err && i < NR_SLOTS; i++)
		f->slot[i].buf = f->buffers.mem + i * len;
	return err;
}

static void explain(struct fill *f, int err)
{
	if (f->err_addr && err == WPP_ECORRUPT && err == f->err)
		wppi_note(&f->b->m->tree->notes, WPP_NOTE_ERROR, "image",
			  "the page at 0x%llx belongs to no mapping",
			  (unsigned long long)f->err_addr);
	else if (err && err == f->err)
		wppi_note(&f->b->m->tree->notes, WPP_NOTE_ERROR, "recreate",
			  "memory at 0x%llx can't be filled: %s", (unsigned long long)f->err_addr,
			  strerror(-err));
}

int wppi_memory_fill(struct build *b)
{
	struct fill f = { .b = b,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER };
	int err = allocate(&f);

	if (err)
		return err;
	err = wppi_put_begin(b);
	if (!err)
		err = run(&f);
	explain(&f, err);
	wppi_ring_put(&f.buffers);
	return err ? err : wppi_put_end(b);
}
