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

#include "capture/capture.h"

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
static int wait_trapped(struct capture *c, pid_t tid)
{
	int status, err, sig;

	for (;;) {
		err = wait_bounded(tid, &status);
		if (err)
			return err;
		sig = WSTOPSIG(status);
		if (PTRACE_EVENT_OF(status) == PTRACE_EVENT_STOP) {
			if (is_stop_signal(sig))
				c->stop_signal = sig;
			return 0;
		}
		if (PTRACE_EVENT_OF(status) || sig == (SIGTRAP | 0x80))
			sig = 0;
		if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
		    ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)sig))
			return -errno;
	}
}

int wppi_interrupt(struct capture *c, pid_t tid)
{
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	return wait_trapped(c, tid);
}

int wppi_trap(struct capture *c, pid_t tid)
{
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || ptrace(PTRACE_CONT, tid, NULL, NULL))
		return -errno;
	return wait_trapped(c, tid);
}

/* ---- Threads ---- */

static bool thread_known(const struct capture *c, pid_t tid)
{
	for (size_t i = 0; i < c->nr_threads; i++) {
		if (c->threads[i].tid == tid)
			return true;
	}
	return false;
}

static int thread_add(struct capture *c, pid_t tid)
{
	struct thread *threads = realloc(c->threads, (c->nr_threads + 1) * sizeof(*threads));

	if (!threads)
		return WPP_ENOMEM;
	c->threads = threads;
	memset(&threads[c->nr_threads], 0, sizeof(*threads));
	threads[c->nr_threads++].tid = tid;
	return 0;
}

static void thread_remove(struct capture *c, size_t i)
{
	c->nr_threads--;
	memmove(&c->threads[i], &c->threads[i + 1], (c->nr_threads - i) * sizeof(*c->threads));
}

/* Seizes threads that are new and asks them to stop. *@fresh: index of the first of them. */
static int seize_new(struct capture *c, DIR *tasks, size_t *fresh)
{
	struct dirent *d;
	int err = 0;

	*fresh = c->nr_threads;
	rewinddir(tasks);
	while (!err && (d = readdir(tasks))) {
		pid_t tid = atoi(d->d_name);

		if (tid <= 0 || thread_known(c, tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(intptr_t)PTRACE_O_TRACESYSGOOD)) {
			err = errno == ESRCH ? 0 : -errno; /* gone meanwhile */
			continue;
		}
		err = thread_add(c, tid);
		if (!err && ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && errno != ESRCH)
			err = -errno;
	}
	return err;
}

static void note_stuck(struct capture *c, pid_t tid)
{
	char name[64], wchan[128] = "?";

	snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
	wppi_proc_read(c->pid, name, wchan, sizeof(wchan));
	wppi_note(&c->notes, WPP_NOTE_ERROR, "thread-stuck",
		  "thread %d does not stop: it waits in the kernel (%s), perhaps for a device or a "
		  "network file system; try again later",
		  (int)tid, wchan);
}

static int wait_fresh(struct capture *c, size_t fresh)
{
	size_t i = fresh;
	int err;

	while (i < c->nr_threads) {
		err = wait_trapped(c, c->threads[i].tid);
		if (err == -ETIMEDOUT) {
			note_stuck(c, c->threads[i].tid);
			return WPP_EBUSY;
		}
		if (err == -ESRCH) {
			thread_remove(c, i); /* it ended before it could stop */
			continue;
		}
		if (err)
			return err;
		i++;
	}
	return 0;
}

static int freeze_all(struct capture *c, DIR *tasks)
{
	size_t fresh;
	int err;

	do {
		err = seize_new(c, tasks, &fresh);
		if (!err)
			err = wait_fresh(c, fresh);
	} while (!err && fresh < c->nr_threads);
	if (!err && (!c->nr_threads || c->threads[0].tid != c->pid))
		err = WPP_ENOENT; /* the leader ended */
	return err;
}

int wppi_freeze(struct capture *c)
{
	char path[64];
	DIR *tasks;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)c->pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? WPP_ENOENT : -errno;
	c->frozen_since_ns = wppi_now_ns(CLOCK_MONOTONIC);
	err = freeze_all(c, tasks);
	closedir(tasks);
	if (err)
		wppi_thaw(c);
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

static void count_frozen(struct capture *c)
{
	c->frozen_ns = wppi_now_ns(CLOCK_MONOTONIC) - c->frozen_since_ns;
	c->frozen_since_ns = 0;
}

void wppi_thaw(struct capture *c)
{
	if (!c->frozen_since_ns)
		return;
	for (size_t i = 0; i < c->nr_threads; i++)
		thaw_thread(c->threads[i].tid);
	count_frozen(c);
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

void wppi_kill(struct capture *c)
{
	bool ours = is_our_child(c->pid);

	syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
	for (size_t i = 1; i < c->nr_threads; i++)
		reap(c->threads[i].tid, 0);
	reap(c->pid, ours ? WNOWAIT : 0);
	count_frozen(c);
}
