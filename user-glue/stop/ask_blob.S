/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a thread runs when it is asked something. It lies in the unused tail of
 * the vdso, with the thread's own registers behind it: wherever the thread is
 * let go, it ends up where it was before. No stack, no register but general
 * ones, and only the arithmetic flags change, which are put back.
 *
 *   rbx, rbp  next call (struct script_call), end of the list
 *   r12, r13  area to unmap at the end
 *   r14, r15  thread id, signal of the marks; process id lies with the registers
 *
 * At three marks it sends itself a signal that the process ignores: a tracer
 * sees it, and without one nothing happens. Signal 0 for a tracer that stops
 * at each call anyway.
 *
 * The order behind wppi_ask_saved is that of struct ask_saved in ask.c.
 */
#define CALL_SIZE      72
#define CALL_RET       64
#define NR_MUNMAP      11
#define NR_SIGPROCMASK 14
#define NR_TGKILL      234
#define SIG_SETMASK    2

	.macro	mark name
	movl	.Lpid(%rip), %edi
	movl	%r14d, %esi
	movl	%r15d, %edx
	movl	$NR_TGKILL, %eax
	syscall
\name:
	.endm

	.section .rodata, "a", @progbits
	.globl	wppi_ask_map, wppi_ask_mapped, wppi_ask_run, wppi_ask_answered
	.globl	wppi_ask_unmapped, wppi_ask_saved, wppi_ask_end
	.hidden	wppi_ask_map, wppi_ask_mapped, wppi_ask_run, wppi_ask_answered
	.hidden	wppi_ask_unmapped, wppi_ask_saved, wppi_ask_end
	.balign	16
wppi_ask_map:				/* registers hold a call of mmap */
	syscall
	movq	%rax, %r12
	mark	wppi_ask_mapped
	jmp	.Lleave
wppi_ask_run:
	cmpq	%rbp, %rbx
	jae	.Lanswered
	movq	0(%rbx), %rax
	movq	8(%rbx), %rdi
	movq	16(%rbx), %rsi
	movq	24(%rbx), %rdx
	movq	32(%rbx), %r10
	movq	40(%rbx), %r8
	movq	48(%rbx), %r9
	syscall
	movq	%rax, CALL_RET(%rbx)
	addq	$CALL_SIZE, %rbx
	jmp	wppi_ask_run
.Lanswered:
	mark	wppi_ask_answered
.Lleave:
	movq	%r12, %rdi
	movq	%r13, %rsi
	movl	$NR_MUNMAP, %eax
	syscall
	mark	wppi_ask_unmapped
	movl	$SIG_SETMASK, %edi
	leaq	.Lmask(%rip), %rsi
	xorl	%edx, %edx
	movl	$8, %r10d
	movl	$NR_SIGPROCMASK, %eax
	syscall
	movb	.Loverflow(%rip), %al
	addb	$0x7f, %al		/* sets OF when it was 1 */
	movb	.Lflags(%rip), %ah
	sahf
	movq	.Lrax(%rip), %rax
	movq	.Lrbx(%rip), %rbx
	movq	.Lrcx(%rip), %rcx
	movq	.Lrdx(%rip), %rdx
	movq	.Lrsi(%rip), %rsi
	movq	.Lrdi(%rip), %rdi
	movq	.Lrbp(%rip), %rbp
	movq	.Lr8(%rip), %r8
	movq	.Lr9(%rip), %r9
	movq	.Lr10(%rip), %r10
	movq	.Lr11(%rip), %r11
	movq	.Lr12(%rip), %r12
	movq	.Lr13(%rip), %r13
	movq	.Lr14(%rip), %r14
	movq	.Lr15(%rip), %r15
	jmp	*.Lrip(%rip)
	.balign	8
wppi_ask_saved:
.Lmask:		.quad 0
.Lrip:		.quad 0
.Lrax:		.quad 0
.Lrbx:		.quad 0
.Lrcx:		.quad 0
.Lrdx:		.quad 0
.Lrsi:		.quad 0
.Lrdi:		.quad 0
.Lrbp:		.quad 0
.Lr8:		.quad 0
.Lr9:		.quad 0
.Lr10:		.quad 0
.Lr11:		.quad 0
.Lr12:		.quad 0
.Lr13:		.quad 0
.Lr14:		.quad 0
.Lr15:		.quad 0
.Lpid:		.quad 0
.Lflags:	.byte 0
.Loverflow:	.byte 0
	.balign	8
wppi_ask_end:
	.section .note.GNU-stack, "", @progbits
