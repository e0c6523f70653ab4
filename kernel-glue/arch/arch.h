/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What only the machine's own files know: registers, the restart of system calls, the vdso, NMIs.
 */
#ifndef WPPK_ARCH_H
#define WPPK_ARCH_H

#include <linux/types.h>

#include <wpp/pcb.h>

#ifdef CONFIG_X86_64
#include "arch/x86_64/kregs.h"
#else
#error "wpp.ko: this machine is not supported"
#endif

struct ftrace_regs;
struct mm_struct;
struct task_struct;

/* Of the floating point and vector registers, at most; 0: there are none. */
u32 wppk_arch_xstate_len(void);

/*
 * By a thread in its task work: its registers as the image has them. Task work runs before the
 * kernel works in the restart of a system call and the abort of a restartable sequence, so that is
 * done here. *@xstate_len: room, then what was read. @rec: the call that it is in.
 */
int wppk_arch_look(struct wppk_regs *regs, u8 *xstate, u32 *xstate_len, struct wpp_rec_thread *rec);

/* Which register sets @xstate has (XCR0). */
u64 wppk_arch_features(const u8 *xstate, u32 len);

bool wppk_arch_is_32bit(struct task_struct *task);

/* The ELF image of the process' vdso; NULL: none. */
const void *wppk_arch_vdso(const struct mm_struct *mm, size_t *len);

/* Argument @n (0, 1) of a function that ftrace stopped at. */
unsigned long wppk_arch_argument(struct ftrace_regs *regs, int n);

/* @tell: an NMI came that nobody else knows; in its context. */
int wppk_arch_nmi_add(void (*tell)(void));
void wppk_arch_nmi_remove(void);

#endif
