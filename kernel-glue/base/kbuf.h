/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Growing buffers of records. */
#ifndef WPPK_KBUF_H
#define WPPK_KBUF_H

#include <linux/types.h>

#include <wpp/pcb.h>

/* Records; kvmalloc'ed, @err sticks: the first failure makes all later puts do nothing. */
struct wppk_buf {
	u8 *data;
	size_t len, cap;
	int err;
};

void wppk_buf_free(struct wppk_buf *buf);

/* Append one record (pcb.h); @fields: a struct wpp_rec_X of @nr_fields. */
void wppk_buf_rec(struct wppk_buf *buf, u16 type, u32 task, u64 id, const void *fields,
		  u32 nr_fields, const void *tail, u32 tail_len);

/* The same with @x: a struct wpp_rec_X. */
#define WPPK_BUF_REC(buf, NAME, task, id, x, tail, tail_len)                                       \
	wppk_buf_rec((buf), WPP_REC_##NAME, (u32)(task), (u64)(id), (x), WPP_REC_NR(*(x)), (tail), \
		     (tail_len))

#endif
