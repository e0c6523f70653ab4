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

#include "state/kstate.h"

/* ---- Inside ---- */

static int process_inside(struct wppk_member *m)
{
	struct tty_struct *tty = get_current_tty();

	if (tty) {
		m->tty = wppk_dev(MKDEV(tty->driver->major, tty->driver->minor_start) + tty->index);
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

static void record_process(struct wppk_member *m, u32 umask)
{
	struct task_struct *leader = m->leader;
	const char *comm = wppk_leader(m->group)->comm;
	struct wpp_rec_process rec = {
		.pid = m->pid,
		.space = m->space,
		.umask = umask,
		.personality = leader->personality,
		.no_new_privs = task_no_new_privs(leader),
		.child_subreaper = leader->signal->is_child_subreaper,
		.oom_score_adj = (s64)leader->signal->oom_score_adj,
		.nr_threads = m->group->nr_threads,
		.tty = m->tty,
		.stopped = wppk_stop_is_pending(m) ? SIGSTOP : 0,
	};

	read_ids(leader, &rec);
	read_memory(m->mm, &rec);
	WPPK_REC(m, PROCESS, 0, &rec, comm, strlen(comm));
}

/* ---- What it stands in and on ---- */

/* The path without " (deleted)"; its length. */
static size_t base_len(const char *path, bool deleted)
{
	return strlen(path) - (deleted ? strlen(WPPK_DELETED) : 0);
}

static int record_exe(struct wppk_member *m)
{
	struct wpp_rec_exe rec;
	struct kstat st;
	struct file *exe;
	char *path;
	int err;

	/* All threads stand, so nobody exchanges it. */
	exe = rcu_dereference_protected(m->mm->exe_file, true);
	if (!exe)
		return -ESRCH;
	path = wppk_path(m, &exe->f_path);
	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(&exe->f_path, &st);
	if (err)
		return err;
	rec = (struct wpp_rec_exe){ wppk_dev(st.dev), st.ino, st.size, wppk_mtime_ns(&st) };
	WPPK_REC(m, EXE, 0, &rec, path, base_len(path, !st.nlink && wppk_is_deleted_name(path)));
	return 0;
}

static int record_cwd(struct wppk_member *m, const struct path *cwd)
{
	char *path = wppk_path(m, cwd);
	struct wpp_rec_cwd rec;
	struct kstat st;
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(cwd, &st);
	if (err)
		return err;
	if (path[0] != '/')
		wppk_refuse(&m->tree->notes, "cwd", "its working directory can't be reached: %s",
			    path);
	rec = (struct wpp_rec_cwd){ wppk_dev(st.dev), st.ino,
				    !st.nlink && wppk_is_deleted_name(path) };
	WPPK_REC(m, CWD, 0, &rec, path, base_len(path, rec.deleted));
	return 0;
}

static int record_root(struct wppk_member *m, const struct path *root)
{
	char *path = wppk_path(m, root);
	struct wpp_rec_root rec;
	struct kstat st;
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = wppk_stat(root, &st);
	if (err)
		return err;
	if (path[0] != '/')
		wppk_refuse(&m->tree->notes, "root", "its root directory can't be reached: %s",
			    path);
	rec = (struct wpp_rec_root){ wppk_dev(st.dev), st.ino };
	WPPK_REC(m, ROOT, 0, &rec, path, strlen(path));
	return 0;
}

static int process_collect(struct wppk_member *m)
{
	struct path cwd, root;
	u32 umask;
	int err;

	task_lock(m->leader);
	if (!m->leader->fs) {
		task_unlock(m->leader);
		return -ESRCH;
	}
	get_fs_pwd(m->leader->fs, &cwd);
	get_fs_root(m->leader->fs, &root);
	umask = m->leader->fs->umask;
	task_unlock(m->leader);
	record_process(m, umask);
	err = record_exe(m);
	if (!err)
		err = record_cwd(m, &cwd);
	if (!err)
		err = record_root(m, &root);
	path_put(&cwd);
	path_put(&root);
	return err;
}

const struct wppk_class wppk_class_process = {
	.inside = process_inside,
	.collect = process_collect,
};
