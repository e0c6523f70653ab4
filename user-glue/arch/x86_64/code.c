/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The registers with which a thread enters, and leaves, the code of code.S. */
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#define FLAGS_OF_TRACER 0x10100ull /* single step, resume */
#define FLAG_DIRECTION	0x400ull
#define FLAG_OVERFLOW	0x800ull
#define FLAGS_SAVED	0xd5ull /* what sahf loads */

_Static_assert(sizeof(struct script_call) == 72, "CALL_SIZE in code.S");
_Static_assert(offsetof(struct script_call, flags) == 56, "CALL_FLAGS in code.S");
_Static_assert(offsetof(struct script_call, ret) == 64, "CALL_RET in code.S");
_Static_assert(SCRIPT_MAY_FAIL == 1, "MAY_FAIL in code.S");
_Static_assert(SYS_munmap == 11 && SYS_rt_sigprocmask == 14 && SYS_rt_sigreturn == 15 &&
		       SYS_tgkill == 234 && SIG_SETMASK == 2,
	       "numbers in code.S");

extern const uint8_t wppi_code[], wppi_code_run[], wppi_code_map[], wppi_code_mapped[],
	wppi_code_answered[], wppi_code_unmapped[], wppi_code_saved[], wppi_code_end[];

const struct arch_code wppi_arch_code = {
	.start = wppi_code,
	.map = wppi_code_map,
	.mapped = wppi_code_mapped,
	.run = wppi_code_run,
	.answered = wppi_code_answered,
	.unmapped = wppi_code_unmapped,
	.saved = wppi_code_saved,
	.end = wppi_code_end,
};

static void set_call(struct arch_regs *r, uint64_t insn, long nr, const uint64_t arg[6])
{
	const struct wppr_call call = {
		.ip = insn,
		.nr = -1,
		.result = (uint64_t)nr,
		.arg = { arg[0], arg[1], arg[2], arg[3], arg[4], arg[5] },
	};

	wppi_arch_set_call(r, &call);
}

/* ---- Scripts ---- */

static void begin(struct arch_regs *r)
{
	wppi_arch_leave_call(r);
	r->user.eflags &= ~(FLAGS_OF_TRACER | FLAG_DIRECTION);
}

void wppi_arch_one_call(struct arch_regs *r, uint64_t insn, long nr, const uint64_t arg[6])
{
	set_call(r, insn, nr, arg);
	begin(r);
}

void wppi_arch_run_script(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end,
			  uint64_t frame)
{
	r->user.rip = code;
	r->user.rbx = calls;
	r->user.rbp = end;
	r->user.r12 = frame;
	begin(r);
}

bool wppi_arch_is_return(const struct arch_regs *r, uint64_t frame)
{
	return r->user.orig_rax == SYS_rt_sigreturn && r->user.rsp == frame;
}

/* ---- Asking ---- */

void wppi_arch_ask_map(struct arch_regs *r, uint64_t code, uint64_t len, pid_t tid, int mark)
{
	const uint64_t arg[6] = {
		0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0
	};

	set_call(r, code + ARCH_CODE_AT(map), SYS_mmap, arg);
	r->user.r12 = 0;
	r->user.r13 = len;
	r->user.r14 = (uint64_t)tid;
	r->user.r15 = (uint64_t)mark;
	wppi_arch_ask_go(r);
}

uint64_t wppi_arch_ask_area(const struct arch_regs *r)
{
	return r->user.r12;
}

void wppi_arch_ask_run(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end)
{
	r->user.rip = code + ARCH_CODE_AT(run);
	r->user.rbx = calls;
	r->user.rbp = end;
}

void wppi_arch_ask_go(struct arch_regs *r)
{
	wppi_arch_leave_call(r);
	r->user.eflags &= ~FLAGS_OF_TRACER;
}

void wppi_arch_ask_unmarked(struct arch_regs *r)
{
	r->user.r15 = 0;
}

/* ---- The registers to find back to ---- */

static bool kernel_restarts(const struct arch_regs *r)
{
	int64_t error = wppi_arch_result(r);

	return wppi_arch_call(r) >= 0 &&
	       (error == -WPPR_ERESTARTSYS || error == -WPPR_ERESTARTNOINTR ||
		error == -WPPR_ERESTARTNOHAND || error == -WPPR_ERESTART_RESTARTBLOCK);
}

void wppi_arch_save(struct arch_saved *s, const struct arch_regs *live, uint64_t sigmask, pid_t pid)
{
	struct arch_regs regs = *live;
	const struct user_regs_struct *r = &regs.user;

	if (kernel_restarts(live)) {
		regs.user.rip -= INSN_LEN;
		regs.user.rax = wppi_arch_result(live) == -WPPR_ERESTART_RESTARTBLOCK
					? SYS_restart_syscall
					: live->user.orig_rax;
	}
	*s = (struct arch_saved){
		.mask = sigmask,
		.rip = r->rip,
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.pid = (uint64_t)pid,
		.flags = (uint8_t)r->eflags,
		.overflow = (r->eflags & FLAG_OVERFLOW) != 0,
	};
}

uint64_t wppi_arch_load(const struct arch_saved *s, struct arch_regs *live)
{
	struct user_regs_struct *r = &live->user;

	wppi_arch_leave_call(live);
	r->rip = s->rip;
	r->rax = s->rax;
	r->rbx = s->rbx;
	r->rcx = s->rcx;
	r->rdx = s->rdx;
	r->rsi = s->rsi;
	r->rdi = s->rdi;
	r->rbp = s->rbp;
	r->r8 = s->r8;
	r->r9 = s->r9;
	r->r10 = s->r10;
	r->r11 = s->r11;
	r->r12 = s->r12;
	r->r13 = s->r13;
	r->r14 = s->r14;
	r->r15 = s->r15;
	r->eflags = (r->eflags & ~(FLAGS_SAVED | FLAG_OVERFLOW)) | (s->flags & FLAGS_SAVED) |
		    (s->overflow ? FLAG_OVERFLOW : 0);
	return s->mask;
}
