/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What capture and recreate share: notes, growing buffers, records, /proc. */
#ifndef WPP_GLUE_H
#define WPP_GLUE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <wpp/pcb.h>
#include <wpp/process.h>

/* ---- A growing buffer; after a failed allocation it stays failed (check once at the end). ---- */
struct buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};
void wppi_buf_add(struct buf *b, const void *data, size_t len);
/* Room for @len more bytes, counted in already; NULL when there is no memory. */
void *wppi_buf_reserve(struct buf *b, size_t len);
void wppi_buf_free(struct buf *b);

/*
 * Append a record. @fields is a struct wpp_rec_X: use WPPI_REC(b, NAME, task, id, &x, tail, len).
 */
void wppi_rec_add(struct buf *b, uint16_t type, uint32_t task, uint64_t id, const void *fields,
		  uint32_t nr_fields, const void *tail, size_t tail_len);
#define WPPI_REC(b, NAME, task, id, x, tail, tail_len)                                             \
	wppi_rec_add((b), WPP_REC_##NAME, (uint32_t)(task), (uint64_t)(id), (x), WPP_REC_NR(*(x)), \
		     (tail), (tail_len))

/* ---- Notes ---- */
struct notes {
	const struct wpp_report *report; /* may be NULL */
	const char *const *allow_lossy;	 /* may be NULL */
	uint32_t task;			 /* of LOSS records: the pid */
	unsigned int nr_refused;
	struct buf lossy; /* LOSS records of what was let go */
};
void wppi_note(struct notes *n, enum wpp_note_kind kind, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * Something can't be captured. Returns true when the user allowed to lose it (then it is noted as
 * lossy and recorded, and the caller goes on without it), false when it is refused (counted; keep
 * checking, so that all reasons are listed).
 */
bool wppi_refuse(struct notes *n, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- /proc ---- */
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

uint64_t wppi_now_ns(int clock);

/* [@len] bytes at @addr of another process to @buf, or with @out from @buf to there. 0 or -errno.
 */
int wppi_memory_move(pid_t tid, uint64_t addr, void *buf, size_t len, bool out);

#endif
