/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Signals: what is done with each, and those that wait, in their order, with
 * what was sent along. Masks and alternate stacks are the threads'.
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>

#include "park/pending.h"
#include "state/kstate.h"

#define SIGINFO_LEN 128

static_assert(sizeof(siginfo_t) == SIGINFO_LEN);

struct wppk_signals {
	struct k_sigaction action[_NSIG];
	struct wppk_pending shared;
};

static int signals_inside(struct wppk_member *m)
{
	struct wppk_signals *s = kzalloc(sizeof(*s), GFP_KERNEL);
	struct sighand_struct *sighand = wppk_own_sighand();

	if (!s)
		return -ENOMEM;
	m->signals = s;
	spin_lock_irq(&sighand->siglock);
	memcpy(s->action, sighand->action, sizeof(s->action));
	spin_unlock_irq(&sighand->siglock);
	return wppk_pending_copy(&s->shared, &current->signal->shared_pending);
}

static void record_actions(struct wppk_member *m)
{
	int i;

	for (i = 0; i < _NSIG; i++) {
		const struct sigaction *sa = &m->signals->action[i].sa;
		struct wpp_rec_sigaction rec = {
			.handler = (uintptr_t)sa->sa_handler,
			.flags = sa->sa_flags & UAPI_SA_FLAGS,
			.restorer = (uintptr_t)sa->sa_restorer,
			.mask = sa->sa_mask.sig[0],
		};

		if (sa->sa_handler != SIG_DFL)
			WPPK_REC(m, SIGACTION, i + 1, &rec, NULL, 0);
	}
}

static void record_pending(struct wppk_member *m, pid_t task, bool shared,
			   const struct wppk_pending *p)
{
	u32 i;

	for (i = 0; i < p->nr; i++) {
		struct wpp_rec_sigpending rec = { shared, p->info[i].si_signo, i };

		/* SIGSTOP is told by struct wpp_rec_process. */
		if (rec.signo != SIGKILL && rec.signo != SIGSTOP)
			WPPK_BUF_REC(&m->tree->pcb, SIGPENDING, task, i, &rec, &p->info[i],
				     SIGINFO_LEN);
	}
}

static int signals_collect(struct wppk_member *m)
{
	const struct wppk_thread *t;

	record_pending(m, m->pid, true, &m->signals->shared);
	wppk_for_each(t, m->group) {
		if (t->tid == m->pid)
			record_actions(m);
		record_pending(m, t->tid, false, &t->pending);
	}
	return 0;
}

static bool has_stop(const struct wppk_pending *p)
{
	u32 i;

	for (i = 0; i < p->nr; i++) {
		if (p->info[i].si_signo == SIGSTOP)
			return true;
	}
	return false;
}

bool wppk_stop_is_pending(const struct wppk_member *m)
{
	return has_stop(&m->signals->shared) || has_stop(&wppk_leader(m->group)->pending);
}

static void signals_done(struct wppk_member *m)
{
	if (m->signals)
		kvfree(m->signals->shared.info);
	kfree(m->signals);
}

const struct wppk_class wppk_class_signals = {
	.inside = signals_inside,
	.collect = signals_collect,
	.done = signals_done,
};
