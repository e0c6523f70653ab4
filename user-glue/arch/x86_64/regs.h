/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* x86_64: what arch.h wants of a machine's header. */
#ifndef WPP_ARCH_X86_64_REGS_H
#define WPP_ARCH_X86_64_REGS_H

#include <elf.h>
#include <stdint.h>
#include <sys/user.h>

struct arch_regs {
	struct user_regs_struct user;
};

/* As code.S finds it. */
struct arch_saved {
	uint64_t mask, rip, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t pid;
	uint8_t flags, overflow, zero[6];
};

#define ARCH_ELF_CLASS ELFCLASS64
#define ARCH_ADDR_MAX  0x00fffffffffff000ull /* 57 bits */
#define ARCH_JUMP_LEN  12u

#define INSN_LEN 2 /* syscall: 0f 05 */

#endif
