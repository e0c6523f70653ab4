/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the kernel works into a thread's registers on its way back to user space: the restart of a
 * system call and the abort of a restartable sequence.
 */
#include <linux/kallsyms.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>
#include <asm/unistd.h>

#include "arch/x86_64/restart.h"
#include "record/restart.h"

/* ---- Restartable sequences ---- */

/* Inside of a critical section: the image has it aborted, as by any preemption. */
static void abort_section(struct user_regs_struct *regs)
{
	struct wppr_rseq_cs cs;
	u64 at, ip = regs->ip;

	if (!current->rseq || copy_from_user(&at, &current->rseq->rseq_cs, sizeof(at)) || !at ||
	    copy_from_user(&cs, (void __user *)(uintptr_t)at, sizeof(cs)))
		return;
	if (wppr_rseq_abort(&cs, &ip))
		regs->ip = ip;
}

/* ---- System calls ---- */

/* Such a call goes on in the process that was stopped as well. */
void wppk_restart_sensitive(void)
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
static void work_in_restart(struct user_regs_struct *regs, struct wpp_rec_thread *rec)
{
	struct wppr_call call = {
		.ip = regs->ip,
		.nr = (long)regs->orig_ax,
		.result = regs->ax,
		.arg = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9 },
	};
	long meant = 0;

	if (is_about_to_restart(regs) || regs->orig_ax == __NR_restart_syscall)
		meant = restarted_call(regs);
	wppr_call_again(&call, meant, rec);
	regs->ip = call.ip;
	regs->orig_ax = call.nr;
	regs->ax = call.result;
	regs->di = call.arg[0];
	regs->dx = call.arg[2];
}

void wppk_restart_work_in(struct user_regs_struct *regs, struct wpp_rec_thread *rec)
{
	abort_section(regs);
	work_in_restart(regs, rec);
}
