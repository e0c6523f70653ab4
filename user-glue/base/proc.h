/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What can be read of another process without stopping it. */
#ifndef WPP_PROC_H
#define WPP_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Reads a whole small /proc file of a process ("status", "task/7/stat") into @buf,
 * NUL-terminated. Length or -errno; -EOVERFLOW when it does not fit.
 */
ssize_t wppi_proc_read(pid_t pid, const char *name, char *buf, size_t cap);
/* The same, any size, malloced into @out (NUL-terminated, caller frees). Length or -errno. */
ssize_t wppi_proc_read_all(pid_t pid, const char *name, char **out);
ssize_t wppi_proc_readlink(pid_t pid, const char *name, char *buf, size_t cap);
/* Value of "Key:\tvalue" in a status-like text; NULL when absent. Points into @text, up to '\n'. */
const char *wppi_proc_field(const char *text, const char *key);
/* The first bytes of @text, for sscanf(), which would measure all the text behind them at each
 * call. */
#define HEAD_LEN 256
const char *wppi_head(const char *text, char head[HEAD_LEN]);

/* Says who has the id that is wanted, and what to do. */
void wppi_pid_taken(pid_t pid, char *text, size_t cap);

uint64_t wppi_now_ns(int clock);

/*
 * Bytes of a page of processes here. Places on a medium, and numbers in page spaces, are of
 * WPP_PAGE_SIZE bytes, whatever this is.
 */
uint64_t wppi_page_size(void);

/* [@len] bytes at @addr of another process to @buf, or with @out from @buf to there. 0 or -errno.
 */
int wppi_memory_move(pid_t tid, uint64_t addr, void *buf, size_t len, bool out);

#endif
