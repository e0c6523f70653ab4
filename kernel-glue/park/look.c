/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A thread, seen by itself in its task work: registers and what the kernel keeps for it.
 */
#include <linux/mutex.h> /* which futex.h needs and lacks */
#include <linux/futex.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "arch/arch.h"
#include "compat/kcompat.h"
#include "park/look.h"

static u64 stack_flags(unsigned long sp)
{
	return (u32)sas_ss_flags(sp) | (current->sas_ss_flags & SS_FLAG_BITS);
}

static void read_rest(struct wppk_thread *t)
{
	struct wpp_rec_thread *rec = &t->rec;

	rec->sigmask = test_tsk_restore_sigmask(current) ? current->saved_sigmask.sig[0]
							 : current->blocked.sig[0];
	rec->clear_tid = (uintptr_t)current->clear_child_tid;
	rec->robust_list = (uintptr_t)current->robust_list;
	rec->robust_len = sizeof(*current->robust_list);
	rec->rseq = (uintptr_t)current->rseq;
	rec->rseq_len = wppk_rseq_len(current);
	rec->rseq_sig = current->rseq_sig;
	rec->alt_sp = current->sas_ss_sp;
	rec->alt_size = current->sas_ss_size;
	rec->alt_flags = stack_flags(wppk_arch_sp(&t->regs));
	rec->pdeath_signal = current->pdeath_signal;
	rec->tgid = current->tgid;
	get_task_comm(t->comm, current);
	t->cred = get_current_cred();
}

int wppk_thread_look(struct wppk_thread *t)
{
	int err = wppk_arch_look(&t->regs, t->xsave, &t->xsave_len, &t->rec);

	if (err)
		return err;
	read_rest(t);
	return wppk_pending_copy(&t->pending, &current->pending);
}

void wppk_thread_free(struct wppk_thread *t)
{
	if (t->cred)
		put_cred(t->cred);
	kvfree(t->pending.info);
}
