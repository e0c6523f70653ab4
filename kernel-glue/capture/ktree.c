/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A tree from its first member to its release: check, stop all threads, make files durable, make
 * the records. Members come in the order in which they were added, and the order of the records of
 * each is that of user space.
 */
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "files/kfiles.h"
#include "capture/ktree.h"
#include "park/kcheck.h"
#include "state/kmemobj.h"
#include "state/kstate.h"
#include "track/proc.h"

/* Memory comes last: descriptors may add memory objects of their own. */
static const struct wppk_class *const classes[] = {
	&wppk_class_machine, &wppk_class_process, &wppk_class_threads, &wppk_class_signals,
	&wppk_class_timers,  &wppk_class_limits,  &wppk_class_creds,   &wppk_class_sched,
	&wppk_class_files,   &wppk_class_memory,
};

/* ---- Members ---- */

/* What is of the process, files above all. */
static void member_let_go(struct wppk_member *m)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->done)
			classes[i]->done(m);
	}
}

static void member_free(struct wppk_member *m)
{
	if (m->mm)
		mmput(m->mm);
	if (m->leader)
		put_task_struct(m->leader);
	wppk_proc_put(m->proc);
	kvfree(m);
}

static struct wppk_member *member_new(struct wppk_tree *tree, struct wppk_proc *proc)
{
	struct wppk_member *m = kvzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	m->tree = tree;
	kref_get(&proc->ref);
	m->proc = proc;
	m->leader = get_pid_task(proc->pid, PIDTYPE_TGID);
	if (m->leader) {
		m->pid = task_pid_nr(m->leader);
		m->mm = get_task_mm(m->leader);
	}
	return m;
}

static int tree_refused(const struct wppk_tree *tree)
{
	return tree->notes.refused ? -EREMOTEIO : 0;
}

static int member_stop(struct wppk_member *m)
{
	u64 start = ktime_get_ns();
	int err;

	if (!m->leader)
		return -ESRCH;
	wppk_check_process(m->leader, &m->tree->notes);
	err = tree_refused(m->tree);
	if (!err && !m->mm)
		err = -ESRCH;
	if (!err)
		err = wppk_group_stop(m->leader, m->mm, &m->tree->notes, &m->group);
	if (err)
		return err;
	m->tree->park_ns += ktime_get_ns() - start;
	m->tree->nr_threads += m->group->nr_threads;
	return 0;
}

/* ---- Records of a member ---- */

static int run_inside(void *arg)
{
	struct wppk_member *m = arg;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->inside)
			err = classes[i]->inside(m);
	}
	return err;
}

static int sync_files(struct wppk_member *m)
{
	int err = wppk_sync_mappings(m);

	return err ? err : wppk_sync_descriptors(m);
}

static int run_collect(struct wppk_member *m)
{
	int err = 0;
	u32 i;

	for (i = 0; !err && i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->collect)
			err = classes[i]->collect(m);
	}
	return err;
}

static int member_capture(struct wppk_member *m)
{
	int err = wppk_source_add_mm(m->tree, m->proc, m->mm, &m->space);

	if (err)
		return err;
	wppk_check_threads(m->leader, &m->tree->notes);
	err = tree_refused(m->tree);
	if (!err)
		err = wppk_group_run(m->group, run_inside, m);
	if (!err)
		err = sync_files(m);
	if (!err)
		err = run_collect(m);
	return err ? err : tree_refused(m->tree);
}

/* ---- The tree ---- */

struct wppk_tree *wppk_tree_new(void)
{
	struct wppk_tree *tree = kvzalloc(sizeof(*tree), GFP_KERNEL);

	if (!tree)
		return NULL;
	INIT_LIST_HEAD(&tree->members);
	INIT_LIST_HEAD(&tree->sources);
	INIT_LIST_HEAD(&tree->objs);
	return tree;
}

int wppk_tree_add(struct wppk_tree *tree, struct wppk_proc *proc)
{
	struct wppk_member *m = member_new(tree, proc);
	int err;

	if (!m)
		return -ENOMEM;
	err = member_stop(m);
	if (err)
		member_free(m);
	else
		list_add_tail(&m->node, &tree->members);
	return err;
}

int wppk_tree_capture(struct wppk_tree *tree)
{
	struct wppk_member *m;
	int err;

	list_for_each_entry(m, &tree->members, node) {
		err = member_capture(m);
		if (err)
			return err;
	}
	wppk_memobj_records(tree);
	return tree->pcb.err ? tree->pcb.err : tree->regions.err;
}

static void tree_let_go(struct wppk_tree *tree)
{
	struct wppk_member *m;

	list_for_each_entry(m, &tree->members, node)
		member_let_go(m);
	wppk_memobjs_free(tree);
	wppk_sources_free(tree);
	if (current->flags & PF_KTHREAD)
		flush_delayed_fput();
}

static void members_release(struct wppk_tree *tree, bool kill)
{
	struct wppk_member *m;

	list_for_each_entry(m, &tree->members, node) {
		if (kill)
			kill_pid(m->proc->pid, SIGKILL, 1);
		wppk_group_release(m->group);
	}
}

void wppk_tree_release(struct wppk_tree *tree, bool kill)
{
	struct wppk_member *m, *next;

	/*
	 * A process that ends closes its files by itself: locks and ports are free then. With
	 * SIGKILL pending, no thread comes back to its own code.
	 */
	if (kill) {
		tree_let_go(tree);
		members_release(tree, true);
	} else {
		members_release(tree, false);
		tree_let_go(tree);
	}
	list_for_each_entry_safe(m, next, &tree->members, node)
		member_free(m);
	wppk_buf_free(&tree->pcb);
	wppk_buf_free(&tree->regions);
	kvfree(tree);
}
