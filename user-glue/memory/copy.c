/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Copying pages out of stopped processes into the open generation.
 *
 * Batches go round in a ring: named, filled and summed, put. A second thread
 * fills; the first one puts, and fills too when it has nothing to put. Batches
 * are put in the order they were named in.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/ring.h"
#include "memory/memory.h"
#include "memory/pages.h"
#include "stop/stop.h"

#define BATCH_PAGES  512u /* 2 MiB a move */
#define SLICE	     64u  /* pages: copied and summed while they are in the cache */
#define RING	     16u
#define ROOM_STEP    512u		 /* pages: a huge page */
#define WINDOW_PAGES (16u * BATCH_PAGES) /* on the medium, when it is byte-addressable */
#define THREAD_PAGES 2048u		 /* fewer are copied before a thread is up */

enum state {
	FREE,
	NAMED,	 /* waits for somebody to fill it */
	FILLING, /* somebody does */
	FILLED,
	LENT, /* its buffer is the writer's until it has settled up to mark */
};

struct batch {
	enum state state;
	int err;
	const struct member *m; /* whose memory it is, NULL: a file's */
	int fd;
	uint32_t space;
	uint32_t nr;
	uint8_t *to;
	uint64_t mark;
	uint64_t page[BATCH_PAGES];
	uint32_t crc[BATCH_PAGES];
};

/* Where pages come from: a process' memory, or a file. */
struct source {
	uint32_t space;
	const struct member *m; /* NULL: a file */
	int fd;
	const struct runs *runs;
	size_t run; /* cursor: the run, and the pages of it that are named */
	uint64_t at;
};

struct copier {
	struct wpp_store *st;
	struct wpp_writer *w;
	struct tree *tree;
	uint64_t done, total;

	struct ring_memory buffers; /* a batch each; none when the medium gives windows */
	uint8_t *window;
	uint32_t window_left; /* pages */

	struct batch *ring;
	unsigned int nr;	 /* batches in the ring */
	size_t room;		 /* pages of the buffers */
	unsigned int head, tail; /* next to put, next to name; modulo nr */

	pthread_t thread;
	bool has_thread;
	int err;	      /* of making the buffers */
	pthread_mutex_t lock; /* states of batches, and stop */
	pthread_cond_t named, filled;
	bool stop;
};

/* ---- Filling ---- */

static int read_file(int fd, uint8_t *to, uint64_t off, uint64_t len)
{
	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) { /* behind the end of a file */
			memset(to, 0, len);
			return 0;
		}
		to += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Pages that are neighbours in the source in one vector each. */
static unsigned int name_vectors(const uint64_t *page, uint32_t nr, struct iovec *iov)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < nr; i++) {
		if (i && page[i] == page[i - 1] + 1) {
			iov[n - 1].iov_len += WPP_PAGE_SIZE;
			continue;
		}
		iov[n].iov_base = (void *)(uintptr_t)(page[i] * WPP_PAGE_SIZE);
		iov[n++].iov_len = WPP_PAGE_SIZE;
	}
	return n;
}

/* From byte @done on: memory that the process itself may not read is left to /proc/PID/mem. */
static int read_one_by_one(int fd, uint8_t *to, const struct iovec *iov, unsigned int nr,
			   uint64_t done)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t addr = (uint64_t)(uintptr_t)iov[i].iov_base;
		uint64_t len = iov[i].iov_len;
		uint64_t skip = done < len ? done : len;
		int err = read_file(fd, to + skip, addr + skip, len - skip);

		if (err)
			return err;
		done -= skip;
		to += len;
	}
	return 0;
}

static int fill_slice(const struct batch *b, const uint64_t *page, uint32_t nr, uint8_t *to)
{
	struct iovec mine = { to, (size_t)nr * WPP_PAGE_SIZE }, theirs[SLICE];
	unsigned int n = name_vectors(page, nr, theirs);
	ssize_t len;

	if (!b->m)
		return read_one_by_one(b->fd, to, theirs, n, 0);
	len = process_vm_readv(b->m->pid, &mine, 1, theirs, n, 0);
	if (len < 0 && errno != EFAULT)
		return -errno;
	if (len == (ssize_t)mine.iov_len)
		return 0;
	return read_one_by_one(b->m->mem, to, theirs, n, len < 0 ? 0 : (uint64_t)len);
}

static int fill(const struct copier *cp, struct batch *b)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < b->nr; i += SLICE) {
		uint32_t nr = b->nr - i < SLICE ? b->nr - i : SLICE;
		uint8_t *to = b->to + (size_t)i * WPP_PAGE_SIZE;

		err = fill_slice(b, b->page + i, nr, to);
		if (!err)
			wpp_store_sums(cp->st, to, nr, b->crc + i);
	}
	return err;
}

/* With the lock: the oldest batch that nobody fills yet. */
static struct batch *find_named(struct copier *cp)
{
	for (unsigned int i = cp->head; i != cp->tail; i++) {
		if (cp->ring[i % cp->nr].state == NAMED)
			return &cp->ring[i % cp->nr];
	}
	return NULL;
}

/* With the lock, which is let go meanwhile. */
static void fill_batch(struct copier *cp, struct batch *b)
{
	b->state = FILLING;
	pthread_mutex_unlock(&cp->lock);
	b->err = fill(cp, b);
	pthread_mutex_lock(&cp->lock);
	b->state = FILLED;
	pthread_cond_signal(&cp->filled);
}

static void *fill_batches(void *arg)
{
	struct copier *cp = arg;
	struct batch *b;

	pthread_mutex_lock(&cp->lock);
	while (!cp->stop) {
		b = find_named(cp);
		if (b)
			fill_batch(cp, b);
		else
			pthread_cond_wait(&cp->named, &cp->lock);
	}
	pthread_mutex_unlock(&cp->lock);
	return NULL;
}

/* ---- Naming ---- */

/* No more than there is to be saved, as far as can be told: small ones are quick. */
static size_t pages_wanted(const struct tree *t)
{
	size_t resident, shared, most = RING * (size_t)BATCH_PAGES, pages = 0;
	const struct member *m;
	char text[256];

	wppi_for_members(m, t) {
		if (wppi_proc_read(m->pid, "statm", text, sizeof(text)) < 0 ||
		    sscanf(text, "%*u %zu %zu", &resident, &shared) != 2 || shared > resident)
			return most;
		pages += resident - shared;
	}
	pages = pages / ROOM_STEP * ROOM_STEP + ROOM_STEP;
	return pages < most ? pages : most;
}

/* Memory that the kernel has to find and clear first is better asked for now than in the freeze. */
static int open_buffers(struct copier *cp)
{
	int err;

	cp->room = pages_wanted(cp->tree);
	cp->nr = (unsigned int)((cp->room + BATCH_PAGES - 1) / BATCH_PAGES);
	cp->head = cp->tail = 0;
	err = wppi_ring_get(&cp->buffers, cp->st, cp->room * WPP_PAGE_SIZE);
	for (size_t i = 0; !err && i < cp->room; i++)
		*(volatile uint8_t *)(cp->buffers.mem + i * WPP_PAGE_SIZE) = 0;
	return err;
}

/*
 * Fresh room, when the old is used up and no batch lies in it: a window on the medium, which can't
 * be changed before all of it is put, or our buffers.
 */
static int open_room(struct copier *cp)
{
	uint64_t left = cp->total > cp->done ? cp->total - cp->done : 1;

	if (cp->buffers.mem || cp->window_left || cp->head != cp->tail)
		return 0;
	cp->window = wpp_writer_direct(cp->w, left < WINDOW_PAGES ? (uint32_t)left : WINDOW_PAGES,
				       &cp->window_left);
	if (cp->window)
		return 0;
	cp->window_left = 0;
	return open_buffers(cp);
}

/* Pages that fit into the next batch; its place in b->to. */
static uint32_t room_for(struct copier *cp, struct batch *b)
{
	size_t first;

	if (!cp->buffers.mem) {
		b->to = cp->window;
		return cp->window_left < BATCH_PAGES ? cp->window_left : BATCH_PAGES;
	}
	first = (size_t)(b - cp->ring) * BATCH_PAGES;
	b->to = cp->buffers.mem + first * WPP_PAGE_SIZE;
	return cp->room - first < BATCH_PAGES ? (uint32_t)(cp->room - first) : BATCH_PAGES;
}

static void name_pages(struct batch *b, struct source *s, uint32_t room)
{
	b->nr = 0;
	while (b->nr < room && s->run < s->runs->nr) {
		const struct run *r = &s->runs->v[s->run];
		uint64_t first = r->first + s->at, nr = r->nr - s->at;

		if (nr > room - b->nr)
			nr = room - b->nr;
		for (uint64_t i = 0; i < nr; i++)
			b->page[b->nr++] = first + i;
		s->at += nr;
		if (s->at == r->nr) {
			s->run++;
			s->at = 0;
		}
	}
}

static void publish(struct copier *cp, struct batch *b)
{
	pthread_mutex_lock(&cp->lock);
	b->state = NAMED;
	cp->tail++;
	pthread_cond_signal(&cp->named);
	pthread_mutex_unlock(&cp->lock);
}

/* As many batches as there is room for now. */
static int name_batches(struct copier *cp, struct source *s)
{
	while (s->run < s->runs->nr && cp->tail - cp->head < cp->nr) {
		struct batch *b = &cp->ring[cp->tail % cp->nr];
		int err = open_room(cp);
		uint32_t room;

		if (err)
			return err;
		room = room_for(cp, b);
		if (b->state != FREE || !room)
			return 0;
		name_pages(b, s, room);
		b->space = s->space;
		b->m = s->m;
		b->fd = s->fd;
		if (!cp->buffers.mem) {
			cp->window += (size_t)b->nr * WPP_PAGE_SIZE;
			cp->window_left -= b->nr;
		}
		publish(cp, b);
	}
	return 0;
}

/* ---- Putting ---- */

/* The oldest batch is filled afterwards; until then we fill too. */
static void await_oldest(struct copier *cp)
{
	struct batch *oldest = &cp->ring[cp->head % cp->nr], *b;

	pthread_mutex_lock(&cp->lock);
	while (oldest->state != FILLED) {
		b = find_named(cp);
		if (b)
			fill_batch(cp, b);
		else
			pthread_cond_wait(&cp->filled, &cp->lock);
	}
	pthread_mutex_unlock(&cp->lock);
}

static int put_oldest(struct copier *cp)
{
	const struct wpp_report *report = cp->tree->notes.report;
	struct batch *b = &cp->ring[cp->head % cp->nr];
	int err;

	await_oldest(cp);
	err = b->err;
	if (!err)
		err = wpp_writer_put_summed(cp->w, b->space, b->page, b->nr, b->to, b->crc);
	b->mark = wpp_writer_mark(cp->w);
	pthread_mutex_lock(&cp->lock);
	b->state = cp->buffers.mem ? LENT : FREE;
	cp->head++;
	pthread_mutex_unlock(&cp->lock);
	cp->done += b->nr;
	if (report && report->progress)
		report->progress(report->arg, cp->done, cp->total);
	return err;
}

/* The next buffer is not free: waits for the writer, while the other thread fills what is named. */
static int settle(struct copier *cp)
{
	struct batch *b = &cp->ring[cp->tail % cp->nr];
	int err = wpp_writer_settle_to(cp->w, b->mark);

	pthread_mutex_lock(&cp->lock);
	b->state = FREE;
	pthread_mutex_unlock(&cp->lock);
	return err;
}

/* Half of the ring is kept back for the other thread to fill during the wait. */
static bool must_settle(const struct copier *cp, const struct source *s)
{
	return s->run < s->runs->nr && cp->tail - cp->head <= cp->nr / 2 &&
	       cp->ring[cp->tail % cp->nr].state == LENT;
}

static int copy_source(struct copier *cp, struct source *s)
{
	int err = 0;

	while (!err && (s->run < s->runs->nr || cp->head != cp->tail)) {
		err = name_batches(cp, s);
		if (!err && must_settle(cp, s))
			err = settle(cp);
		else if (!err)
			err = put_oldest(cp);
	}
	return err;
}

/* ---- All of it ---- */

static int copy_runs(struct copier *cp, struct source s, struct runs *runs, int err)
{
	s.runs = runs;
	if (!err)
		err = copy_source(cp, &s);
	wppi_runs_free(runs);
	return err;
}

/* A second thread, when there is a CPU for it. Nothing is lost without. */
static void start_thread(struct copier *cp, void *(*run)(void *), bool urgent)
{
	sigset_t all, old;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	if (urgent) {
		cp->has_thread = wppi_urgent_thread(&cp->thread, run, cp) == 0;
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	cp->has_thread = pthread_create(&cp->thread, NULL, run, cp) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void join_thread(struct copier *cp)
{
	if (cp->has_thread)
		pthread_join(cp->thread, NULL);
	cp->has_thread = false;
}

static void stop_thread(struct copier *cp)
{
	pthread_mutex_lock(&cp->lock);
	cp->stop = true;
	pthread_cond_signal(&cp->named);
	pthread_mutex_unlock(&cp->lock);
	join_thread(cp);
}

static int copy_members(struct copier *cp, struct runs *found)
{
	const struct tree *t = cp->tree;
	int err = 0;

	for (size_t i = 0; i < t->nr_members; i++) {
		const struct member *m = &t->members[i];

		err = copy_runs(cp, (struct source){ .space = m->space, .m = m }, &found[i], err);
	}
	return err;
}

static int copy_objects(struct copier *cp)
{
	const struct tree *t = cp->tree;
	int err = 0;

	for (size_t i = 0; !err && i < t->nr_objs; i++) {
		const struct memobj *o = &t->objs[i];
		const struct source s = { .space = (uint32_t)o->rec.space, .fd = o->fd };
		struct runs runs = { 0 };

		err = wppi_pages_of_object(o, &runs);
		err = copy_runs(cp, s, &runs, err);
	}
	return err;
}

/* The pages of each member into @found; the sum of all that will be copied. */
static int find_pages(struct copier *cp, struct runs *found)
{
	const struct tree *t = cp->tree;
	int err = 0;

	for (size_t i = 0; !err && i < t->nr_members; i++) {
		err = wppi_pages_of_process(&t->members[i], &found[i]);
		cp->total += found[i].nr_pages;
	}
	for (size_t i = 0; i < t->nr_objs; i++)
		cp->total += t->objs[i].rec.size / WPP_PAGE_SIZE;
	return err;
}

static int copy_all(struct copier *cp, struct runs *found)
{
	int err = find_pages(cp, found);

	if (err) {
		for (size_t i = 0; i < cp->tree->nr_members; i++)
			wppi_runs_free(&found[i]);
		return err;
	}
	/* Urgent, unless the backend has threads of its own, which need a CPU too. */
	if (cp->total > THREAD_PAGES)
		start_thread(cp, fill_batches, !cp->buffers.mem || cp->buffers.lender);
	err = copy_members(cp, found);
	if (!err)
		err = copy_objects(cp);
	stop_thread(cp);
	return err;
}

int wppi_pages_copy(struct tree *t, void (*copied)(struct tree *t))
{
	struct copier *cp = t->copier;
	struct runs *found = calloc(t->nr_members, sizeof(*found));
	int err = found ? copy_all(cp, found) : WPP_ENOMEM;

	free(found);
	t->nr_pages = cp->done;
	if (!err)
		copied(t);
	if (err && cp->buffers.mem)
		(void)!wpp_writer_settle(cp->w); /* the buffers are lent */
	return err ? err : wpp_writer_settle(cp->w);
}

static void *make_buffers(void *arg)
{
	struct copier *cp = arg;

	cp->err = open_buffers(cp);
	return NULL;
}

int wppi_copy_begin(struct tree *t)
{
	struct copier *cp = calloc(1, sizeof(*cp));

	if (!cp)
		return WPP_ENOMEM;
	t->copier = cp;
	cp->tree = t;
	cp->st = t->store;
	pthread_mutex_init(&cp->lock, NULL);
	pthread_cond_init(&cp->named, NULL);
	pthread_cond_init(&cp->filled, NULL);
	cp->nr = RING;
	cp->ring = calloc(RING, sizeof(struct batch));
	if (!cp->ring)
		return WPP_ENOMEM;
	if (!(wpp_store_medium(t->store)->caps & WPP_CAP_DIRECT))
		start_thread(cp, make_buffers, true);
	return 0;
}

int wppi_copy_await(struct tree *t)
{
	join_thread(t->copier);
	return t->copier->err;
}

int wppi_copy_prepare(struct tree *t, struct wpp_writer *w)
{
	t->copier->w = w;
	return open_room(t->copier);
}

void wppi_copy_free(struct tree *t)
{
	struct copier *cp = t->copier;

	if (!cp)
		return;
	join_thread(cp);
	wppi_ring_put(&cp->buffers);
	free(cp->ring);
	free(cp);
	t->copier = NULL;
}
