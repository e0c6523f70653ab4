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

#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

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

static int signals_ask(struct member *m, struct thread *t, struct script *s)
{
	const char *status;
	uint64_t set;

	if (t->tid != m->pid)
		return 0;
	status = wppi_thread_status(m, t);
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

static void collect_actions(struct member *m, const struct thread *t)
{
	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		const struct script_call *call = wppi_answer(t, SYS_rt_sigaction, signo);
		struct wpp_rec_sigaction rec;
		struct ksigaction act;

		if (!call)
			continue;
		memcpy(&act, wppi_script_result(&t->asked, call->arg[2]), sizeof(act));
		rec = (struct wpp_rec_sigaction){ act.handler, act.flags, act.restorer, act.mask };
		WPPI_REC(&m->tree->pcb, SIGACTION, m->pid, signo, &rec, NULL, 0);
	}
}

static void add_pending(struct member *m, pid_t tid, bool shared, uint64_t order,
			const siginfo_t *info)
{
	struct wpp_rec_sigpending rec = { shared, (uint64_t)info->si_signo, order };

	if (has_fixed_action((uint64_t)info->si_signo))
		return; /* SIGSTOP is told by struct wpp_rec_process */
	WPPI_REC(&m->tree->pcb, SIGPENDING, shared ? m->pid : tid, order, &rec, info, SIGINFO_LEN);
}

/* The queue itself. Returns the set of signals found in it, or 0 with *err. */
static uint64_t collect_queue(struct member *m, pid_t tid, bool shared, uint64_t *order, int *err)
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
			add_pending(m, tid, shared, (*order)++, &infos[i]);
			seen |= signal_bit((unsigned int)infos[i].si_signo);
		}
		args.off += (uint64_t)nr;
	}
	*err = nr < 0 ? -errno : 0;
	return seen;
}

/* Signals that are pending without an entry in the queue: the kernel was short of memory. */
static void collect_bare(struct member *m, pid_t tid, bool shared, uint64_t *order, uint64_t set)
{
	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		siginfo_t info = { .si_signo = (int)signo, .si_code = SI_USER };

		if (set & signal_bit(signo))
			add_pending(m, tid, shared, (*order)++, &info);
	}
}

static int collect_pending(struct member *m, struct thread *t, bool shared)
{
	const char *status = wppi_thread_status(m, t);
	uint64_t order = 0, set, seen;
	int err;

	if (!status)
		return WPP_EIO;
	set = signal_set(status, shared ? "ShdPnd" : "SigPnd");
	if (!set)
		return 0;
	seen = collect_queue(m, t->tid, shared, &order, &err);
	if (!err)
		collect_bare(m, t->tid, shared, &order, set & ~seen);
	return err;
}

static int signals_collect(struct member *m)
{
	int err = collect_pending(m, &m->threads[0], true);

	for (size_t i = 0; i < m->nr_threads && !err; i++) {
		if (m->threads[i].tid == m->pid)
			collect_actions(m, &m->threads[i]);
		err = collect_pending(m, &m->threads[i], false);
	}
	return err;
}

const struct capture_class wppi_capture_signals = {
	.name = "signals",
	.ask = signals_ask,
	.collect = signals_collect,
};

/* ---- Recreate ---- */

static int take_pending(const struct wpp_rec *rec, struct wpp_rec_sigpending *pending,
			siginfo_t *info)
{
	WPPI_GET(rec, pending);
	if (rec->tail_len != SIGINFO_LEN || pending->signo < 1 || pending->signo > SIGNO_MAX ||
	    has_fixed_action(pending->signo))
		return WPP_ECORRUPT;
	memcpy(info, rec->tail, SIGINFO_LEN);
	if ((uint64_t)info->si_signo != pending->signo)
		return WPP_ECORRUPT;
	/* What follows the value of a timer's signal is between the kernel and that timer. */
	if (info->si_code == SI_TIMER)
		memset((uint8_t *)info + 32, 0, SIGINFO_LEN - 32);
	return 0;
}

/* The next one of a task that waits for the whole process, or for the thread alone. */
static int next_pending(struct rec_cursor *c, bool shared, siginfo_t *info)
{
	struct wpp_rec_sigpending pending;
	struct wpp_rec rec;
	int err;

	while (wppi_rec_next(c, &rec)) {
		err = take_pending(&rec, &pending, info);
		if (err || !!pending.shared == shared)
			return err;
	}
	return WPP_ENOENT;
}

static struct rec_cursor pending_of(const struct member *m, uint32_t tid)
{
	return wppi_rec_all(&m->tree->in_pcb, tid, WPP_REC_SIGPENDING);
}

/* What waits for the process has the pid as its task. */
static int check_pending(const struct member *m)
{
	const struct build *b = m->build;
	struct wpp_rec_sigpending pending;
	struct rec_cursor c;
	struct wpp_rec rec;
	siginfo_t info;
	int err = 0;

	for (size_t i = 0; !err && i < b->nr_threads; i++) {
		c = pending_of(m, b->threads[i].tid);
		while (!err && wppi_rec_next(&c, &rec)) {
			err = take_pending(&rec, &pending, &info);
			if (!err && pending.shared && i)
				err = WPP_ECORRUPT;
		}
	}
	return err;
}

static int signals_prepare(struct member *m)
{
	struct rec_cursor c = wppi_own(m, WPP_REC_SIGACTION);
	struct wpp_rec rec;

	while (wppi_rec_next(&c, &rec)) {
		if (rec.id < 1 || rec.id > SIGNO_MAX || has_fixed_action(rec.id))
			return WPP_ECORRUPT;
	}
	return check_pending(m);
}

/* Image addresses become valid later; until then every signal is blocked. */
static int install_actions(struct member *m)
{
	struct ksigaction act = { 0 };
	struct wpp_rec_sigaction saved;
	struct rec_cursor c = wppi_own(m, WPP_REC_SIGACTION);
	struct wpp_rec rec;

	for (unsigned int signo = 1; signo <= SIGNO_MAX; signo++) {
		if (!has_fixed_action(signo) &&
		    syscall(SYS_rt_sigaction, signo, &act, NULL, SIGSET_BYTES))
			return wppi_child_fail(m, -errno, "signal %u: can't reset its action",
					       signo);
	}
	while (wppi_rec_next(&c, &rec)) {
		wpp_rec_get(&rec, (uint64_t *)&saved, WPP_REC_NR(saved));
		act = (struct ksigaction){ saved.handler, saved.flags, saved.restorer, saved.mask };
		if (syscall(SYS_rt_sigaction, rec.id, &act, NULL, SIGSET_BYTES))
			return wppi_child_fail(m, -errno,
					       "signal %" PRIu64 ": can't set its action", rec.id);
	}
	return 0;
}

/* The process sends them to itself: only then the kernel lets it say that they are the kernel's. */
static int signals_child(struct member *m)
{
	struct rec_cursor c = pending_of(m, (uint32_t)m->pid);
	siginfo_t info;
	int err;

	err = install_actions(m);
	while (!err && next_pending(&c, true, &info) == 0) {
		if (syscall(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info))
			err = wppi_child_fail(m, -errno, "signal %d: can't make it pending again",
					      info.si_signo);
	}
	return err;
}

static int signals_last(struct member *m, uint32_t tid, struct script *s)
{
	struct rec_cursor c = pending_of(m, tid);
	siginfo_t info;

	while (next_pending(&c, false, &info) == 0)
		wppi_script_call(s, 0, SYS_rt_tgsigqueueinfo, (uint64_t)m->pid, tid,
				 (uint64_t)info.si_signo, wppi_script_data(s, &info, sizeof(info)),
				 0, 0);
	return 0;
}

const struct recreate_class wppi_recreate_signals = {
	.name = "signals",
	.prepare = signals_prepare,
	.child = signals_child,
	.last = signals_last,
};
