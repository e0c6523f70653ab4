/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A process that is stopped: its threads, what they wait for, what they can be asked. */
#ifndef WPP_STOP_H
#define WPP_STOP_H

#include <pthread.h>
#include <signal.h>

#include "base/tree.h"
#include "stop/script.h"

struct thread {
	pid_t tid;
	struct arch_regs live; /* as it was stopped: what it gets back */
	struct arch_regs regs; /* of the image, with system call restart worked in */
	struct arch_vector vector;
	uint64_t sigmask;
	int64_t syscall;   /* number of the call it was blocked in, or -1 */
	int64_t restarted; /* number of the call that restart_syscall() goes on with, or 0 */
	int restart; /* 512, 513 or 514: how the kernel would restart that call; 0: not at all */
	struct script asked; /* the calls it made for us, with their results */
	char *status;	     /* wppi_thread_status() keeps it here */
};

/* A thread in restart_syscall() before the process was stopped. */
#define SLEEP_WCHAN_LEN 128
struct sleeper {
	pid_t tid;
	uint64_t sp, pc;
	char wchan[SLEEP_WCHAN_LEN]; /* where in the kernel it waited */
};

/* ---- freeze.c: stopping and letting go ---- */

/*
 * Stops all threads of all members and lists them in m->threads, the leader first. 0, WPP_EPERM,
 * WPP_ENOENT, WPP_EBUSY (a thread does not stop; the note says which): then none is left stopped.
 */
int wppi_freeze(struct tree *t);
/* Lets all threads go on, if they are stopped. */
void wppi_thaw(struct tree *t);
/* Kills the stopped members and waits until they are gone; a child of ours is left to reap. */
void wppi_kill(struct tree *t);
/* The thread, stopped or running in a call, is stopped in the trap of PTRACE_INTERRUPT. */
int wppi_interrupt(struct member *m, pid_t tid);
/* A stopped thread runs into the trap of PTRACE_INTERRUPT: nothing of the process is executed. */
int wppi_trap(struct member *m, pid_t tid);
/* Waits for a stop of @tid, which executes nothing that blocks. 0; -ESRCH when it is gone. */
int wppi_stop_wait(pid_t tid, int *status);

/* A real-time priority for this thread, while a process is stopped. May not be allowed. */
void wppi_urgency_raise(void);
/* A thread without signals that has it from its start, when that is allowed. 0 or -errno. */
int wppi_urgent_thread(pthread_t *thread, void *(*run)(void *), void *arg);
#define WPPI_URGENT_PRIORITY 10

/* How a stop at a system call shows, with PTRACE_O_TRACESYSGOOD. */
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* ---- sleep.c ---- */

/* While the process runs: what its threads wait for, so that it need not be found out later. */
void wppi_sleep_look(struct member *m);
/*
 * Finds t->restarted of a stopped thread. One that was not seen asleep before is let into its call
 * for that, so t->live is read anew; nothing of the process is executed.
 */
int wppi_sleep_find(struct member *m, struct thread *t);

/* ---- ask.c ---- */

/*
 * Lets stopped thread @t make the calls of t->asked. Its registers and signal mask are as before
 * afterwards; should we die in the middle, it finds back to them by itself.
 */
int wppi_ask(struct member *m, struct thread *t);
/*
 * A tracer before us may have died while it asked @t: the thread gets the registers and the mask
 * that it was on its way back to. To be called with t->live and t->sigmask read.
 */
int wppi_ask_finish(struct member *m, struct thread *t);

/* ---- answer.c ---- */

/*
 * The call of @t->asked with this number and first argument: ret is its result, its other arguments
 * are the tokens that were passed. NULL: it was not asked. Saves a class from remembering indices.
 */
const struct script_call *wppi_answer(const struct thread *t, long nr, uint64_t arg0);
/* Its result alone; -ENOSYS when it was not asked. */
int64_t wppi_answer_ret(const struct thread *t, long nr, uint64_t arg0);
/* /proc/PID/task/TID/status of the stopped thread, read once. NULL: it can't be read. */
const char *wppi_thread_status(const struct member *m, struct thread *t);

#endif
