/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A thread, seen by itself in its task work: registers, the call it is in, and
 * what the kernel keeps for it. Task work runs before the kernel works in the
 * restart of a system call, so that is done here for the image.
 */
#include <linux/elf.h>
#include <linux/futex.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/regset.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "state/kstate.h"
#include "record/restart.h"

#define XSAVE_XCR0_OFF 464 /* where the kernel puts XCR0 into the area for tracers */

/* ---- Register sets ---- */

static const struct user_regset *find_regset(const struct user_regset_view *view, unsigned int type)
{
	unsigned int i;

	for (i = 0; i < view->n; i++) {
		if (view->regsets[i].core_note_type == type)
			return &view->regsets[i];
	}
	return NULL;
}

u32 wppk_xsave_size(void)
{
	const struct user_regset *set = find_regset(task_user_regset_view(current), NT_X86_XSTATE);

	return set ? set->n * set->size : 0;
}

static int read_set(const struct user_regset_view *view, unsigned int type, u32 *len, void *to)
{
	const struct user_regset *set = find_regset(view, type);
	int n;

	if (!set)
		return -EREMOTEIO;
	n = regset_get(current, set, *len, to);
	if (n < 0)
		return n;
	*len = n;
	return 0;
}

static int read_registers(struct wppk_thread *t)
{
	const struct user_regset_view *view = task_user_regset_view(current);
	u32 len = sizeof(t->regs);
	int err;

	if (view->e_machine != EM_X86_64)
		return -EREMOTEIO; /* the check has said so */
	err = read_set(view, NT_PRSTATUS, &len, &t->regs);
	if (!err && len != sizeof(t->regs))
		err = -EREMOTEIO;
	return err ? err : read_set(view, NT_X86_XSTATE, &t->xsave_len, t->xsave);
}

/* ---- Restartable sequences ---- */

/* Inside of a critical section: the image has it aborted, as by any preemption. */
static void abort_section(struct wppk_thread *t)
{
	struct wppr_rseq_cs cs;
	u64 at, ip = t->regs.ip;

	if (!current->rseq || copy_from_user(&at, &current->rseq->rseq_cs, sizeof(at)) || !at ||
	    copy_from_user(&cs, (void __user *)(uintptr_t)at, sizeof(cs)))
		return;
	if (wppr_rseq_abort(&cs, &ip))
		t->regs.ip = ip;
}

/* ---- System calls ---- */

/* Such a call goes on in the process that was stopped as well. */
static void restart_cut_call(void)
{
	struct pt_regs *regs = task_pt_regs(current);
	const struct wppr_call call = { .nr = (long)regs->orig_ax, .result = regs->ax };

	if (wppr_call_was_cut(&call))
		regs->ax = -ERESTARTNOHAND;
}

static bool is_time(unsigned long at)
{
	struct __kernel_timespec t;

	return !copy_from_user(&t, (void __user *)at, sizeof(t)) && t.tv_sec >= 0 &&
	       t.tv_nsec >= 0 && t.tv_nsec < NSEC_PER_SEC;
}

/*
 * restart_syscall() goes on with what this kernel alone knows; the arguments are still those of the
 * call that it was.
 */
static long restarted_call(const struct user_regs_struct *regs)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", current->restart_block.fn);
	if (strstr(name, "poll"))
		return __NR_poll;
	if (strstr(name, "futex"))
		return __NR_futex;
	if (!strstr(name, "nsleep") && !strstr(name, "nanosleep"))
		return __NR_restart_syscall;
	return is_time(regs->di) ? __NR_nanosleep : __NR_clock_nanosleep;
}

/* Just before the instruction that calls restart_syscall(). */
static bool is_about_to_restart(const struct user_regs_struct *regs)
{
	u8 code[2];

	return (long)regs->orig_ax < 0 && regs->ax == __NR_restart_syscall &&
	       !copy_from_user(code, (void __user *)regs->ip, sizeof(code)) && code[0] == 0x0f &&
	       code[1] == 0x05;
}

/* The image's registers point at the system call instruction again. */
static void work_in_restart(struct wppk_thread *t)
{
	struct user_regs_struct *regs = &t->regs;
	struct wppr_call call = {
		.ip = regs->ip,
		.nr = (long)regs->orig_ax,
		.result = regs->ax,
		.arg = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9 },
	};
	long meant = 0;

	if (is_about_to_restart(regs) || regs->orig_ax == __NR_restart_syscall)
		meant = restarted_call(regs);
	wppr_call_again(&call, meant, &t->rec);
	regs->ip = call.ip;
	regs->orig_ax = call.nr;
	regs->ax = call.result;
	regs->di = call.arg[0];
	regs->dx = call.arg[2];
}

/* ---- What the kernel keeps for it ---- */

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
	rec->alt_flags = stack_flags(t->regs.sp);
	rec->pdeath_signal = current->pdeath_signal;
	rec->tgid = current->tgid;
	get_task_comm(t->comm, current);
	t->cred = get_current_cred();
}

int wppk_thread_look(struct wppk_thread *t)
{
	int err;

	restart_cut_call();
	err = read_registers(t);
	if (err)
		return err;
	abort_section(t);
	work_in_restart(t);
	read_rest(t);
	return wppk_pending_copy(&t->pending, &current->pending);
}

void wppk_thread_free(struct wppk_thread *t)
{
	if (t->cred)
		put_cred(t->cred);
	kvfree(t->pending.info);
}

/* ---- Records ---- */

u64 wppk_xcr0(const struct wppk_thread *t)
{
	u64 xcr0 = 0;

	if (t->xsave_len >= XSAVE_XCR0_OFF + sizeof(xcr0))
		memcpy(&xcr0, t->xsave + XSAVE_XCR0_OFF, sizeof(xcr0));
	return xcr0;
}

static int threads_collect(struct wppk_member *m)
{
	const struct wppk_thread *t;

	wppk_for_each(t, m->group)
	{
		struct wpp_rec_regs regs = { t->regs.fs_base, t->regs.gs_base };
		struct wpp_rec_xsave xsave = { wppk_xcr0(t) };

		if (t->rec.syscall == __NR_restart_syscall)
			wppk_note(&m->tree->notes, "sleep",
				  "thread %d will find the call that it is in ended by EINTR",
				  t->tid);
		WPPK_REC_THREAD(m, t, THREAD, 0, &t->rec, t->comm, strlen(t->comm));
		WPPK_REC_THREAD(m, t, REGS, WPP_ARCH_X86_64, &regs, &t->regs, sizeof(t->regs));
		WPPK_REC_THREAD(m, t, XSAVE, 0, &xsave, t->xsave, t->xsave_len);
	}
	return 0;
}

const struct wppk_class wppk_class_threads = { .collect = threads_collect };
