/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copying pages out of a stopped process into the open generation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture.h"
#include "pages.h"

#define BATCH_PAGES 1024u /* 4 MiB a move */
#define BUFFERS	    4u
#define HUGE_PAGE   (2u << 20)

struct copier {
	struct wpp_writer *w;
	pid_t pid;
	int mem;
	uint8_t *buffers;
	unsigned int next; /* buffer */
	uint64_t page[BATCH_PAGES];
	struct iovec iov[BATCH_PAGES];
	const struct wpp_report *report;
	uint64_t done, total;
};

/* Where a batch comes from: a process' memory, or a file when fd >= 0. */
struct source {
	uint32_t space;
	int fd;
	const struct runs *runs;
	size_t run; /* cursor: the run and the pages of it that are done */
	uint64_t at;
};

/* ---- Reading ---- */

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

/* Memory that the process itself may not read is skipped by process_vm_readv, but not by mem. */
static int read_rest(struct copier *cp, uint8_t *to, unsigned int nr_iov, uint64_t done)
{
	for (unsigned int i = 0; i < nr_iov; i++) {
		uint64_t addr = (uint64_t)(uintptr_t)cp->iov[i].iov_base;
		uint64_t len = cp->iov[i].iov_len;
		uint64_t skip = done < len ? done : len;
		int err = read_file(cp->mem, to + skip, addr + skip, len - skip);

		if (err)
			return err;
		done -= skip;
		to += len;
	}
	return 0;
}

static int read_process(struct copier *cp, uint8_t *to, unsigned int nr_iov, uint64_t len)
{
	struct iovec mine = { to, len };
	ssize_t n = process_vm_readv(cp->pid, &mine, 1, cp->iov, nr_iov, 0);

	if (n < 0 && errno != EFAULT)
		return -errno;
	if (n == (ssize_t)len)
		return 0;
	return read_rest(cp, to, nr_iov, n < 0 ? 0 : (uint64_t)n);
}

/* ---- One batch ---- */

/* Names the next pages, at most @room; *@nr_iov: stretches that are contiguous in the source. */
static uint32_t gather(struct copier *cp, struct source *s, uint32_t room, unsigned int *nr_iov)
{
	uint32_t n = 0;

	*nr_iov = 0;
	while (n < room && s->run < s->runs->nr) {
		const struct run *r = &s->runs->v[s->run];
		uint64_t first = r->first + s->at, nr = r->nr - s->at;

		if (nr > room - n)
			nr = room - n;
		cp->iov[*nr_iov].iov_base = (void *)(uintptr_t)(first * WPP_PAGE_SIZE);
		cp->iov[(*nr_iov)++].iov_len = nr * WPP_PAGE_SIZE;
		for (uint64_t i = 0; i < nr; i++)
			cp->page[n++] = first + i;
		s->at += nr;
		if (s->at == r->nr) {
			s->run++;
			s->at = 0;
		}
	}
	return n;
}

static int fill(struct copier *cp, const struct source *s, uint8_t *to, uint32_t nr,
		unsigned int nr_iov)
{
	int err = 0;

	if (s->fd < 0)
		return read_process(cp, to, nr_iov, (uint64_t)nr * WPP_PAGE_SIZE);
	for (unsigned int i = 0; !err && i < nr_iov; i++) {
		err = read_file(s->fd, to, (uint64_t)(uintptr_t)cp->iov[i].iov_base,
				cp->iov[i].iov_len);
		to += cp->iov[i].iov_len;
	}
	return err;
}

/* Room for a batch: on the medium itself when it is byte-addressable, else one of our buffers. */
static int room_for(struct copier *cp, uint8_t **to, uint32_t *room)
{
	int err;

	*to = wpp_writer_direct(cp->w, BATCH_PAGES, room);
	if (*to)
		return 0;
	if (!cp->buffers) {
		void *p = mmap(NULL, (size_t)BUFFERS * BATCH_PAGES * WPP_PAGE_SIZE + HUGE_PAGE,
			       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return WPP_ENOMEM;
		madvise(p, (size_t)BUFFERS * BATCH_PAGES * WPP_PAGE_SIZE + HUGE_PAGE,
			MADV_HUGEPAGE);
		cp->buffers = p;
	}
	if (cp->next == BUFFERS) {
		err = wpp_writer_settle(cp->w);
		if (err)
			return err;
		cp->next = 0;
	}
	*to = cp->buffers + (size_t)cp->next++ * BATCH_PAGES * WPP_PAGE_SIZE;
	*room = BATCH_PAGES;
	return 0;
}

static int copy_source(struct copier *cp, struct source *s)
{
	unsigned int nr_iov;
	uint32_t nr, room;
	uint8_t *to;
	int err = 0;

	while (!err && s->run < s->runs->nr) {
		err = room_for(cp, &to, &room);
		if (err)
			return err;
		nr = gather(cp, s, room, &nr_iov);
		err = fill(cp, s, to, nr, nr_iov);
		if (!err)
			err = wpp_writer_put(cp->w, s->space, cp->page, nr, to);
		cp->done += nr;
		if (cp->report && cp->report->progress)
			cp->report->progress(cp->report->arg, cp->done, cp->total);
	}
	return err;
}

/* ---- All of it ---- */

static int copy_process(struct copier *cp, struct capture *c)
{
	struct runs runs = { 0 };
	struct source s = { .space = c->mm_space, .fd = -1, .runs = &runs };
	int err = wppi_pages_of_process(c, &runs);

	cp->total += runs.nr_pages;
	if (!err)
		err = copy_source(cp, &s);
	wppi_runs_free(&runs);
	return err;
}

static int copy_object(struct copier *cp, const struct memobj *o)
{
	struct runs runs = { 0 };
	struct source s = { .space = o->space, .fd = o->fd, .runs = &runs };
	int err = wppi_pages_of_object(o, &runs);

	cp->total += runs.nr_pages;
	if (!err)
		err = copy_source(cp, &s);
	wppi_runs_free(&runs);
	return err;
}

static int copy_all(struct copier *cp, struct capture *c)
{
	int err = copy_process(cp, c);

	for (size_t i = 0; !err && i < c->nr_objs; i++)
		err = copy_object(cp, &c->objs[i]);
	return err ? err : wpp_writer_settle(cp->w);
}

int wppi_pages_copy(struct capture *c, struct wpp_writer *w, uint64_t *nr_pages)
{
	struct copier *cp = calloc(1, sizeof(*cp));
	int err;

	if (!cp)
		return WPP_ENOMEM;
	cp->w = w;
	cp->pid = c->pid;
	cp->mem = c->mem;
	cp->report = c->notes.report;
	err = copy_all(cp, c);
	*nr_pages = cp->done;
	if (err && cp->buffers)
		(void)!wpp_writer_settle(w); /* the buffers are lent */
	if (cp->buffers)
		munmap(cp->buffers, (size_t)BUFFERS * BATCH_PAGES * WPP_PAGE_SIZE + HUGE_PAGE);
	free(cp);
	return err;
}
