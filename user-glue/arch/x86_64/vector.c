/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Floating point and vector registers: an XSAVE area in its standard form. */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "arch/arch.h"

#define XSAVE_MAX      (32u << 10)
#define XSAVE_XCR0_OFF 464 /* where the kernel puts XCR0 into the area for tracers */
#define XSAVE_HEADER   512 /* offset of XSTATE_BV */
#define XSAVE_LEGACY   576 /* end of the header */

uint64_t wppi_arch_features(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return 3; /* x87 and SSE, which each has */
	return a | (uint64_t)d << 32;
}

uint64_t wppi_arch_vector_features(const struct arch_vector *v)
{
	uint64_t xcr0 = 0;

	if (v->len >= XSAVE_XCR0_OFF + sizeof(xcr0))
		memcpy(&xcr0, v->state + XSAVE_XCR0_OFF, sizeof(xcr0));
	return xcr0;
}

int wppi_arch_get_vector(pid_t tid, struct arch_vector *v)
{
	uint8_t area[XSAVE_MAX];
	struct iovec iov = { area, sizeof(area) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &iov))
		return -errno;
	v->state = malloc(iov.iov_len);
	if (!v->state)
		return WPP_ENOMEM;
	memcpy(v->state, area, iov.iov_len);
	v->len = iov.iov_len;
	return 0;
}

/* The area has the length of this machine: what the image's lacks is state that it never used. */
int wppi_arch_set_vector(pid_t tid, const struct arch_vector *v, uint64_t features)
{
	uint8_t area[XSAVE_MAX];
	struct iovec iov = { area, sizeof(area) };
	uint64_t used;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &iov))
		return -errno;
	if (iov.iov_len < v->len)
		return WPP_EREFUSED;
	memset(area, 0, iov.iov_len);
	memcpy(area, v->state, v->len);
	memcpy(&used, area + XSAVE_HEADER, sizeof(used));
	used &= features;
	memcpy(area + XSAVE_HEADER, &used, sizeof(used));
	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &iov) ? -errno : 0;
}

int wppi_arch_vector_of(const struct wpp_rec *rec, struct arch_vector *v)
{
	if (rec->tail_len < XSAVE_LEGACY || rec->tail_len > XSAVE_MAX)
		return WPP_ECORRUPT;
	v->state = (uint8_t *)(uintptr_t)rec->tail;
	v->len = rec->tail_len;
	return 0;
}
