/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* No machine: what arch.h wants of a machine's header. */
#ifndef WPP_ARCH_STUB_REGS_H
#define WPP_ARCH_STUB_REGS_H

#include <elf.h>
#include <stdint.h>

struct arch_regs {
	uint64_t none;
};
struct arch_saved {
	uint64_t none;
};

#define ARCH_ELF_CLASS ELFCLASSNONE
#define ARCH_ADDR_MAX  0x00007ffffffff000ull
#define ARCH_JUMP_LEN  1u

#endif
