/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A pid namespace for a process whose id is taken. Its first process must be
 * number 1 and outlive the others: a small init that reaps what is left to it
 * and ends when the recreated process and its children have ended.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "recreate_priv.h"

/* ---- The init ---- */

/* The tool's medium may be mapped: it must not stay in use for our sake. */
static void drop_shared_memory(void)
{
	char self[32] = { 0 };
	struct vma_list l;

	/* /proc is still the outer one, and so is our number there. */
	if (readlink("/proc/self", self, sizeof(self) - 1) < 0 ||
	    wppi_vmas_read((pid_t)atoi(self), "maps", &l))
		return;
	for (size_t i = 0; i < l.nr; i++) {
		if (l.v[i].flags & MAP_SHARED)
			munmap((void *)(uintptr_t)l.v[i].start, l.v[i].end - l.v[i].start);
	}
	wppi_vmas_free(&l);
}

static _Noreturn void init_main(pid_t pid, int told)
{
	struct pollfd target = { .events = POLLIN };
	char byte;

	signal(SIGCHLD, SIG_IGN); /* children that are left to us are reaped by the kernel */
	prctl(PR_SET_NAME, "wpp-init");
	setsid();
	if (read(told, &byte, 1) != 1)
		_exit(1);
	target.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (target.fd < 0)
		_exit(1);
	syscall(SYS_close_range, 0, target.fd - 1, 0);
	syscall(SYS_close_range, target.fd + 1, ~0u, 0);
	drop_shared_memory();
	while (poll(&target, 1, -1) < 0 && errno == EINTR)
		;
	while (wait(NULL) > 0 || errno == EINTR)
		;
	_exit(0);
}

int wppi_pidns_enter(const struct build *b, int *init)
{
	int told[2];
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return -errno;
	if (b->r.pid == 1) /* it is the init itself */
		return 0;
	if (pipe2(told, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(told[1]);
		init_main(b->r.pid, told[0]);
	}
	close(told[0]);
	if (pid < 0)
		return -errno;
	*init = told[1];
	return 0;
}

/* ---- The new process ---- */

int wppi_pidns_mount(const struct build *b)
{
	struct recreate *r = (struct recreate *)(uintptr_t)&b->r;

	if (!(b->how.flags & WPP_RECREATE_NEW_PID_NS))
		return 0;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return wppi_child_fail(r, -errno, "/proc of the new pid namespace: %s",
				       strerror(errno));
	return 0;
}

/* ---- Our side ---- */

/* The number that thread @outer has in its own namespace: the last of NSpid. */
static uint32_t inner_of(pid_t pid, const char *outer)
{
	char name[64], text[8192], *end;
	const char *field;
	unsigned long inner = 0, n;

	snprintf(name, sizeof(name), "task/%s/status", outer);
	if (wppi_proc_read(pid, name, text, sizeof(text)) < 0)
		return 0;
	field = wppi_proc_field(text, "NSpid");
	while (field && *field && *field != '\n') {
		n = strtoul(field, &end, 10);
		if (end == field)
			break;
		inner = n;
		field = end;
	}
	return (uint32_t)inner;
}

static void translate(struct build *b, const char *outer)
{
	uint32_t inner = inner_of(b->pid, outer);

	for (size_t i = 0; inner && i < b->nr_threads; i++) {
		if (b->threads[i].tid == inner)
			b->threads[i].outer = (pid_t)atoi(outer);
	}
}

int wppi_pidns_translate(struct build *b)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	if (!(b->how.flags & WPP_RECREATE_NEW_PID_NS))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)b->pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		if (d->d_name[0] != '.')
			translate(b, d->d_name);
	}
	closedir(dir);
	return 0;
}
