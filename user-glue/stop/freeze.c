/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stopping all threads of a process by ptrace, and letting them go on.
 *
 * Never PTRACE_O_EXITKILL: when the tracer dies the kernel detaches it and the
 * process goes on as if nothing had been.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stop/stop.h"

#define STOP_TIMEOUT_NS 2000000000ull
#define SPIN_NS		50000
#define NAP_FIRST_NS	5000
#define NAP_LAST_NS	500000

#define PTRACE_EVENT_OF(status) ((status) >> 16)

/* ---- Priority ---- */

void wppi_urgency_raise(void)
{
	struct sched_param param = { .sched_priority = WPPI_URGENT_PRIORITY };
	int policy = sched_getscheduler(0);

	if (policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_FIFO)
		sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

int wppi_urgent_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	struct sched_param param = { .sched_priority = WPPI_URGENT_PRIORITY };
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	err = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	if (err)
		err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

/* ---- Waiting ---- */

/* A dead thread of somebody else's child stays a zombie until its tracer has looked. */
static void reap(pid_t tid, int options)
{
	siginfo_t info;

	while (waitid(P_PID, (id_t)tid, &info, WEXITED | __WALL | options) < 0 && errno == EINTR)
		;
}

/*
 * Looks for a stop. 0: stopped; 1: not yet; -ESRCH: gone. It looks without taking (WNOWAIT): the
 * kernel delivers the signal that a thread was stopped by when we die before we have let it go on.
 */
static int look(pid_t tid, int *status, int options)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL | options))
		return errno == EINTR ? 1 : -ESRCH;
	if (!info.si_pid)
		return 1;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
		reap(tid, WNOHANG);
		return -ESRCH;
	}
	*status = info.si_status << 8 | 0x7f; /* as waitpid() tells a stop */
	return 0;
}

/* Most stops take microseconds: looking is cheaper than being put to sleep and woken. */
static int wait_spinning(pid_t tid, int *status)
{
	uint64_t deadline = wppi_now_ns(CLOCK_MONOTONIC) + SPIN_NS;
	int err;

	do {
		err = look(tid, status, WNOHANG);
	} while (err == 1 && wppi_now_ns(CLOCK_MONOTONIC) < deadline);
	return err;
}

int wppi_stop_wait(pid_t tid, int *status)
{
	int err = wait_spinning(tid, status);

	while (err == 1)
		err = look(tid, status, 0);
	return err;
}

/* Naps instead of blocking: a thread in the middle of a device's I/O may take for ever to stop. */
static int wait_bounded(pid_t tid, int *status)
{
	uint64_t deadline = wppi_now_ns(CLOCK_MONOTONIC) + STOP_TIMEOUT_NS;
	struct timespec nap = { 0, NAP_FIRST_NS };
	int err = wait_spinning(tid, status);

	while (err == 1) {
		if (wppi_now_ns(CLOCK_MONOTONIC) > deadline)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < NAP_LAST_NS)
			nap.tv_nsec += nap.tv_nsec / 4;
		err = look(tid, status, WNOHANG);
	}
	return err;
}

static bool is_stop_signal(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/*
 * After PTRACE_INTERRUPT: waits until the thread is in the trap that it makes for us, where
 * registers can be changed and the kernel restarts a call afterwards. A signal on its way to the
 * thread is handed to it, so that it is not lost; any trap takes our interrupt with it, so it is
 * sent anew.
 */
static int wait_trapped(struct member *m, pid_t tid)
{
	int status, err, sig;

	for (;;) {
		err = wait_bounded(tid, &status);
		if (err)
			return err;
		sig = WSTOPSIG(status);
		if (PTRACE_EVENT_OF(status) == PTRACE_EVENT_STOP) {
			if (is_stop_signal(sig))
				m->stop_signal = sig;
			return 0;
		}
		if (PTRACE_EVENT_OF(status) || sig == (SIGTRAP | 0x80))
			sig = 0;
		if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
		    ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)sig))
			return -errno;
	}
}

int wppi_interrupt(struct member *m, pid_t tid)
{
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	return wait_trapped(m, tid);
}

int wppi_trap(struct member *m, pid_t tid)
{
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || ptrace(PTRACE_CONT, tid, NULL, NULL))
		return -errno;
	return wait_trapped(m, tid);
}

/* ---- Threads ---- */

static bool thread_known(const struct member *m, pid_t tid)
{
	for (size_t i = 0; i < m->nr_threads; i++) {
		if (m->threads[i].tid == tid)
			return true;
	}
	return false;
}

static int thread_add(struct member *m, pid_t tid)
{
	struct thread *threads = realloc(m->threads, (m->nr_threads + 1) * sizeof(*threads));

	if (!threads)
		return WPP_ENOMEM;
	m->threads = threads;
	memset(&threads[m->nr_threads], 0, sizeof(*threads));
	threads[m->nr_threads++].tid = tid;
	return 0;
}

static void thread_remove(struct member *m, size_t i)
{
	m->nr_threads--;
	memmove(&m->threads[i], &m->threads[i + 1], (m->nr_threads - i) * sizeof(*m->threads));
}

/* Seizes threads that are new and asks them to stop. *@fresh: index of the first of them. */
static int seize_new(struct member *m, DIR *tasks, size_t *fresh)
{
	struct dirent *d;
	int err = 0;

	*fresh = m->nr_threads;
	rewinddir(tasks);
	while (!err && (d = readdir(tasks))) {
		pid_t tid = atoi(d->d_name);

		if (tid <= 0 || thread_known(m, tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(intptr_t)PTRACE_O_TRACESYSGOOD)) {
			err = errno == ESRCH ? 0 : -errno; /* gone meanwhile */
			continue;
		}
		err = thread_add(m, tid);
		if (!err && ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && errno != ESRCH)
			err = -errno;
	}
	return err;
}

static void note_stuck(struct member *m, pid_t tid)
{
	char name[64], wchan[128] = "?";

	snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
	wppi_proc_read(m->pid, name, wchan, sizeof(wchan));
	wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "thread-stuck",
		  "thread %d does not stop: it waits in the kernel (%s), perhaps for a device or a "
		  "network file system; try again later",
		  (int)tid, wchan);
}

static int wait_fresh(struct member *m, size_t fresh)
{
	size_t i = fresh;
	int err;

	while (i < m->nr_threads) {
		err = wait_trapped(m, m->threads[i].tid);
		if (err == -ETIMEDOUT) {
			note_stuck(m, m->threads[i].tid);
			return WPP_EBUSY;
		}
		if (err == -ESRCH) {
			thread_remove(m, i); /* it ended before it could stop */
			continue;
		}
		if (err)
			return err;
		i++;
	}
	return 0;
}

static int freeze_all(struct member *m, DIR *tasks)
{
	size_t fresh;
	int err;

	do {
		err = seize_new(m, tasks, &fresh);
		if (!err)
			err = wait_fresh(m, fresh);
	} while (!err && fresh < m->nr_threads);
	if (!err && (!m->nr_threads || m->threads[0].tid != m->pid))
		err = WPP_ENOENT; /* the leader ended */
	return err;
}

static int freeze_member(struct member *m)
{
	char path[64];
	DIR *tasks;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? WPP_ENOENT : -errno;
	err = freeze_all(m, tasks);
	closedir(tasks);
	return err;
}

int wppi_freeze(struct tree *t)
{
	struct member *m;
	int err = 0;

	t->frozen_since_ns = wppi_now_ns(CLOCK_MONOTONIC);
	wppi_for_members(m, t)
		err = err ? err : freeze_member(m);
	if (err)
		wppi_thaw(t);
	return err;
}

/* One that has not stopped can't be detached by hand; the end of our thread does. */
static void thaw_thread(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_DETACH, tid, NULL, NULL) == 0 || errno != ESRCH)
		return;
	if (waitpid(tid, &status, __WALL | WNOHANG) == tid && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
}

static void count_frozen(struct tree *t)
{
	t->frozen_ns = wppi_now_ns(CLOCK_MONOTONIC) - t->frozen_since_ns;
	t->frozen_since_ns = 0;
}

void wppi_thaw(struct tree *t)
{
	const struct member *m;

	if (!t->frozen_since_ns)
		return;
	wppi_for_members(m, t) {
		for (size_t i = 0; i < m->nr_threads; i++)
			thaw_thread(m->threads[i].tid);
	}
	count_frozen(t);
}

static bool is_our_child(pid_t pid)
{
	char status[16384];
	const char *ppid;

	if (wppi_proc_read(pid, "status", status, sizeof(status)) < 0)
		return false;
	ppid = wppi_proc_field(status, "PPid");
	return ppid && atoi(ppid) == getpid();
}

static void reap_member(const struct member *m, bool ours)
{
	for (size_t i = 1; i < m->nr_threads; i++)
		reap(m->threads[i].tid, 0);
	reap(m->pid, ours ? WNOWAIT : 0);
}

/* A parent may reap its child: whose each is has to be known before the first dies. */
void wppi_kill(struct tree *t)
{
	bool *ours = calloc(t->nr_members, sizeof(*ours));
	size_t i;

	for (i = 0; i < t->nr_members; i++) {
		if (ours)
			ours[i] = is_our_child(t->members[i].pid);
	}
	for (i = 0; i < t->nr_members; i++)
		syscall(SYS_pidfd_send_signal, t->members[i].pidfd, SIGKILL, NULL, 0);
	for (i = 0; i < t->nr_members; i++)
		reap_member(&t->members[i], !ours || ours[i]);
	free(ours);
	count_frozen(t);
}
