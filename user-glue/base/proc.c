/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/proc.h"

static int proc_open(pid_t pid, const char *name)
{
	char path[128];

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t wppi_proc_read(pid_t pid, const char *name, char *buf, size_t cap)
{
	int fd = proc_open(pid, name);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, buf + len, cap - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		n = -errno;
	else if (len == cap)
		n = -EOVERFLOW;
	close(fd);
	if (n < 0)
		return n;
	buf[len] = '\0';
	return (ssize_t)len;
}

ssize_t wppi_proc_read_all(pid_t pid, const char *name, char **out)
{
	struct buf b = { 0 };
	int fd = proc_open(pid, name);
	ssize_t n;

	*out = NULL;
	if (fd < 0)
		return fd;
	do {
		size_t len = b.len;
		char *room = wppi_buf_reserve(&b, 65536);

		n = room ? read(fd, room, 65536) : -1;
		if (n < 0)
			n = room ? -errno : -ENOMEM;
		b.len = len + (n > 0 ? (size_t)n : 0);
	} while (n > 0);
	close(fd);
	wppi_buf_add(&b, "", 1);
	if (n < 0 || b.failed) {
		wppi_buf_free(&b);
		return n < 0 ? n : -ENOMEM;
	}
	*out = (char *)b.data;
	return (ssize_t)b.len - 1;
}

ssize_t wppi_proc_readlink(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[128];
	ssize_t n;

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	n = readlink(path, buf, cap);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -EOVERFLOW;
	buf[n] = '\0';
	return n;
}

const char *wppi_head(const char *text, char head[HEAD_LEN])
{
	size_t len = strnlen(text, HEAD_LEN - 1);

	memcpy(head, text, len);
	head[len] = '\0';
	return head;
}

const char *wppi_proc_field(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, len) && p[len] == ':') {
			p += len + 1;
			return p + strspn(p, " \t");
		}
	}
	return NULL;
}

uint64_t wppi_page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t wppi_now_ns(int clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int wppi_memory_move(pid_t tid, uint64_t addr, void *buf, size_t len, bool out)
{
	struct iovec mine = { buf, len };
	struct iovec theirs = { (void *)(uintptr_t)addr, len };
	ssize_t n = out ? process_vm_writev(tid, &mine, 1, &theirs, 1, 0)
			: process_vm_readv(tid, &mine, 1, &theirs, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

void wppi_pid_taken(pid_t pid, char *text, size_t cap)
{
	char owner[64];

	if (wppi_proc_read(pid, "comm", owner, sizeof(owner)) < 0)
		owner[0] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	snprintf(text, cap,
		 "the id %d is taken%s%s; end its owner, or recreate in a new pid namespace "
		 "(--new-pid-namespace)",
		 (int)pid, *owner ? " by " : "", owner);
}
