/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/kbuf.h"
#include "base/kerrno.h"
#include "record/append.h"

#define BUF_MIN ((size_t)16 << 10)
#define BUF_MAX ((size_t)1 << 30)

void wppk_buf_free(struct wppk_buf *buf)
{
	kvfree(buf->data);
	memset(buf, 0, sizeof(*buf));
}

static int buf_grow(struct wppk_buf *buf, size_t need)
{
	size_t cap = max(buf->cap, BUF_MIN);
	u8 *data;

	if (need > BUF_MAX - buf->len)
		return -EOVERFLOW;
	while (cap < buf->len + need)
		cap *= 2;
	if (cap == buf->cap)
		return 0;
	data = kvmalloc(cap, GFP_KERNEL_ACCOUNT);
	if (!data)
		return -ENOMEM;
	if (buf->len)
		memcpy(data, buf->data, buf->len);
	kvfree(buf->data);
	buf->data = data;
	buf->cap = cap;
	return 0;
}

static void *buf_reserve(void *buffer, size_t len)
{
	struct wppk_buf *buf = buffer;

	buf->err = buf_grow(buf, len);
	if (buf->err)
		return NULL;
	buf->len += len;
	return buf->data + buf->len - len;
}

void wppk_buf_rec(struct wppk_buf *buf, u16 type, u32 task, u64 id, const void *fields,
		  u32 nr_fields, const void *tail, u32 tail_len)
{
	struct wpp_rec rec = {
		.type = type,
		.task = task,
		.id = id,
		.nr_fields = nr_fields,
		.tail = tail,
	};
	int err;

	if (buf->err)
		return;
	err = wppr_append(buf_reserve, buf, rec, fields, tail_len);
	if (err && !buf->err)
		buf->err = wppk_errno(err);
}
