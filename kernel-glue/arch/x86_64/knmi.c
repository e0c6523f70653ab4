/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/ptrace.h>
#include <asm/nmi.h>

#include "arch/arch.h"

static void (*tell_nmi)(void);

static int nmi_call(unsigned int type, struct pt_regs *regs)
{
	tell_nmi();
	return NMI_HANDLED;
}

int wppk_arch_nmi_add(void (*tell)(void))
{
	tell_nmi = tell;
	return register_nmi_handler(NMI_UNKNOWN, nmi_call, 0, "wpp");
}

void wppk_arch_nmi_remove(void)
{
	unregister_nmi_handler(NMI_UNKNOWN, "wpp");
}
