/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * File locks: flock (of a description), POSIX (of a process) and OFD locks.
 */
#include <linux/fs.h>
#include <linux/slab.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"

struct locks {
	struct wpp_rec_lock *v;
	u32 nr, cap;
};

static void add_lock(struct locks *l, const struct file_lock *lock, struct file *file)
{
	unsigned int flags = wppk_lock_flags(lock);
	struct wpp_rec_lock rec = {
		.type = wppk_lock_type(lock),
		.start = lock->fl_start,
		.len = lock->fl_end == OFFSET_MAX ? 0 : lock->fl_end - lock->fl_start + 1,
	};

	if (wppk_lock_file(lock) != file)
		return;
	if (flags & FL_FLOCK)
		rec.kind = WPP_LOCK_FLOCK;
	else if (flags & FL_OFDLCK)
		rec.kind = WPP_LOCK_OFD;
	else if (flags & FL_POSIX && wppk_lock_owner(lock) == current->files)
		rec.kind = WPP_LOCK_POSIX;
	else
		return;
	if (l->nr < l->cap)
		l->v[l->nr] = rec;
	l->nr++;
}

/* How many there are; as many as fit are copied. */
static u32 copy_locks(struct locks *l, struct file *file)
{
	struct file_lock_context *ctx = wppk_lock_context(file_inode(file));
	struct file_lock *lock;

	l->nr = 0;
	if (!ctx)
		return 0;
	spin_lock(&ctx->flc_lock);
	wppk_for_each_lock(lock, &ctx->flc_flock)
		add_lock(l, lock, file);
	wppk_for_each_lock(lock, &ctx->flc_posix)
		add_lock(l, lock, file);
	spin_unlock(&ctx->flc_lock);
	return l->nr;
}

int wppk_locks_collect(struct wppk_member *m, const struct wppk_file *f)
{
	struct locks l = { 0 };
	u32 i;

	while (copy_locks(&l, f->file) > l.cap) {
		kvfree(l.v);
		l.cap = l.nr;
		l.v = kvcalloc(l.cap, sizeof(*l.v), GFP_KERNEL_ACCOUNT);
		if (!l.v)
			return -ENOMEM;
	}
	for (i = 0; i < l.nr; i++) {
		l.v[i].fd = f->num;
		if (l.v[i].kind == WPP_LOCK_POSIX)
			l.v[i].pid = m->pid;
		WPPK_REC_SHARED(m, LOCK, f->id, &l.v[i], NULL, 0);
	}
	kvfree(l.v);
	return 0;
}

void wppk_locks_check(struct wppk_member *m, struct wppk_file *f)
{
	struct file_lock_context *ctx = wppk_lock_context(file_inode(f->file));
#if WPPK_SINCE(6, 9)
	struct file_lease *lock;
#else
	struct file_lock *lock;
#endif
	bool found = false;

	if (!ctx)
		return;
	spin_lock(&ctx->flc_lock);
	wppk_for_each_lock(lock, &ctx->flc_lease)
		found |= wppk_lock_file(lock) == f->file;
	spin_unlock(&ctx->flc_lock);
	if (found)
		wppk_file_drop(m, f, "lease", "holds a lease on %s", f->link);
}
