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

#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

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

/* ---- The maker ---- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -errno;
}

/* Who is not root may make pid namespaces in a user namespace of his own: he stays who he is. */
static int enter_userns(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	char text[64];
	int err;

	if (unshare(CLONE_NEWUSER))
		return -errno;
	err = write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	if (!err)
		err = write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	if (!err)
		err = write_file("/proc/self/gid_map", text);
	return err;
}

static int enter(void)
{
	int err;

	if (!unshare(CLONE_NEWPID))
		return 0;
	if (errno != EPERM)
		return -errno;
	err = enter_userns();
	if (!err && unshare(CLONE_NEWPID))
		err = -errno;
	return err;
}

int wppi_pidns_enter(const struct build *b, int *init)
{
	int told[2], err = enter();
	pid_t pid;

	if (err)
		return err;
	if (b->m->pid == 1) /* it is the init itself */
		return 0;
	if (pipe2(told, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(told[1]);
		init_main(b->m->pid, told[0]);
	}
	close(told[0]);
	if (pid < 0)
		return -errno;
	*init = told[1];
	return 0;
}

/* ---- The new process ---- */

void wppi_pidns_mount(struct build *b)
{
	if (!(b->m->tree->how.flags & WPP_RECREATE_NEW_PID_NS))
		return;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		wppi_child_note(b->m, WPP_NOTE_CHANGED, "pid-namespace",
				"/proc can't be mounted (%s): it shows other ids than the "
				"process' own",
				strerror(errno));
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

	if (!(b->m->tree->how.flags & WPP_RECREATE_NEW_PID_NS))
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
