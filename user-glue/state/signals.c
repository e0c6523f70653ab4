/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Signals: what is done with each, and those that wait, in their order, with what was sent along.
 * Masks and alternate stacks are the threads'.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/capture.h"
#include "recreate/recreate.h"

#define SIGNO_MAX    64
#define SIGSET_BYTES 8
#define SIGINFO_LEN  128
#define PEEK_AT_ONCE 32

/* The kernel's struct sigaction; glibc's differs. */
struct ksigaction {
	uint64_t handler, flags, restorer, mask;
};

_Static_assert(sizeof(siginfo_t) == SIGINFO_LEN, "records hold a siginfo_t");

static uint64_t signal_bit(unsigned int signo)
{
	return 1ull << (signo - 1);
}

static uint64_t signal_set(const char *status, const char *key)
{
	const char *text = wppi_proc_field(status, key);

	return text ? strtoull(text, NULL, 16) : 0;
}

static bool has_fixed_action(uint64_t signo)
{
	return signo == SIGKILL || signo == SIGSTOP;
}

/* ---- Capture ---- */

static int signals_ask(struct capture *c, struct thread *t, struct script *s)
{
	const char *status;
	uint64_t set;

	if (t->tid != c->pid)
		return 0;
	status = wppi_thread_status(c, t);
	if (!status)
		return WPP_EIO;
	set = signal_set(status, "SigCgt") | signal_set(status, "SigIgn");
	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		if (set & signal_bit(signo))
			wppi_script_call(s, 0, SYS_rt_sigaction, signo, 0,
					 wppi_script_data(s, NULL, sizeof(struct ksigaction)),
					 SIGSET_BYTES, 0, 0);
	}
	return 0;
}

static void collect_actions(struct capture *c, const struct thread *t)
{
	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		const struct script_call *call = wppi_answer(t, SYS_rt_sigaction, signo);
		struct wpp_rec_sigaction rec;
		struct ksigaction act;

		if (!call)
			continue;
		memcpy(&act, wppi_script_result(&t->asked, call->arg[2]), sizeof(act));
		rec = (struct wpp_rec_sigaction){ act.handler, act.flags, act.restorer, act.mask };
		WPPI_REC(&c->pcb, SIGACTION, c->pid, signo, &rec, NULL, 0);
	}
}

static void add_pending(struct capture *c, pid_t tid, bool shared, uint64_t order,
			const siginfo_t *info)
{
	struct wpp_rec_sigpending rec = { shared, (uint64_t)info->si_signo, order };

	if (has_fixed_action((uint64_t)info->si_signo))
		return; /* SIGSTOP is told by struct wpp_rec_process */
	WPPI_REC(&c->pcb, SIGPENDING, shared ? c->pid : tid, order, &rec, info, SIGINFO_LEN);
}

/* The queue itself. Returns the set of signals found in it, or 0 with *err. */
static uint64_t collect_queue(struct capture *c, pid_t tid, bool shared, uint64_t *order, int *err)
{
	struct __ptrace_peeksiginfo_args args = {
		.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0,
		.nr = PEEK_AT_ONCE,
	};
	siginfo_t infos[PEEK_AT_ONCE];
	uint64_t seen = 0;
	long nr;

	while ((nr = ptrace(PTRACE_PEEKSIGINFO, tid, &args, infos)) > 0) {
		for (long i = 0; i < nr; i++) {
			add_pending(c, tid, shared, (*order)++, &infos[i]);
			seen |= signal_bit((unsigned int)infos[i].si_signo);
		}
		args.off += (uint64_t)nr;
	}
	*err = nr < 0 ? -errno : 0;
	return seen;
}

/* Signals that are pending without an entry in the queue: the kernel was short of memory. */
static void collect_bare(struct capture *c, pid_t tid, bool shared, uint64_t *order, uint64_t set)
{
	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		siginfo_t info = { .si_signo = (int)signo, .si_code = SI_USER };

		if (set & signal_bit(signo))
			add_pending(c, tid, shared, (*order)++, &info);
	}
}

static int collect_pending(struct capture *c, struct thread *t, bool shared)
{
	const char *status = wppi_thread_status(c, t);
	uint64_t order = 0, set, seen;
	int err;

	if (!status)
		return WPP_EIO;
	set = signal_set(status, shared ? "ShdPnd" : "SigPnd");
	if (!set)
		return 0;
	seen = collect_queue(c, t->tid, shared, &order, &err);
	if (!err)
		collect_bare(c, t->tid, shared, &order, set & ~seen);
	return err;
}

static int signals_collect(struct capture *c)
{
	int err = collect_pending(c, &c->threads[0], true);

	for (size_t i = 0; i < c->nr_threads && !err; i++) {
		if (c->threads[i].tid == c->pid)
			collect_actions(c, &c->threads[i]);
		err = collect_pending(c, &c->threads[i], false);
	}
	return err;
}

const struct capture_class wppi_capture_signals = {
	.name = "signals",
	.ask = signals_ask,
	.collect = signals_collect,
};

/* ---- Recreate ---- */

static int next_pending(const struct recreate *r, size_t *pos, uint32_t *task, bool *shared,
			siginfo_t *info)
{
	struct wpp_rec_sigpending pending;
	struct wpp_rec rec;
	int err;

	err = wppi_recreate_next(r, WPP_REC_SIGPENDING, pos, &rec);
	if (err)
		return err;
	wpp_rec_get(&rec, (uint64_t *)&pending, WPP_REC_NR(pending));
	if (rec.tail_len != SIGINFO_LEN || pending.signo < 1 || pending.signo > SIGNO_MAX ||
	    has_fixed_action(pending.signo))
		return WPP_ECORRUPT;
	memcpy(info, rec.tail, SIGINFO_LEN);
	if ((uint64_t)info->si_signo != pending.signo)
		return WPP_ECORRUPT;
	/* What follows the value of a timer's signal is between the kernel and that timer. */
	if (info->si_code == SI_TIMER)
		memset((uint8_t *)info + 32, 0, SIGINFO_LEN - 32);
	*task = rec.task;
	*shared = pending.shared;
	return 0;
}

static int check_pending(const struct recreate *r)
{
	struct wpp_rec thread;
	siginfo_t info;
	size_t pos = 0;
	uint32_t task;
	bool shared;
	int err;

	while ((err = next_pending(r, &pos, &task, &shared, &info)) == 0) {
		if (!shared && wppi_recreate_find(r, WPP_REC_THREAD, task, &thread))
			return WPP_ECORRUPT;
	}
	return err == WPP_ENOENT ? 0 : err;
}

static int signals_prepare(struct recreate *r)
{
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	while ((err = wppi_recreate_next(r, WPP_REC_SIGACTION, &pos, &rec)) == 0) {
		if (rec.id < 1 || rec.id > SIGNO_MAX || has_fixed_action(rec.id))
			return WPP_ECORRUPT;
	}
	return err == WPP_ENOENT ? check_pending(r) : err;
}

/* Image addresses become valid later; until then every signal is blocked. */
static int install_actions(struct recreate *r)
{
	struct ksigaction act = { 0 };
	struct wpp_rec_sigaction saved;
	struct wpp_rec rec;

	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		if (!has_fixed_action(signo) &&
		    syscall(SYS_rt_sigaction, signo, &act, NULL, SIGSET_BYTES))
			return wppi_child_fail(r, -errno, "signal %u: can't reset its action",
					       signo);
	}
	for (size_t pos = 0; wppi_recreate_next(r, WPP_REC_SIGACTION, &pos, &rec) == 0;) {
		wpp_rec_get(&rec, (uint64_t *)&saved, WPP_REC_NR(saved));
		act = (struct ksigaction){ saved.handler, saved.flags, saved.restorer, saved.mask };
		if (syscall(SYS_rt_sigaction, rec.id, &act, NULL, SIGSET_BYTES))
			return wppi_child_fail(r, -errno,
					       "signal %" PRIu64 ": can't set its action", rec.id);
	}
	return 0;
}

/* The process sends them to itself: only then the kernel lets it say that they are the kernel's. */
static int signals_child(struct recreate *r)
{
	siginfo_t info;
	uint32_t task;
	bool shared;
	int err;

	err = install_actions(r);
	for (size_t pos = 0; !err && next_pending(r, &pos, &task, &shared, &info) == 0;) {
		if (shared && syscall(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info))
			err = wppi_child_fail(r, -errno, "signal %d: can't make it pending again",
					      info.si_signo);
	}
	return err;
}

static int signals_last(struct recreate *r, uint32_t tid, struct script *s)
{
	siginfo_t info;
	uint32_t task;
	bool shared;

	for (size_t pos = 0; next_pending(r, &pos, &task, &shared, &info) == 0;) {
		if (!shared && task == tid)
			wppi_script_call(s, 0, SYS_rt_tgsigqueueinfo, (uint64_t)r->pid, tid,
					 (uint64_t)info.si_signo,
					 wppi_script_data(s, &info, sizeof(info)), 0, 0);
	}
	return 0;
}

const struct recreate_class wppi_recreate_signals = {
	.name = "signals",
	.prepare = signals_prepare,
	.child = signals_child,
	.last = signals_last,
};
