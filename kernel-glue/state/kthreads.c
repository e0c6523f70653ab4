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
	struct rseq_cs cs;
	u64 at;

	if (!current->rseq || copy_from_user(&at, &current->rseq->rseq_cs, sizeof(at)) || !at ||
	    copy_from_user(&cs, (void __user *)(uintptr_t)at, sizeof(cs)) ||
	    t->regs.ip - cs.start_ip >= cs.post_commit_offset)
		return;
	t->regs.ip = cs.abort_ip;
}

/* ---- System calls ---- */

/* Calls that any stop ends with EINTR, though nobody handled a signal. Nothing was moved. */
static bool is_stop_sensitive(long nr)
{
	static const short list[] = {
		__NR_epoll_wait, __NR_epoll_pwait,     __NR_epoll_pwait2, __NR_semop,
		__NR_semtimedop, __NR_rt_sigtimedwait, __NR_accept,	  __NR_accept4,
		__NR_recvfrom,	 __NR_recvmsg,	       __NR_recvmmsg,	  __NR_sendto,
		__NR_sendmsg,	 __NR_sendmmsg,	       __NR_read,	  __NR_readv,
		__NR_write,	 __NR_writev,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		if (list[i] == nr)
			return true;
	}
	return false;
}

/* Such a call goes on in the process that was stopped as well. */
static void restart_sensitive(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	if ((long)regs->orig_ax >= 0 && (long)regs->ax == -EINTR &&
	    is_stop_sensitive(regs->orig_ax))
		regs->ax = -ERESTARTNOHAND;
}

/*
 * ERESTART_RESTARTBLOCK: this kernel alone knows how much time is left. But a sleep that was given
 * a place for it has stored it there already, so it goes on with that; others start anew.
 */
static void sleep_the_rest(struct user_regs_struct *regs, long nr)
{
	if (nr == __NR_nanosleep && regs->si)
		regs->di = regs->si;
	else if (nr == __NR_clock_nanosleep && !(regs->si & TIMER_ABSTIME) && regs->r10)
		regs->dx = regs->r10;
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

static void restart_block(struct wppk_thread *t)
{
	t->rec.restart = ERESTARTNOHAND;
	sleep_the_rest(&t->regs, t->rec.syscall);
	t->regs.ax = t->rec.syscall;
}

/* The image's registers point at the system call instruction again. */
static void work_in_restart(struct wppk_thread *t)
{
	struct user_regs_struct *regs = &t->regs;
	long error = regs->ax;

	t->rec.syscall = regs->orig_ax;
	if (is_about_to_restart(regs)) {
		t->rec.syscall = restarted_call(regs);
		restart_block(t);
	}
	if (t->rec.syscall == __NR_restart_syscall)
		t->rec.syscall = restarted_call(regs);
	if ((long)regs->orig_ax < 0)
		return;
	regs->orig_ax = -1UL;
	switch (error) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
		t->rec.restart = -error;
		regs->ax = t->rec.syscall;
		break;
	case -ERESTART_RESTARTBLOCK:
		restart_block(t);
		break;
	default:
		return;
	}
	regs->ip -= 2;
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

	restart_sensitive();
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
