/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* General registers, and the system call that they speak of. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "arch/arch.h"
#include "base/proc.h"
#include "base/records.h"

uint64_t wppi_arch(void)
{
	return WPP_ARCH_X86_64;
}

int wppi_arch_get_regs(pid_t tid, struct arch_regs *r)
{
	struct iovec iov = { &r->user, sizeof(r->user) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov))
		return -errno;
	return iov.iov_len == sizeof(r->user) ? 0 : WPP_EREFUSED;
}

int wppi_arch_set_regs(pid_t tid, const struct arch_regs *r)
{
	struct arch_regs regs = *r;
	struct iovec iov = { &regs.user, sizeof(regs.user) };

	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &iov) ? -errno : 0;
}

uint64_t wppi_arch_ip(const struct arch_regs *r)
{
	return r->user.rip;
}

uint64_t wppi_arch_sp(const struct arch_regs *r)
{
	return r->user.rsp;
}

void wppi_arch_set_ip(struct arch_regs *r, uint64_t ip)
{
	r->user.rip = ip;
}

/* ---- The call ---- */

int64_t wppi_arch_call(const struct arch_regs *r)
{
	return (int64_t)r->user.orig_rax;
}

uint64_t wppi_arch_arg(const struct arch_regs *r, unsigned int n)
{
	const uint64_t arg[6] = { r->user.rdi, r->user.rsi, r->user.rdx,
				  r->user.r10, r->user.r8,  r->user.r9 };

	return arg[n];
}

int64_t wppi_arch_result(const struct arch_regs *r)
{
	return (int64_t)r->user.rax;
}

void wppi_arch_leave_call(struct arch_regs *r)
{
	r->user.orig_rax = (uint64_t)-1;
}

struct wppr_call wppi_arch_call_of(const struct arch_regs *r)
{
	return (struct wppr_call){
		.ip = r->user.rip,
		.nr = (int64_t)r->user.orig_rax,
		.result = r->user.rax,
		.arg = { r->user.rdi, r->user.rsi, r->user.rdx, r->user.r10, r->user.r8,
			 r->user.r9 },
	};
}

void wppi_arch_set_call(struct arch_regs *r, const struct wppr_call *call)
{
	r->user.rip = call->ip;
	r->user.orig_rax = (uint64_t)call->nr;
	r->user.rax = call->result;
	r->user.rdi = call->arg[0];
	r->user.rsi = call->arg[1];
	r->user.rdx = call->arg[2];
	r->user.r10 = call->arg[3];
	r->user.r8 = call->arg[4];
	r->user.r9 = call->arg[5];
}

size_t wppi_arch_find_insn(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i + INSN_LEN <= len; i++) {
		if (text[i] == 0x0f && text[i + 1] == 0x05)
			return i;
	}
	return len;
}

bool wppi_arch_is_to_call(pid_t tid, const struct arch_regs *r, int64_t nr)
{
	uint8_t code[INSN_LEN];

	return (int64_t)r->user.orig_rax < 0 && (int64_t)r->user.rax == nr &&
	       !wppi_memory_move(tid, r->user.rip, code, sizeof(code), false) &&
	       !wppi_arch_find_insn(code, sizeof(code));
}

int64_t wppi_arch_nr_poll(void)
{
	return SYS_poll;
}

/* ---- Its record ---- */

int wppi_arch_regs_of(const struct wpp_rec *rec, struct arch_regs *r)
{
	if (rec->id != WPP_ARCH_X86_64 || rec->tail_len != sizeof(r->user))
		return WPP_ECORRUPT;
	memcpy(&r->user, rec->tail, sizeof(r->user));
	return 0;
}

void wppi_arch_record(struct buf *pcb, pid_t tid, const struct arch_regs *r,
		      const struct arch_vector *v)
{
	struct wpp_rec_regs regs = { r->user.fs_base, r->user.gs_base };
	struct wpp_rec_xsave xsave = { wppi_arch_vector_features(v) };

	WPPI_REC(pcb, REGS, tid, WPP_ARCH_X86_64, &regs, &r->user, sizeof(r->user));
	WPPI_REC(pcb, XSAVE, tid, 0, &xsave, v->state, v->len);
}
