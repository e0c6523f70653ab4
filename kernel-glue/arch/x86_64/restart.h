/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPK_RESTART_H
#define WPPK_RESTART_H

#include <asm/user_64.h>

#include <wpp/pcb.h>

/* Before its registers are read: calls that any stop ends go on. */
void wppk_restart_sensitive(void);

/* What the kernel does on the way back to user space: the image's registers have it done. */
void wppk_restart_work_in(struct user_regs_struct *regs, struct wpp_rec_thread *rec);

#endif
