/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Register sets, as the kernel keeps them for tracers.
 */
#include <linux/elf.h>
#include <linux/ftrace.h>
#include <linux/regset.h>
#include <linux/sched.h>

#include "arch/arch.h"
#include "arch/x86_64/restart.h"
#include "compat/kcompat.h"

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

u32 wppk_arch_xstate_len(void)
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

static int read_registers(struct user_regs_struct *regs, u8 *xstate, u32 *xstate_len)
{
	const struct user_regset_view *view = task_user_regset_view(current);
	u32 len = sizeof(*regs);
	int err;

	if (view->e_machine != EM_X86_64)
		return -EREMOTEIO; /* the check has said so */
	err = read_set(view, NT_PRSTATUS, &len, regs);
	if (!err && len != sizeof(*regs))
		err = -EREMOTEIO;
	return err ? err : read_set(view, NT_X86_XSTATE, xstate_len, xstate);
}

int wppk_arch_look(struct wppk_regs *regs, u8 *xstate, u32 *xstate_len, struct wpp_rec_thread *rec)
{
	int err;

	wppk_restart_sensitive();
	err = read_registers(&regs->user, xstate, xstate_len);
	if (!err)
		wppk_restart_work_in(&regs->user, rec);
	return err;
}

u64 wppk_arch_features(const u8 *xstate, u32 len)
{
	u64 xcr0 = 0;

	if (len >= XSAVE_XCR0_OFF + sizeof(xcr0))
		memcpy(&xcr0, xstate + XSAVE_XCR0_OFF, sizeof(xcr0));
	return xcr0;
}

bool wppk_arch_is_32bit(struct task_struct *task)
{
	return test_tsk_thread_flag(task, TIF_ADDR32);
}

unsigned long wppk_arch_argument(struct ftrace_regs *regs, int n)
{
#if WPPK_SINCE(6, 2)
	return ftrace_regs_get_argument(regs, n);
#else
	return n ? regs->regs.si : regs->regs.di;
#endif
}
