/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Putting bytes into the new address space. UFFDIO_COPY gives a page its
 * contents when it is made: nothing is zeroed first, a third less work than
 * writing to it. It works for plain anonymous memory; all else, and all where
 * userfaultfd is not to be had, is written by process_vm_writev().
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory/memory.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static bool takes_copies(const struct mapping *m)
{
	return m->kind == WPP_REGION_ANON && m->filled && !(m->advice & WPP_ADVICE_HUGEPAGE);
}

/* Our descriptor of the new process' userfaultfd, or -1. */
static int fetch(struct build *b)
{
	int pidfd, fd;

	pidfd = (int)syscall(SYS_pidfd_open, b->pid, 0);
	if (pidfd < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, b->remote_uffd, 0);
	close(pidfd);
	return fd;
}

int wppi_put_begin(struct build *b)
{
	const struct uffdio_api api = { .api = UFFD_API };
	int64_t fd;
	int err;

	b->uffd = b->remote_uffd = -1;
	wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_userfaultfd, UFFD_USER_MODE_ONLY, 0, 0, 0, 0,
			 0);
	err = wppi_build_run_on(b, b->pid, "preparing memory");
	fd = err ? -1 : wppi_script_ret(&b->s, 0);
	wppi_script_free(&b->s);
	if (err || fd < 0)
		return err;
	b->remote_uffd = (int)fd;
	wppi_script_call(&b->s, SCRIPT_MAY_FAIL, SYS_ioctl, (uint64_t)fd, UFFDIO_API,
			 wppi_script_data(&b->s, &api, sizeof(api)), 0, 0, 0);
	err = wppi_build_run(b, "preparing memory");
	if (!err)
		b->uffd = fetch(b);
	return err;
}

int wppi_put_end(struct build *b)
{
	for (size_t i = 0; i < b->nr_maps; i++)
		b->maps[i].registered = false;
	if (b->uffd >= 0)
		close(b->uffd);
	b->uffd = -1;
	if (b->remote_uffd >= 0)
		wppi_script_call(&b->s, 0, SYS_close, (uint64_t)b->remote_uffd, 0, 0, 0, 0, 0);
	return wppi_build_run(b, "settling memory");
}

/* With the first page of a mapping. What can't be registered is written. */
static void register_mapping(const struct build *b, struct mapping *m)
{
	struct uffdio_register reg = { .range = { m->start, m->end - m->start },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	m->tried = true;
	m->registered = b->uffd >= 0 && takes_copies(m) && !ioctl(b->uffd, UFFDIO_REGISTER, &reg);
}

static int copy_in(const struct build *b, uint64_t addr, const uint8_t *buf, uint64_t len,
		   uint64_t *copied)
{
	for (*copied = 0; *copied < len;) {
		struct uffdio_copy c = { .dst = addr + *copied,
					 .src = (uint64_t)(uintptr_t)buf + *copied,
					 .len = len - *copied };

		if (!ioctl(b->uffd, UFFDIO_COPY, &c))
			*copied = len;
		else if (c.copy > 0)
			*copied += (uint64_t)c.copy;
		else if (errno != EAGAIN)
			return -errno;
	}
	return 0;
}

int wppi_put(struct build *b, struct mapping *m, uint64_t addr, const uint8_t *buf, uint64_t len)
{
	uint64_t copied = 0;

	if (!m->tried)
		register_mapping(b, m);
	if (m->registered && copy_in(b, addr, buf, len, &copied) == 0)
		return 0;
	return wppi_memory_move(b->pid, addr + copied, (void *)(uintptr_t)(buf + copied),
				len - copied, true);
}
