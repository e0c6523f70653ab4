/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A thread that was stopped in a system call, on plain registers of x86-64: how the image's
 * registers make the call again, and where a restartable sequence is aborted.
 */
#ifndef WPPR_RESTART_H
#define WPPR_RESTART_H

#include <wpp/pcb.h>

/* What the kernel says of a stopped call: not seen by programs, not in errno.h. */
#define WPPR_ERESTARTSYS	   512
#define WPPR_ERESTARTNOINTR	   513
#define WPPR_ERESTARTNOHAND	   514
#define WPPR_ERESTART_RESTARTBLOCK 516

#define WPPR_RESTART_SYSCALL 219 /* number of restart_syscall() */

/**
 * struct wppr_call - the registers of a call
 * @ip:     address behind the instruction.
 * @nr:     the call it is in (orig_rax); below 0: none.
 * @result: number before the call, result behind it (rax).
 * @arg:    its arguments (rdi, rsi, rdx, r10, r8, r9).
 */
struct wppr_call {
	uint64_t ip;
	int64_t nr;
	uint64_t result;
	uint64_t arg[6];
};

/**
 * wppr_call_was_cut() - has the stop itself ended this call with EINTR?
 *
 * Some calls end so though no signal was handled and nothing was moved: they are to be restarted as
 * by ERESTARTNOHAND, in the process that goes on as well.
 */
bool wppr_call_was_cut(const struct wppr_call *c);

/**
 * wppr_call_again() - work the restart of a call into registers
 * @c:     in/out: afterwards a thread that is set going makes the call again, or finds its result.
 * @meant: the call that restart_syscall() goes on with; 0: not known, or it is none.
 * @rec:   out: syscall and restart.
 *
 * Of ERESTART_RESTARTBLOCK only the running kernel knows how much time is left; but a sleep with a
 * place for it has stored it there already, so it goes on with that. Others start anew.
 */
void wppr_call_again(struct wppr_call *c, int64_t meant, struct wpp_rec_thread *rec);

/* struct rseq_cs: what the pointer at WPPR_RSEQ_CS in struct rseq leads to. */
#define WPPR_RSEQ_CS 8
struct wppr_rseq_cs {
	uint32_t version, flags;
	uint64_t start, len, abort;
};

/** wppr_rseq_abort() - leaves a critical section as by any preemption; true: @ip was changed */
bool wppr_rseq_abort(const struct wppr_rseq_cs *cs, uint64_t *ip);

#endif
