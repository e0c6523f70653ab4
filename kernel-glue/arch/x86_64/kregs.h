/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Registers of a thread as the image has them: NT_PRSTATUS. */
#ifndef WPPK_KREGS_H
#define WPPK_KREGS_H

#include <asm/user_64.h>

#include <wpp/pcb.h>

#define WPPK_ARCH WPP_ARCH_X86_64

struct wppk_regs {
	struct user_regs_struct user;
};

static inline unsigned long wppk_arch_sp(const struct wppk_regs *regs)
{
	return regs->user.sp;
}

static inline struct wpp_rec_regs wppk_arch_bases(const struct wppk_regs *regs)
{
	return (struct wpp_rec_regs){ regs->user.fs_base, regs->user.gs_base };
}

#endif
