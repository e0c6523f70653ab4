/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The executor of scripts: position independent, less than a page, no stack.
 *
 *   rbx  next call (struct script_call)     r12  signal frame, or 0
 *   rbp  end of the list
 *
 * It ends in a trap, or, when r12 is set, by rt_sigreturn to that frame: then
 * a process whose tracer died goes on as if nothing had been.
 */
#define CALL_SIZE   72
#define CALL_FLAGS  56
#define CALL_RET    64
#define MAY_FAIL    1
#define NR_SIGRETURN 15
#define NR_CLONE3   435

	.section .rodata, "a", @progbits
	.globl	wppi_script_code, wppi_script_code_end
	.hidden	wppi_script_code, wppi_script_code_end
	.balign	16
wppi_script_code:
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
	testq	%r12, %r12
	jz	.Ltrap
	movq	%r12, %rsp
	movl	$NR_SIGRETURN, %eax
	syscall
	jmp	.Ltrap
wppi_script_code_end:
	.section .note.GNU-stack, "", @progbits
