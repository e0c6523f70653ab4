/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A call with a relative timeout that was interrupted before (an earlier persist, SIGCONT, a
 * debugger) goes on as restart_syscall(), which means something to this kernel only. An image needs
 * the call that it was; the thread's arguments are still those of it, and the kernel tells where it
 * waits. It is looked for before the process is stopped: that takes longer than the rest together
 * when the thread has to get into its call again for it.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stop/stop.h"
#include "record/restart.h"

#define RESTART_TIMEOUT_NS 2000000000ull
#define NAP_FIRST_NS	   50000 /* time to fall asleep in, should it get a CPU */
#define NAP_LAST_NS	   1000000
#define ASLEEP_LOOKS	   100 /* asleep, but the kernel does not tell where */

static bool is_restart(const struct thread *t)
{
	if (wppi_arch_call(&t->live) == SYS_restart_syscall)
		return wppi_arch_result(&t->live) == -WPPR_ERESTART_RESTARTBLOCK;
	return wppi_arch_is_to_call(t->tid, &t->live, SYS_restart_syscall);
}

/* Into the call; anything else that stops it is left for wppi_interrupt() to handle. */
static int enter_call(pid_t tid)
{
	int status, err;

	do {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL))
			return -errno;
		err = wppi_stop_wait(tid, &status);
	} while (!err && status >> 16);
	if (!err && WSTOPSIG(status) == SYSCALL_STOP && ptrace(PTRACE_SYSCALL, tid, NULL, NULL))
		err = -errno;
	return err;
}

static char state_of(const struct member *m, pid_t tid)
{
	char name[64], text[2048];
	const char *p;

	snprintf(name, sizeof(name), "task/%d/stat", (int)tid);
	if (wppi_proc_read(m->pid, name, text, sizeof(text)) < 0)
		return 'X';
	p = strrchr(text, ')');
	return (char)(p && p[1] ? p[2] : 'X');
}

/* Where the thread sleeps in the kernel; "" when it does not or that is not known. */
static void await_sleep(const struct member *m, pid_t tid, char *wchan, size_t cap)
{
	uint64_t deadline = wppi_now_ns(CLOCK_MONOTONIC) + RESTART_TIMEOUT_NS;
	struct timespec nap = { 0, NAP_FIRST_NS };
	char name[64], state;
	int looks = 0;

	snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
	do {
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < NAP_LAST_NS)
			nap.tv_nsec *= 2;
		if (wppi_proc_read(m->pid, name, wchan, cap) < 0)
			break;
		state = state_of(m, tid);
		looks += state == 'S';
		if (state == 'S' && strcmp(wchan, "0") != 0)
			return;
	} while ((state == 'R' || state == 'S') && looks < ASLEEP_LOOKS &&
		 wppi_now_ns(CLOCK_MONOTONIC) < deadline);
	wchan[0] = '\0';
}

static bool is_time(pid_t tid, uint64_t addr)
{
	struct timespec t;

	return !wppi_memory_move(tid, addr, &t, sizeof(t), false) && t.tv_sec >= 0 &&
	       t.tv_nsec >= 0 && t.tv_nsec < 1000000000;
}

/* Four calls are restarted this way; the kernel does not name the place of those that only sleep.
 */
static int64_t call_of(struct member *m, const struct thread *t, const char *wchan)
{
	if (strstr(wchan, "poll"))
		return wppi_arch_nr_poll();
	if (strstr(wchan, "futex"))
		return SYS_futex;
	if (wchan[0] && is_time(t->tid, wppi_arch_arg(&t->live, 0)))
		return SYS_nanosleep;
	if (wchan[0] && is_time(t->tid, wppi_arch_arg(&t->live, 2)))
		return SYS_clock_nanosleep;
	wppi_note(&m->tree->notes, WPP_NOTE_INFO, "sleep",
		  "the kernel does not tell what thread %d waits for; after a recreation that call "
		  "ends with EINTR",
		  (int)t->tid);
	return SYS_restart_syscall;
}

/* ---- Before the process is stopped ---- */

static void look_at_thread(struct member *m, pid_t tid)
{
	struct sleeper s = { .tid = tid }, *grown;
	char name[64], text[256];
	int64_t nr;

	snprintf(name, sizeof(name), "task/%d/syscall", (int)tid);
	if (wppi_proc_read(m->pid, name, text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNd64 " %*x %*x %*x %*x %*x %*x %" SCNx64 " %" SCNx64, &nr, &s.sp,
		   &s.pc) != 3 ||
	    nr != SYS_restart_syscall)
		return;
	snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
	if (wppi_proc_read(m->pid, name, s.wchan, sizeof(s.wchan)) < 0 || state_of(m, tid) != 'S' ||
	    !strcmp(s.wchan, "0"))
		return;
	grown = realloc(m->sleepers, (m->nr_sleepers + 1) * sizeof(*grown));
	if (!grown)
		return;
	m->sleepers = grown;
	m->sleepers[m->nr_sleepers++] = s;
}

void wppi_sleep_look(struct member *m)
{
	char path[64];
	struct dirent *d;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
	tasks = opendir(path);
	while (tasks && (d = readdir(tasks))) {
		if (d->d_name[0] != '.')
			look_at_thread(m, atoi(d->d_name));
	}
	if (tasks)
		closedir(tasks);
}

/* ---- The stopped thread ---- */

/* Where it slept when it was looked at, if it is still in that call. */
static const char *known_sleep(const struct member *m, const struct thread *t)
{
	for (size_t i = 0; i < m->nr_sleepers; i++) {
		const struct sleeper *s = &m->sleepers[i];

		if (s->tid == t->tid && s->sp == wppi_arch_sp(&t->live) &&
		    s->pc == wppi_arch_ip(&t->live))
			return s->wchan;
	}
	return NULL;
}

/* Lets it into its call to look. */
static int find_sleep(struct member *m, struct thread *t, char *wchan, size_t cap)
{
	int err = enter_call(t->tid);

	if (!err)
		await_sleep(m, t->tid, wchan, cap);
	if (!err)
		err = wppi_interrupt(m, t->tid);
	if (!err)
		err = wppi_arch_get_regs(t->tid, &t->live);
	return err;
}

int wppi_sleep_find(struct member *m, struct thread *t)
{
	char found[SLEEP_WCHAN_LEN] = "";
	const char *wchan;
	int err = 0;

	if (!is_restart(t))
		return 0;
	wchan = known_sleep(m, t);
	if (!wchan) {
		wchan = found;
		err = find_sleep(m, t, found, sizeof(found));
	}
	if (!err && is_restart(t))
		t->restarted = call_of(m, t, wchan);
	return err;
}
