/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The code that runs a list of system calls in another process: position
 * independent, less than a page, no stack, no register but general ones.
 *
 *   rbx, rbp  next call (struct script_call), end of the list
 *
 * A script enters at wppi_code. It ends in a trap, or, when r12 is set, by
 * rt_sigreturn to that frame: then a process whose tracer died goes on as if
 * nothing had been.
 *
 * A thread that is asked enters at wppi_code_map or wppi_code_run. The code
 * then lies in the unused tail of the vdso, with the thread's own registers
 * behind it: wherever the thread is let go, it ends up where it was before.
 * Only the arithmetic flags change, which are put back.
 *
 *   r12, r13  area to unmap at the end; r13 is 0 in a script
 *   r14, r15  thread id, signal of the marks; process id lies with the registers
 *
 * At three marks it sends itself a signal that the process ignores: a tracer
 * sees it, and without one nothing happens. Signal 0 for a tracer that stops
 * at each call anyway.
 *
 * The order behind wppi_code_saved is that of struct arch_saved.
 */
#define CALL_SIZE      72
#define CALL_FLAGS     56
#define CALL_RET       64
#define MAY_FAIL       1
#define NR_MUNMAP      11
#define NR_SIGPROCMASK 14
#define NR_SIGRETURN   15
#define NR_TGKILL      234
#define NR_CLONE3      435
#define SIG_SETMASK    2

	.macro	global name
	.globl	\name
	.hidden	\name
\name:
	.endm

	.macro	mark name
	movl	.Lpid(%rip), %edi
	movl	%r14d, %esi
	movl	%r15d, %edx
	movl	$NR_TGKILL, %eax
	syscall
	global	\name
	.endm

	.section .rodata, "a", @progbits
	.balign	16
	global	wppi_code
	xorl	%r13d, %r13d
	global	wppi_code_run
.Lnext:
	cmpq	%rbp, %rbx
	jae	.Ldone
	movq	0(%rbx), %rax
	movq	8(%rbx), %rdi
	movq	16(%rbx), %rsi
	movq	24(%rbx), %rdx
	movq	32(%rbx), %r10
	movq	40(%rbx), %r8
	movq	48(%rbx), %r9
	syscall
	testq	%rax, %rax
	jz	.Lzero
.Lkeep:
	movq	%rax, CALL_RET(%rbx)
	cmpq	$-4095, %rax
	jb	.Lgood
	testb	$MAY_FAIL, CALL_FLAGS(%rbx)
	jz	.Ldone
.Lgood:
	addq	$CALL_SIZE, %rbx
	jmp	.Lnext
.Lzero:
	/* A new thread shares the list with its maker: it must not go on in it. */
	cmpq	$NR_CLONE3, 0(%rbx)
	jne	.Lkeep
.Ltrap:
	int3
	jmp	.Ltrap
.Ldone:
	testq	%r13, %r13
	jnz	.Lanswered
	testq	%r12, %r12
	jz	.Ltrap
	movq	%r12, %rsp
	movl	$NR_SIGRETURN, %eax
	syscall
	jmp	.Ltrap

	global	wppi_code_map		/* registers hold a call of mmap */
	syscall
	movq	%rax, %r12
	mark	wppi_code_mapped
	jmp	.Lleave
.Lanswered:
	mark	wppi_code_answered
.Lleave:
	movq	%r12, %rdi
	movq	%r13, %rsi
	movl	$NR_MUNMAP, %eax
	syscall
	mark	wppi_code_unmapped
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
	global	wppi_code_saved
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
	global	wppi_code_end
	.section .note.GNU-stack, "", @progbits
