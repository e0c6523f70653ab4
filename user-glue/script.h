/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A script: system calls that another process executes for us in one go.
 *
 * A page-sized, position-independent executor (script_blob.S) is mapped into
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

#define SCRIPT_MAY_FAIL (1u << 0) /* go on when the call fails; its result is kept */

/* One call, as the executor reads it: 9 words. */
struct script_call {
	uint64_t nr;
	uint64_t arg[6];
	uint64_t flags;
	int64_t ret;
};

struct script {
	struct script_call *calls;
	size_t nr_calls, cap_calls;
	uint8_t *data; /* argument bytes; addresses are fixed when the script is run */
	size_t len_data, cap_data;
	bool failed; /* out of memory while building */
};

/* Where the executor lies in the process that runs scripts. */
struct script_area {
	uint64_t base; /* code page, then calls, then data */
	uint64_t len;
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
/* Result bytes of a token after the run. */
const void *wppi_script_result(const struct script *s, uint64_t token);
int64_t wppi_script_ret(const struct script *s, size_t index);

/* Area that a script needs, in bytes (multiple of 4096). */
size_t wppi_script_area_len(const struct script *s);
/* The executor's code, to copy to the first page of an area. */
extern const uint8_t wppi_script_code[], wppi_script_code_end[];

/*
 * Runs the script on thread @tid (ptrace-stopped, its registers saved by the caller) in @area.
 * On return the thread is stopped again at the executor's trap; results are in the script.
 * Returns 0; -errno of ptrace; the first failed call's -errno with *@failed (may be NULL) its
 * index.
 */
int wppi_script_run(struct script *s, pid_t tid, const struct script_area *area, size_t *failed);

/*
 * Maps an area of @len bytes into a stopped thread's process by borrowing its instruction pointer
 * for one call (finds a syscall instruction in the vdso), and the reverse.
 */
int wppi_script_map(pid_t tid, size_t len, struct script_area *area);
int wppi_script_unmap(pid_t tid, const struct script_area *area);

#endif
