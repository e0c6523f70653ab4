/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Pipes and FIFOs with what is in them, copied in place.
 */
#include <linux/highmem.h>
#include <linux/fs.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>

#include "files/kfiles.h"
#include "record/pipe.h"

static bool is_fifo(const struct wppk_file *f)
{
	return S_ISFIFO(f->st.mode) && !(f->flags & O_PATH);
}

static bool is_pipe(const struct wppk_file *f)
{
	return is_fifo(f) && !strncmp(f->link, "pipe:", 5);
}

static struct pipe_inode_info *pipe_of(const struct wppk_file *f)
{
	return file_inode(f->file)->i_pipe;
}

/* ---- Which ends there are ---- */

/* A description of the same pipe with access mode @acc; NULL: none. */
static const struct wppk_file *find_end(const struct wppk_member *m, const struct wppk_file *f,
					int acc)
{
	const struct wppk_files *fs = m->files;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		const struct wppk_file *e = &fs->v[i];

		if (is_fifo(e) && file_inode(e->file) == file_inode(f->file) &&
		    wppr_pipe_is_end(e->flags, acc))
			return e;
	}
	return NULL;
}

static bool other_end_inside(const struct wppk_member *m, const struct wppk_file *f)
{
	return wppr_access(f->flags) == WPPR_BOTH || find_end(m, f, wppr_pipe_other(f->flags));
}

static bool other_end_closed(const struct wppk_file *f)
{
	const struct pipe_inode_info *pipe = pipe_of(f);

	return wppr_access(f->flags) == WPPR_READ ? !pipe->writers : !pipe->readers;
}

bool wppk_pipe_outside(struct wppk_member *m, const struct wppk_file *f)
{
	return is_pipe(f) && !other_end_inside(m, f) && !other_end_closed(f);
}

static bool has_packets(const struct wppk_member *m, const struct wppk_file *f)
{
	const struct wppk_files *fs = m->files;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		if (is_fifo(&fs->v[i]) && file_inode(fs->v[i].file) == file_inode(f->file) &&
		    fs->v[i].flags & O_DIRECT)
			return true;
	}
	return false;
}

/* ---- Contents ---- */

/* [nr of packets] lengths, le32, and the bytes; lengths are skipped for a stream. */
struct contents {
	__le32 *lens;
	u8 *data;
	u32 nr, len, open; /* open: bytes of a packet that isn't complete */
};

static int copy_buffer(struct pipe_inode_info *pipe, struct pipe_buffer *buf, struct contents *to)
{
	int err = pipe_buf_confirm(pipe, buf);
	void *from;

	if (err)
		return err;
	if (buf->offset + buf->len > PAGE_SIZE)
		return -EIO;
	from = kmap_local_page(buf->page);
	memcpy(to->data + to->len, from + buf->offset, buf->len);
	kunmap_local(from);
	to->len += buf->len;
	to->open += buf->len;
	if (buf->flags & PIPE_BUF_FLAG_PACKET) {
		to->lens[to->nr++] = cpu_to_le32(to->open);
		to->open = 0;
	}
	return 0;
}

/* Under the lock of the pipe. */
static int copy_buffers(struct pipe_inode_info *pipe, struct contents *to)
{
	unsigned int i, head = pipe->head, mask = pipe->ring_size - 1;
	int err = 0;

	to->lens = kvmalloc_array(pipe->ring_size + 1, sizeof(*to->lens), GFP_KERNEL_ACCOUNT);
	to->data = kvmalloc_array(pipe->ring_size, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!to->lens || !to->data)
		return -ENOMEM;
	for (i = pipe->tail; !err && i != head; i++)
		err = copy_buffer(pipe, &pipe->bufs[i & mask], to);
	if (to->open)
		to->lens[to->nr++] = cpu_to_le32(to->open);
	return err;
}

/* The lengths come before the bytes. */
static int record_packets(struct wppk_member *m, u64 id, struct wpp_rec_pipe *rec,
			  const struct contents *from)
{
	u32 head = from->nr * sizeof(*from->lens);
	u8 *tail = kvmalloc(head + from->len + 1, GFP_KERNEL_ACCOUNT);

	if (!tail)
		return -ENOMEM;
	memcpy(tail, from->lens, head);
	memcpy(tail + head, from->data, from->len);
	rec->packets = from->nr;
	WPPK_REC_SHARED(m, PIPE, id, rec, tail, head + from->len);
	kvfree(tail);
	return 0;
}

static int collect_contents(struct wppk_member *m, const struct wppk_file *f)
{
	struct pipe_inode_info *pipe = pipe_of(f);
	struct contents has = { 0 };
	struct wpp_rec_pipe rec = { 0 };
	int err;

	pipe_lock(pipe);
	rec.capacity = (u64)pipe->max_usage * PAGE_SIZE;
	err = wppr_access(f->flags) == WPPR_WRITE ? 0 : copy_buffers(pipe, &has);
	pipe_unlock(pipe);
	rec.len = has.len;
	if (!err && has_packets(m, f))
		err = record_packets(m, f->st.ino, &rec, &has);
	else if (!err)
		WPPK_REC_SHARED(m, PIPE, f->st.ino, &rec, has.data, has.len);
	kvfree(has.lens);
	kvfree(has.data);
	return err;
}

/* ---- The kinds ---- */

static bool match_pipe(struct wppk_member *m, const struct wppk_file *f)
{
	return is_pipe(f);
}

static int check_pipe(struct wppk_member *m, struct wppk_file *f)
{
	if (wppk_pipe_outside(m, f))
		wppk_file_drop(m, f, "pipe-outside",
			       "(%s): the other end belongs to another process", f->link);
	return 0;
}

/* The lowest end that can be read speaks for the pipe. */
static int collect_pipe(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	const struct wppk_file *speaker = find_end(m, f, O_RDONLY);

	rec->object = f->st.ino;
	if (!other_end_inside(m, f))
		rec->aux = WPP_AUX_DEAD;
	if (!speaker)
		speaker = find_end(m, f, O_WRONLY);
	return speaker == f ? collect_contents(m, f) : 0;
}

const struct wppk_file_kind wppk_file_pipe = {
	.kind = WPP_OFD_PIPE,
	.match = match_pipe,
	.check = check_pipe,
	.collect = collect_pipe,
};

static bool match_fifo(struct wppk_member *m, const struct wppk_file *f)
{
	return is_fifo(f);
}

const struct wppk_file_kind wppk_file_fifo = {
	.kind = WPP_OFD_FIFO,
	.match = match_fifo,
	.collect = collect_pipe,
};
