/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A script: system calls that another process executes for us in one go.
 *
 * A page-sized, position-independent executor (arch_code) is mapped into
 * the process; a stopped thread is pointed at it and runs the whole list
 * before it traps again, so a hundred calls cost two context switches. Capture
 * asks the target what only it can tell; recreate builds the new address space.
 */
#ifndef WPP_SCRIPT_H
#define WPP_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"

struct script {
	struct script_call *calls;
	size_t nr_calls, cap_calls;
	uint8_t *data; /* argument bytes; addresses are fixed when the script is run */
	size_t len_data, cap_data;
	struct script_ref {
		size_t at;	/* offset in data of an address ... */
		uint64_t token; /* ... that becomes this one's */
	} * refs;
	size_t nr_refs, cap_refs;
	bool failed; /* out of memory while building */
};

/*
 * Where the executor lies in the process that runs scripts, and how it ends.
 *
 * A trap is the fast end: the list runs without a stop. But the kernel resets the action of a
 * SIGTRAP that is ignored or blocked, and a trap kills a process whose tracer has died. With
 * @stepped the tracer stops the thread at each call instead, and sees the end by that; with @frame
 * (implies @stepped) the executor ends by rt_sigreturn to that signal frame if nobody holds it.
 */
struct script_area {
	uint64_t base; /* code page, then calls, then data */
	uint64_t len;
	uint64_t frame; /* address of a struct rt_sigframe's ucontext, or 0 */
	bool stepped;
};

void wppi_script_init(struct script *s);
void wppi_script_free(struct script *s);
/* Adds a call; returns its index. */
size_t wppi_script_call(struct script *s, uint32_t flags, long nr, uint64_t a0, uint64_t a1,
			uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
/*
 * Room for argument bytes (@init may be NULL: zeros, for results). The value is a token to pass as
 * an argument; it becomes the real address at run time. Tokens are recognisable (SCRIPT_TOKEN).
 */
uint64_t wppi_script_data(struct script *s, const void *init, size_t len);
#define SCRIPT_TOKEN 0xdada000000000000ull
/* The 8 bytes at @off of a token's data become the address of another token (iovec, clone_args). */
void wppi_script_ref(struct script *s, uint64_t token, size_t off, uint64_t target);
/* Result bytes of a token after the run. */
const void *wppi_script_result(const struct script *s, uint64_t token);
int64_t wppi_script_ret(const struct script *s, size_t index);

/*
 * The script as it lies at @addr of the process that runs it: calls, then data, addresses filled
 * in; malloced. And back: results are taken from the image, arguments keep their tokens.
 */
uint8_t *wppi_script_image(const struct script *s, uint64_t addr);
size_t wppi_script_image_len(const struct script *s);
void wppi_script_keep(struct script *s, const uint8_t *image);

/* Area that a script needs, in bytes (multiple of 4096). */
size_t wppi_script_area_len(const struct script *s);

/*
 * Runs the script on thread @tid (ptrace-stopped, its registers saved by the caller, who also
 * blocked its signals but SIGTRAP, and set PTRACE_O_TRACESYSGOOD) in @area. On return the thread is
 * stopped again, not inside a call; results are in the script. A SIGSTOP that came in between is
 * pending again. A thread made by clone3 in the list (PTRACE_O_TRACECLONE set) is stopped at its
 * first instruction, for the caller to wait for. Returns 0; -errno of ptrace; -ESRCH when the
 * thread is gone; WPP_EINVAL when the script doesn't fit; the first failed call's -errno with
 * *@failed (may be NULL) its index (SIZE_MAX when no call was at fault).
 */
int wppi_script_run(struct script *s, pid_t tid, const struct script_area *area, size_t *failed);

/*
 * One call on a stopped thread with no executor: borrows the instruction pointer for a syscall
 * instruction found in the vdso. The thread's registers are as before afterwards. Its signals
 * must be blocked, PTRACE_O_TRACESYSGOOD set. *@ret: what the call returned. Returns 0 or -errno of
 * ptrace.
 */
int wppi_script_one(pid_t tid, uint64_t syscall_insn, int64_t *ret, long nr, const uint64_t arg[6]);
/* Address of a syscall instruction in the process of @tid, or 0. */
uint64_t wppi_script_insn(pid_t tid);

/*
 * Maps an area of @len bytes into a stopped thread's process by wppi_script_one() and puts the
 * executor in it, and the reverse.
 */
int wppi_script_map(pid_t tid, size_t len, struct script_area *area);
/* Copies the executor to the start of an area that is mapped writable and executable. */
int wppi_script_install(pid_t tid, const struct script_area *area);
int wppi_script_unmap(pid_t tid, const struct script_area *area);

#endif
