/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pages: read, verified, and only then put into the new address space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "recreate_priv.h"

#define RUN_MAX 1024u

static int stray(struct build *b, uint64_t page)
{
	wppi_note(&b->r.notes, WPP_NOTE_ERROR, "image", "the page at 0x%llx belongs to no mapping",
		  (unsigned long long)(page * PAGE));
	return WPP_ECORRUPT;
}

/* The vdso's code is in the image for the case that another kernel runs. */
static bool is_wanted(const struct build *b, const struct mapping *m)
{
	return m->kind != WPP_REGION_SPECIAL ||
	       (b->vdso.mode == VDSO_PATCH && m->start == b->vdso.rec.vdso);
}

static int put(struct build *b, uint64_t addr, void *buf, uint64_t len)
{
	struct iovec mine = { buf, len };
	struct iovec theirs = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_writev(b->pid, &mine, 1, &theirs, 1, 0);
	int err = n < 0 ? -errno : -EFAULT;

	if (n == (ssize_t)len)
		return 0;
	wppi_note(&b->r.notes, WPP_NOTE_ERROR, "recreate", "memory at 0x%llx can't be filled: %s",
		  (unsigned long long)addr, strerror(-err));
	return err;
}

/* A run may cross from one mapping into the next. */
static int put_run(struct build *b, const struct wpp_run *run, uint8_t *buf)
{
	uint64_t addr = run->page * PAGE, end = addr + run->nr * PAGE;
	int err = 0;

	while (!err && addr < end) {
		const struct mapping *m = wppi_mapping_at(b, addr);
		uint64_t stop;

		if (!m || (m->flags & MAP_SHARED))
			return stray(b, addr / PAGE);
		stop = m->end < end ? m->end : end;
		if (is_wanted(b, m))
			err = put(b, addr, buf + (addr - run->page * PAGE), stop - addr);
		addr = stop;
	}
	return err;
}

static void progress(struct build *b)
{
	const struct wpp_report *report = b->how.report;

	if (report && report->progress)
		report->progress(report->arg, b->nr_pages, b->generation.nr_pages);
}

int wppi_memory_fill(struct build *b)
{
	uint8_t *buf = aligned_alloc(PAGE, RUN_MAX * PAGE);
	struct wpp_run run = { 0 };
	uint64_t page = 0;
	int err = buf ? 0 : WPP_ENOMEM;

	while (!err) {
		err = wpp_reader_next(b->r.reader, b->mm_space, page, RUN_MAX, &run);
		if (!err)
			err = wppi_run_read(b, &run, buf);
		if (!err)
			err = put_run(b, &run, buf);
		if (err)
			break;
		b->nr_pages += run.nr;
		page = run.page + run.nr;
		progress(b);
	}
	free(buf);
	return err == WPP_ENOENT ? 0 : err;
}
