/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* May we, and can it be carried? The process as a whole, by /proc only. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "capture/capture.h"

#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif
#define SECCOMP_STRICT 1
#define STATUS_MAX     16384

static long number_of(const char *status, const char *key)
{
	const char *value = wppi_proc_field(status, key);

	return value ? strtol(value, NULL, 10) : 0;
}

/* ---- May we? ---- */

static int check_rights(struct member *m)
{
	char path[64], yama[16] = "0";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)m->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC); /* asks the same question as ptrace */
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOENT || errno == ESRCH)
		return WPP_ENOENT;
	fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, yama, 1) != 1)
			yama[0] = '?';
		close(fd);
	}
	wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "ptrace",
		  "process %d may not be traced: it takes CAP_SYS_PTRACE, or the same user%s",
		  (int)m->pid,
		  yama[0] == '0' ? "" : " and 0 in /proc/sys/kernel/yama/ptrace_scope");
	return WPP_EPERM;
}

/* ---- Can it be carried? ---- */

/* What has no memory has nothing that could be looked at further. */
static bool is_alive(struct member *m, const char *status)
{
	const char *state = wppi_proc_field(status, "State");

	if (state && (*state == 'Z' || *state == 'X')) {
		wppi_refuse(m, "zombie", "the process has ended or its first thread has");
		return false;
	}
	if (!wppi_proc_field(status, "VmSize")) {
		wppi_refuse(m, "kernel-thread", "it is a thread of the kernel");
		return false;
	}
	return true;
}

static void check_status(struct member *m, const char *status)
{
	const char *nspid = wppi_proc_field(status, "NSpid");
	long tracer = number_of(status, "TracerPid");

	if (tracer)
		wppi_refuse(m, "traced", "process %ld traces it; end that first", tracer);
	if (nspid && strcspn(nspid, "\n") > strcspn(nspid, "\t\n"))
		wppi_refuse(m, "pid-namespace", "it lives in a pid namespace of its own");
}

static void check_namespaces(struct member *m)
{
	static const char *const kinds[] = { "mnt", "user", "net", "ipc", "uts" };
	char name[32], mine[64], theirs[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(name, sizeof(name), "ns/%s", kinds[i]);
		if (wppi_proc_readlink(m->pid, name, theirs, sizeof(theirs)) < 0 ||
		    wppi_proc_readlink(getpid(), name, mine, sizeof(mine)) < 0)
			continue;
		if (strcmp(mine, theirs))
			wppi_refuse(m, "namespace",
				    "its %s namespace is not ours; run wpp inside (nsenter)",
				    kinds[i]);
	}
}

static void check_exe(struct member *m)
{
	unsigned char ident[EI_NIDENT] = { 0 };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)m->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, ident, sizeof(ident)) == (ssize_t)sizeof(ident) &&
	    ident[EI_CLASS] != ARCH_ELF_CLASS)
		wppi_refuse(m, "32-bit", "its program is not a 64-bit one");
	close(fd);
}

/* ---- Threads ---- */

static void check_children(struct member *m, int tid)
{
	char name[64], list[4096];

	snprintf(name, sizeof(name), "task/%d/children", tid);
	if (wppi_proc_read(m->pid, name, list, sizeof(list)) > 0)
		wppi_refuse(m, "children", "it has child processes: %s", list);
}

static void check_seccomp(struct member *m, int tid)
{
	char name[64], status[STATUS_MAX];
	long mode;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (wppi_proc_read(m->pid, name, status, sizeof(status)) < 0)
		return; /* it has ended */
	mode = number_of(status, "Seccomp");
	if (mode)
		wppi_refuse(m, "seccomp", "thread %d runs under seccomp (%s)", tid,
			    mode == SECCOMP_STRICT ? "strict" : "a filter");
}

/* Our questions would come back to it as SIGSYS. */
static void check_dispatch(struct member *m, int tid)
{
	struct {
		uint64_t mode, selector, offset, len;
	} config = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, sizeof(config), &config) == 0 &&
	    config.mode)
		wppi_refuse(m, "syscall-dispatch",
			    "thread %d handles its system calls itself (syscall user dispatch)",
			    tid);
}

static void check_sharing(struct member *m, int tid)
{
	static const struct {
		int type;
		const char *what;
	} kinds[] = { { KCMP_FILES, "file descriptors" }, { KCMP_FS, "working directory" } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (syscall(SYS_kcmp, m->pid, tid, kinds[i].type, 0, 0) > 0)
			wppi_refuse(m, "unshared-thread", "thread %d has a %s of its own (unshare)",
				    tid, kinds[i].what);
	}
}

/* vfork() and CLONE_VM: another process in the same memory would see it torn away. */
static void check_shared_mm(struct member *m, const char *status)
{
	long parent = number_of(status, "PPid");

	if (parent > 0 && syscall(SYS_kcmp, m->pid, parent, KCMP_VM, 0, 0) == 0)
		wppi_refuse(m, "shared-memory-space",
			    "it shares its address space with process %ld (vfork or CLONE_VM)",
			    parent);
}

static int for_threads(struct member *m, void (*check)(struct member *m, int tid))
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? WPP_ENOENT : -errno;
	while ((d = readdir(dir))) {
		if (atoi(d->d_name) > 0)
			check(m, atoi(d->d_name));
	}
	closedir(dir);
	return 0;
}

static int check_threads(struct member *m)
{
	int err = for_threads(m, check_children);

	if (!err)
		err = for_threads(m, check_seccomp);
	return err ? err : for_threads(m, check_sharing);
}

int wppi_check_frozen(struct member *m)
{
	int err = check_threads(m);

	return err ? err : for_threads(m, check_dispatch);
}

int wppi_check_process(struct member *m)
{
	char status[STATUS_MAX];
	ssize_t len;
	int err;

	len = wppi_proc_read(m->pid, "status", status, sizeof(status));
	if (len < 0)
		return len == -ESRCH || len == -ENOENT ? WPP_ENOENT : (int)len;
	if (number_of(status, "Tgid") != m->pid) {
		wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "thread",
			  "%d is a thread of process %ld", (int)m->pid, number_of(status, "Tgid"));
		return WPP_ENOENT;
	}
	if (!wppi_arch()) {
		wppi_refuse(m, "machine", "this machine's registers are not known to user-glue");
		return WPP_EREFUSED;
	}
	if (!is_alive(m, status))
		return WPP_EREFUSED;
	check_status(m, status);
	err = check_rights(m);
	if (err)
		return err;
	check_namespaces(m);
	check_exe(m);
	check_shared_mm(m, status);
	return check_threads(m);
}
