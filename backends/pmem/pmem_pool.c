/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A file on a disk, by pread and pwrite past the page cache, several at a time:
 * a few threads take moves from one queue. FLUSH is fdatasync.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/fail.h"
#include "pmem_priv.h"

#define QUEUE_DEPTH 16
#define THREADS_MAX 16
#define STACK_SIZE  (64u << 10)
#define EMPTY_POLLS 64	   /* in a row: the caller has nothing else to do */
#define NAP_NS	    100000 /* then a poll sleeps, at most so long, to leave it the CPU */

struct queue {
	struct wpp_io *first, *last;
};

struct pool {
	struct wpp_backend be;
	struct wpp_medium medium;
	struct wppi_pmem_file file;
	bool direct;
	uint32_t threads_max;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t work, finished;
	struct queue pending, done;
	uint32_t in_flight, nr_threads, nr_idle, empty_polls;
	bool stop, poisoned;
	pthread_t threads[THREADS_MAX];
};

static struct pool *pool_of(struct wpp_backend *be)
{
	return (struct pool *)be;
}

/* priv[0] links a queue, priv[1] keeps the result. */
static void queue_put(struct queue *q, struct wpp_io *io)
{
	io->priv[0] = 0;
	if (q->last)
		q->last->priv[0] = (uintptr_t)io;
	else
		q->first = io;
	q->last = io;
}

static struct wpp_io *queue_take(struct queue *q)
{
	struct wpp_io *io = q->first;

	if (!io)
		return NULL;
	q->first = (struct wpp_io *)(uintptr_t)io->priv[0];
	if (!q->first)
		q->last = NULL;
	return io;
}

static int move(int fd, const struct wpp_io *io)
{
	char *buf = io->buf;
	size_t left = io->len;
	off_t off = (off_t)io->off;

	while (left) {
		ssize_t n = io->op == WPP_IO_READ ? pread(fd, buf, left, off)
						  : pwrite(fd, buf, left, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wppi_from_errno(errno) == WPP_ENOSPC ? WPP_ENOSPC : WPP_EIO;
		if (!n) /* the file became shorter */
			return WPP_EIO;
		buf += n;
		off += n;
		left -= (size_t)n;
	}
	return 0;
}

static int run(const struct pool *pool, const struct wpp_io *io)
{
	if (io->op != WPP_IO_FLUSH)
		return move(pool->file.fd, io);
	return fdatasync(pool->file.fd) ? WPP_EIO : 0;
}

static void *worker(void *arg)
{
	struct pool *pool = arg;
	struct wpp_io *io;
	int err;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		pool->nr_idle++;
		while (!(io = queue_take(&pool->pending)) && !pool->stop)
			pthread_cond_wait(&pool->work, &pool->lock);
		pool->nr_idle--;
		if (!io)
			break;
		pthread_mutex_unlock(&pool->lock);
		err = run(pool, io);
		pthread_mutex_lock(&pool->lock);
		/* What the kernel dropped after an error, a second fdatasync calls durable. */
		pool->poisoned |= err && io->op != WPP_IO_READ;
		io->priv[1] = (uint64_t)(int64_t)err;
		queue_put(&pool->done, io);
		pthread_cond_signal(&pool->finished);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* One more thread, without signals: those belong to the program's own threads. */
static int start_thread(struct pool *pool)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(
		&attr, STACK_SIZE > PTHREAD_STACK_MIN ? STACK_SIZE : (size_t)PTHREAD_STACK_MIN);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&pool->threads[pool->nr_threads], &attr, worker, pool);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;
	pool->nr_threads++;
	return 0;
}

static int pool_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = pool_of(be)->medium;
	return 0;
}

static int enqueue(struct pool *pool, struct wpp_io *io)
{
	int err = 0;

	if (pool->poisoned && io->op != WPP_IO_READ)
		return WPP_EPOISON;
	if (pool->in_flight == QUEUE_DEPTH)
		return WPP_EBUSY;
	if (!pool->nr_idle && pool->nr_threads < pool->threads_max)
		err = start_thread(pool);
	if (err && !pool->nr_threads)
		return WPP_ENOMEM;
	queue_put(&pool->pending, io);
	pool->in_flight++;
	pool->empty_polls = 0;
	pthread_cond_signal(&pool->work);
	return 0;
}

static int pool_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct pool *pool = pool_of(be);
	int err = wppi_pmem_check(&pool->medium, pool->file.rdonly, io);

	if (err)
		return err;
	pthread_mutex_lock(&pool->lock);
	err = enqueue(pool, io);
	pthread_mutex_unlock(&pool->lock);
	return err;
}

static void nap(struct pool *pool)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += NAP_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&pool->finished, &pool->lock, &until);
}

static int pool_poll(struct wpp_backend *be)
{
	struct pool *pool = pool_of(be);
	struct queue done;
	struct wpp_io *io;
	int count = 0;

	pthread_mutex_lock(&pool->lock);
	if (!pool->done.first && pool->in_flight && ++pool->empty_polls > EMPTY_POLLS)
		nap(pool);
	done = pool->done;
	pool->done = (struct queue){ 0 };
	for (io = done.first; io; io = (struct wpp_io *)(uintptr_t)io->priv[0])
		count++;
	pool->in_flight -= (uint32_t)count;
	if (count)
		pool->empty_polls = 0;
	pthread_mutex_unlock(&pool->lock);
	while ((io = queue_take(&done)) != NULL)
		io->done(io, (int)(int64_t)io->priv[1]);
	return count;
}

static void pool_close(struct wpp_backend *be)
{
	struct pool *pool = pool_of(be);

	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (uint32_t i = 0; i < pool->nr_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->finished);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	close(pool->file.fd);
	free(pool);
}

static const struct wpp_backend_ops pool_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(struct wpp_backend_ops),
	.name = "pmem",
	.probe = pool_probe,
	.submit = pool_submit,
	.poll = pool_poll,
	.close = pool_close,
};

const char *wppi_pmem_pool_how(const struct wpp_backend *be)
{
	return ((const struct pool *)be)->direct ? "a file on a disk, O_DIRECT (fdatasync)"
						 : "a file on a disk, buffered (fdatasync)";
}

int wppi_pmem_pool_open(const struct wppi_pmem_file *file, bool direct, uint32_t threads,
			struct wpp_backend **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t attr;

	if (!pool)
		return WPP_ENOMEM;
	pool->be.ops = &pool_ops;
	pool->file = *file;
	pool->direct = direct;
	pool->threads_max = threads;
	pool->medium = (struct wpp_medium){
		.size = file->size / WPP_PAGE_SIZE * WPP_PAGE_SIZE,
		.io_align = WPP_PAGE_SIZE,
		.buf_align = direct ? WPP_PAGE_SIZE : 1,
		.io_max = 16u << 20,
		.io_best = 4u << 20,
		.queue_depth = QUEUE_DEPTH,
		.caps = WPP_CAP_POWERSAFE,
	};
	if (!file->is_volatile)
		pool->medium.caps |= WPP_CAP_DURABLE;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->finished, &attr);
	pthread_cond_init(&pool->work, NULL);
	pthread_condattr_destroy(&attr);
	*out = &pool->be;
	return 0;
}
