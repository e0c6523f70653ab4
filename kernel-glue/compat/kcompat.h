/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What differs between the kernels that the module is built for: 6.1 and 6.12.
 */
#ifndef WPPK_COMPAT_H
#define WPPK_COMPAT_H

#include <linux/capability.h>
#include <linux/eventfd.h>
#include <uapi/linux/eventpoll.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/pid.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

#define WPPK_SINCE(major, minor) (LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))

/* ---- Threads ---- */

#if WPPK_SINCE(6, 3)
#define wppk_rseq_len(task) ((task)->rseq_len)
#else
#define wppk_rseq_len(task) sizeof(*(task)->rseq)
#endif

static inline u64 wppk_capabilities(kernel_cap_t caps)
{
#if WPPK_SINCE(6, 3)
	return caps.val;
#else
	return caps.cap[0] | (u64)caps.cap[1] << 32;
#endif
}

/* sched_getattr() tells the slice of a fair thread since 6.12. */
static inline u64 wppk_sched_slice(const struct task_struct *task)
{
#if WPPK_SINCE(6, 12)
	return task->se.slice;
#else
	return 0;
#endif
}

/* ---- Timers ---- */

#if WPPK_SINCE(6, 12)
#define wppk_for_each_timer(timer, signal) \
	hlist_for_each_entry(timer, &(signal)->posix_timers, list)
#else
#define wppk_for_each_timer(timer, signal) list_for_each_entry(timer, &(signal)->posix_timers, list)
#endif

/* ---- Files ---- */

/* The argument changed in 6.12 and in stable kernels as well. Locks: files->file_lock. */
static inline bool wppk_close_on_exec(unsigned int fd, struct files_struct *files)
{
	return test_bit(fd, files_fdtable(files)->close_on_exec);
}

static inline const struct fown_struct *wppk_file_owner(const struct file *file)
{
#if WPPK_SINCE(6, 12)
	return file_f_owner(file);
#else
	return &file->f_owner;
#endif
}

static inline struct file_lock_context *wppk_lock_context(struct inode *inode)
{
	return smp_load_acquire(&inode->i_flctx); /* as fs/locks.c: it is complete */
}

#if WPPK_SINCE(6, 9)
#define wppk_for_each_lock(lock, head) list_for_each_entry(lock, head, c.flc_list)
#define wppk_lock_file(lock)	       ((lock)->c.flc_file)
#define wppk_lock_owner(lock)	       ((lock)->c.flc_owner)
#define wppk_lock_flags(lock)	       ((lock)->c.flc_flags)
#define wppk_lock_type(lock)	       ((lock)->c.flc_type)
#else
#define wppk_for_each_lock(lock, head) list_for_each_entry(lock, head, fl_list)
#define wppk_lock_file(lock)	       ((lock)->fl_file)
#define wppk_lock_owner(lock)	       ((lock)->fl_owner)
#define wppk_lock_flags(lock)	       ((lock)->fl_flags)
#define wppk_lock_type(lock)	       ((lock)->fl_type)
#endif

/* The inode that a mark of inotify is on, or NULL. Locks: mark->lock. */
static inline struct inode *wppk_marked_inode(const struct fsnotify_mark *mark)
{
	struct fsnotify_mark_connector *conn = mark->connector;

	if (!conn || conn->type != FSNOTIFY_OBJ_TYPE_INODE || !conn->obj)
		return NULL;
#if WPPK_SINCE(6, 9)
	return conn->obj;
#else
	return container_of(conn->obj, struct inode, i_fsnotify_marks);
#endif
}

/*
 * An item of an epoll set, as fs/eventpoll.c has it since 5.11: no header tells. It is believed
 * only when its pointers lead to the file that it was found at.
 */
struct wppk_epitem {
	struct rb_node rbn;
	struct list_head rdllink;
	void *next;
	struct {
		struct file *file;
		int fd;
	} __packed ffd;
	void *pwqlist;
	void *ep;
	struct hlist_node fllink; /* in file->f_ep */
	void *ws;
	struct epoll_event event;
};

/* read() of eight bytes, which a file offers in an old form or a new one. @page: user memory. */
static inline ssize_t wppk_read_u64(struct file *file, void __user *page, u64 *value)
{
	ssize_t n;

	if (!file->f_op->read)
		return kernel_read(file, value, sizeof(*value), NULL);
	n = file->f_op->read(file, page, sizeof(*value), &(loff_t){ 0 });
	return n == sizeof(*value) && copy_from_user(value, page, n) ? -EFAULT : n;
}

/* The process that a pidfd stands for. */
static inline struct pid *wppk_pidfd_pid(const struct file *file)
{
#if WPPK_SINCE(6, 9)
	return file_inode(file)->i_private;
#else
	return file->private_data;
#endif
}

#endif
