/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * All that differs from machine to machine: registers, vector state, how a
 * system call is made, the code that runs in other processes, how a vdso is
 * led. arch/<machine>/ implements it; arch/stub/ knows no machine and answers
 * -ENOSYS or nothing, so a process there is refused by name (`machine`).
 */
#ifndef WPP_USER_ARCH_H
#define WPP_USER_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "record/restart.h"

/*
 * regs.h: struct arch_regs, the general registers as ptrace has them; struct arch_saved, what lies
 * behind the code while a thread is asked; and
 *   ARCH_ELF_CLASS  of the programs that run here
 *   ARCH_ADDR_MAX   end of the largest user address space
 *   ARCH_JUMP_LEN   bytes of the jump that leads a function elsewhere, at most 16
 */
#if defined(__x86_64__) && defined(__LP64__) && !defined(WPP_ARCH_STUB)
#include "arch/x86_64/regs.h"
#else
#include "arch/stub/regs.h"
#endif

/* ---- The machine ---- */

/* WPP_ARCH_*, as records name it; 0: user-glue can't persist or recreate on this machine. */
uint64_t wppi_arch(void);
/* What this processor and kernel can keep of vector state, one bit each (wpp_rec_machine.xcr0). */
uint64_t wppi_arch_features(void);

/* ---- Registers of a stopped thread ---- */

/* 0, -errno of ptrace, WPP_EREFUSED: the thread runs code of another kind (32-bit). */
int wppi_arch_get_regs(pid_t tid, struct arch_regs *r);
int wppi_arch_set_regs(pid_t tid, const struct arch_regs *r);

uint64_t wppi_arch_ip(const struct arch_regs *r);
uint64_t wppi_arch_sp(const struct arch_regs *r);
void wppi_arch_set_ip(struct arch_regs *r, uint64_t ip);

/* Number of the system call that it was stopped in, or -1. */
int64_t wppi_arch_call(const struct arch_regs *r);
/* Argument 0 .. 5 of that call, good as long as it may be restarted. */
uint64_t wppi_arch_arg(const struct arch_regs *r, unsigned int n);
int64_t wppi_arch_result(const struct arch_regs *r);
/* It is in no call any more: the kernel restarts none when the registers are set. */
void wppi_arch_leave_call(struct arch_regs *r);
/* The call on plain registers (record/restart.h), and the reverse. */
struct wppr_call wppi_arch_call_of(const struct arch_regs *r);
void wppi_arch_set_call(struct arch_regs *r, const struct wppr_call *call);
/* Will its next instruction make call @nr? */
bool wppi_arch_is_to_call(pid_t tid, const struct arch_regs *r, int64_t nr);

/* poll(), which goes on as restart_syscall(); -1: this machine has ppoll() only, which does not. */
int64_t wppi_arch_nr_poll(void);

/* ---- Vector state: malloced, opaque ---- */

struct arch_vector {
	uint8_t *state;
	size_t len;
};
int wppi_arch_get_vector(pid_t tid, struct arch_vector *v);
/* @features: those of the image. WPP_EREFUSED: the state does not fit this processor. */
int wppi_arch_set_vector(pid_t tid, const struct arch_vector *v, uint64_t features);
/* The features that were on when it was read. */
uint64_t wppi_arch_vector_features(const struct arch_vector *v);

/* ---- Records ---- */

void wppi_arch_record(struct buf *pcb, pid_t tid, const struct arch_regs *r,
		      const struct arch_vector *v);
/* A REGS record. WPP_ECORRUPT: it is not one of this machine. */
int wppi_arch_regs_of(const struct wpp_rec *rec, struct arch_regs *r);
/* An XSAVE record; @v points into it. WPP_ECORRUPT as above. */
int wppi_arch_vector_of(const struct wpp_rec *rec, struct arch_vector *v);

/* ---- System calls that a thread makes for us ---- */

#define SCRIPT_MAY_FAIL (1u << 0) /* go on when the call fails; its result is kept */

/* One call, as the code reads it: 9 words. */
struct script_call {
	uint64_t nr;
	uint64_t arg[6];
	uint64_t flags;
	int64_t ret;
};

/* Offset of an instruction that makes a system call in @text, or @len. */
size_t wppi_arch_find_insn(const uint8_t *text, size_t len);
/* The thread is to make one call by the instruction at @insn. */
void wppi_arch_one_call(struct arch_regs *r, uint64_t insn, long nr, const uint64_t arg[6]);

/*
 * The code that runs a list of calls: position independent, no stack. @start is its entry for a
 * script. A thread that is asked enters it at @map or @run and stops at marks; its own registers
 * are found at @saved, and it ends with them if nobody stops it.
 */
struct arch_code {
	const uint8_t *start, *map, *mapped, *run, *answered, *unmapped, *saved, *end;
};
extern const struct arch_code wppi_arch_code;
#define ARCH_CODE_AT(point) ((uint64_t)(wppi_arch_code.point - wppi_arch_code.start))
#define ARCH_CODE_LEN	    ARCH_CODE_AT(end)

/*
 * The thread runs the calls [@calls, @end) by the code at @code. It ends in a trap; with @frame it
 * returns to that signal frame.
 */
void wppi_arch_run_script(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end,
			  uint64_t frame);
/* Stopped at a call: is it the return to @frame? */
bool wppi_arch_is_return(const struct arch_regs *r, uint64_t frame);

/*
 * The thread maps @len bytes, then stops at @mapped. At marks it sends itself signal @mark; 0: its
 * tracer stops it at each call.
 */
void wppi_arch_ask_map(struct arch_regs *r, uint64_t code, uint64_t len, pid_t tid, int mark);
/* What the mapping gave: an address or -errno. */
uint64_t wppi_arch_ask_area(const struct arch_regs *r);
/* It runs the calls [@calls, @end); stops at @answered, unmaps, stops at @unmapped. */
void wppi_arch_ask_run(struct arch_regs *r, uint64_t code, uint64_t calls, uint64_t end);
/* Before it is let go on between two marks: no call is restarted, no single step is left. */
void wppi_arch_ask_go(struct arch_regs *r);
/* Its marks send no signal any more. */
void wppi_arch_ask_unmarked(struct arch_regs *r);
/*
 * To find back to @live. If it was stopped in a call that the kernel would restart, it ends up at
 * the instruction that does.
 */
void wppi_arch_save(struct arch_saved *s, const struct arch_regs *live, uint64_t sigmask,
		    pid_t pid);
/* @live of a thread on its way becomes what it was to find back to. Returns the signal mask. */
uint64_t wppi_arch_load(const struct arch_saved *s, struct arch_regs *live);

/* ---- vdso ---- */

/*
 * Functions that read data pages of the kernel and can't know that they are another kernel's. NULL
 * ends the list.
 */
extern const char *const wppi_arch_vdso_led[];
/* A jump to @addr, ARCH_JUMP_LEN bytes. */
void wppi_arch_write_jump(uint8_t *code, uint64_t addr);

#endif
