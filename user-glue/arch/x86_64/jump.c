/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Leading the functions of an old vdso elsewhere. */
#include <string.h>

#include "arch/arch.h"

/* All else in an old vdso finds zeros, which mean "no clock source", and asks the kernel. */
const char *const wppi_arch_vdso_led[] = {
	"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time",
	"__vdso_clock_getres",	"__vdso_getcpu",       NULL,
};

/* movabs $addr, %rax; jmp *%rax */
void wppi_arch_write_jump(uint8_t *code, uint64_t addr)
{
	static const uint8_t jump[ARCH_JUMP_LEN] = {
		0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0
	};

	memcpy(code, jump, sizeof(jump));
	memcpy(code + 2, &addr, sizeof(addr));
}
