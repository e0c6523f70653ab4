/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The process as a whole: ids, session and terminal, executable, working and
 * root directory, umask, and what prctl() and /proc keep for it.
 */
#include <linux/fs_struct.h>
#include <linux/pid_namespace.h>
#include <linux/prctl.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>

#include "park/kcapture.h"

#define DELETED " (deleted)"

/* ---- Inside ---- */

static int process_inside(struct wppk_capture *c)
{
	struct tty_struct *tty = get_current_tty();

	if (tty) {
		c->tty = wppk_dev(MKDEV(tty->driver->major, tty->driver->minor_start) + tty->index);
		tty_kref_put(tty);
	}
	return 0;
}

/* ---- The process ---- */

static u64 deny_write_execute(const struct mm_struct *mm)
{
	u64 bits = 0;

#ifdef MMF_HAS_MDWE
	if (test_bit(MMF_HAS_MDWE, &mm->flags))
		bits |= PR_MDWE_REFUSE_EXEC_GAIN;
#endif
#ifdef MMF_HAS_MDWE_NO_INHERIT
	if (test_bit(MMF_HAS_MDWE_NO_INHERIT, &mm->flags))
		bits |= PR_MDWE_NO_INHERIT;
#endif
	return bits;
}

static u64 merges_memory(const struct mm_struct *mm)
{
#ifdef MMF_VM_MERGE_ANY
	return test_bit(MMF_VM_MERGE_ANY, &mm->flags);
#else
	return 0;
#endif
}

static void read_ids(struct task_struct *leader, struct wpp_rec_process *rec)
{
	rcu_read_lock();
	rec->ppid = task_tgid_nr(rcu_dereference(leader->real_parent));
	rcu_read_unlock();
	rec->pgid = task_pgrp_nr(leader);
	rec->sid = task_session_nr_ns(leader, &init_pid_ns);
	rec->exit_signal = leader->exit_signal;
}

static void read_memory(const struct mm_struct *mm, struct wpp_rec_process *rec)
{
	rec->dumpable = __get_dumpable(mm->flags);
	rec->thp_disable = test_bit(MMF_DISABLE_THP, &mm->flags);
	rec->coredump_filter = (mm->flags & MMF_DUMP_FILTER_MASK) >> MMF_DUMP_FILTER_SHIFT;
	rec->mdwe = deny_write_execute(mm);
	rec->memory_merge = merges_memory(mm);
}

static void record_process(struct wppk_capture *c, u32 umask)
{
	struct task_struct *leader = c->leader;
	const char *comm = wppk_leader(c->group)->comm;
	struct wpp_rec_process rec = {
		.pid = c->pid,
		.space = WPP_SPACE_FIRST,
		.umask = umask,
		.personality = leader->personality,
		.no_new_privs = task_no_new_privs(leader),
		.child_subreaper = leader->signal->is_child_subreaper,
		.oom_score_adj = (s64)leader->signal->oom_score_adj,
		.nr_threads = c->group->nr_threads,
		.tty = c->tty,
		.stopped = wppk_stop_is_pending(c) ? SIGSTOP : 0,
	};

	read_ids(leader, &rec);
	read_memory(c->parked.mm, &rec);
	WPPK_REC(wppk_pcb(c), PROCESS, c->pid, 0, &rec, comm, strlen(comm));
}

/* ---- What it stands in and on ---- */

/* The path without " (deleted)"; its length. */
static size_t base_len(const char *path, bool deleted)
{
	return strlen(path) - (deleted ? strlen(DELETED) : 0);
}

static int record_exe(struct wppk_capture *c)
{
	struct wpp_rec_exe rec;
	struct kstat st;
	struct file *exe;
	char *path;
	int err;

	/* All threads stand, so nobody exchanges it. */
	exe = rcu_dereference_protected(c->parked.mm->exe_file, true);
	if (!exe)
		return -ESRCH;
	path = wppk_path(c, &exe->f_path);
	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(&exe->f_path, &st);
	if (err)
		return err;
	rec = (struct wpp_rec_exe){ wppk_dev(st.dev), st.ino, st.size, wppk_mtime_ns(&st) };
	WPPK_REC(wppk_pcb(c), EXE, c->pid, 0, &rec, path,
		 base_len(path, !st.nlink && wppk_is_deleted_name(path)));
	return 0;
}

static int record_cwd(struct wppk_capture *c, const struct path *cwd)
{
	char *path = wppk_path(c, cwd);
	struct wpp_rec_cwd rec;
	struct kstat st;
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(cwd, &st);
	if (err)
		return err;
	if (path[0] != '/')
		wppk_refuse(c->notes, "cwd", "its working directory can't be reached: %s", path);
	rec = (struct wpp_rec_cwd){ wppk_dev(st.dev), st.ino,
				    !st.nlink && wppk_is_deleted_name(path) };
	WPPK_REC(wppk_pcb(c), CWD, c->pid, 0, &rec, path, base_len(path, rec.deleted));
	return 0;
}

static int record_root(struct wppk_capture *c, const struct path *root)
{
	char *path = wppk_path(c, root);
	struct wpp_rec_root rec;
	struct kstat st;
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(root, &st);
	if (err)
		return err;
	if (path[0] != '/')
		wppk_refuse(c->notes, "root", "its root directory can't be reached: %s", path);
	rec = (struct wpp_rec_root){ wppk_dev(st.dev), st.ino };
	WPPK_REC(wppk_pcb(c), ROOT, c->pid, 0, &rec, path, strlen(path));
	return 0;
}

static int process_collect(struct wppk_capture *c)
{
	struct path cwd, root;
	u32 umask;
	int err;

	task_lock(c->leader);
	if (!c->leader->fs) {
		task_unlock(c->leader);
		return -ESRCH;
	}
	get_fs_pwd(c->leader->fs, &cwd);
	get_fs_root(c->leader->fs, &root);
	umask = c->leader->fs->umask;
	task_unlock(c->leader);
	record_process(c, umask);
	err = record_exe(c);
	if (!err)
		err = record_cwd(c, &cwd);
	if (!err)
		err = record_root(c, &root);
	path_put(&cwd);
	path_put(&root);
	return err;
}

const struct wppk_class wppk_class_process = {
	.inside = process_inside,
	.collect = process_collect,
};
