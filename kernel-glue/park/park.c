/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wppk_park(): check, stop all threads, make files durable, collect. The order
 * of the records is that of user space.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "park/kcapture.h"

/* Memory comes last: descriptors may add memory objects of their own. */
static const struct wppk_class *const classes[] = {
	&wppk_class_machine, &wppk_class_process, &wppk_class_threads, &wppk_class_signals,
	&wppk_class_timers,  &wppk_class_limits,  &wppk_class_creds,   &wppk_class_sched,
	&wppk_class_files,   &wppk_class_memory,
};

/* ---- Beginning and end ---- */

static void sources_free(struct list_head *sources)
{
	struct wppk_source *source, *next;

	list_for_each_entry_safe(source, next, sources, node)
	{
		if (source->file)
			fput(source->file);
		kfree(source);
	}
}

/* What is of the process, files above all. */
static void capture_let_go(struct wppk_capture *c)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->done)
			classes[i]->done(c);
	}
	wppk_memobjs_free(c);
	sources_free(&c->parked.sources);
	if (current->flags & PF_KTHREAD)
		flush_delayed_fput();
}

static void capture_free(struct wppk_capture *c)
{
	wppk_buf_free(&c->parked.pcb);
	wppk_buf_free(&c->parked.regions);
	if (c->parked.mm)
		mmput(c->parked.mm);
	if (c->leader)
		put_task_struct(c->leader);
	if (c->parked.proc)
		wppk_proc_put(c->parked.proc);
	kfree(c->path);
	kfree(c);
}

static int capture_new(struct wppk_proc *proc, struct wppk_notes *notes, struct wppk_capture **out)
{
	struct wppk_capture *c = kzalloc(sizeof(*c), GFP_KERNEL);

	*out = c;
	if (!c)
		return -ENOMEM;
	INIT_LIST_HEAD(&c->parked.sources);
	INIT_LIST_HEAD(&c->objs);
	c->notes = notes;
	c->path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!c->path)
		return -ENOMEM;
	kref_get(&proc->ref);
	c->parked.proc = proc;
	c->leader = get_pid_task(proc->pid, PIDTYPE_TGID);
	if (!c->leader)
		return -ESRCH;
	c->pid = task_pid_nr(c->leader);
	c->parked.mm = get_task_mm(c->leader);
	return 0;
}

/* ---- Collect ---- */

static int refused(const struct wppk_capture *c)
{
	return c->notes->refused ? -EREMOTEIO : 0;
}

static int run_inside(struct wppk_capture *c)
{
	int err = 0;
	u32 i;

	for (i = 0; !err && i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->inside)
			err = classes[i]->inside(c);
	}
	return err;
}

int wppk_sync_file(struct wppk_capture *c, struct file *file)
{
	int err = vfs_fsync(file, 0);

	if (!err || err == -EINVAL || err == -EROFS)
		return 0;
	wppk_note(c->notes, "sync", "a file can't be made durable: error %d", err);
	return err;
}

static int sync_files(struct wppk_capture *c)
{
	int err = wppk_sync_mappings(c);

	return err ? err : wppk_sync_descriptors(c);
}

static int run_collect(struct wppk_capture *c)
{
	int err = 0;
	u32 i;

	for (i = 0; !err && i < ARRAY_SIZE(classes); i++) {
		if (classes[i]->collect)
			err = classes[i]->collect(c);
	}
	if (err)
		return err;
	wppk_memobj_records(c);
	return c->parked.pcb.err ? c->parked.pcb.err : c->parked.regions.err;
}

static int collect(struct wppk_capture *c)
{
	int err;

	wppk_check_threads(c->leader, c->notes);
	err = refused(c);
	if (!err)
		err = wppk_leader_run(c, run_inside);
	if (!err)
		err = sync_files(c);
	if (!err)
		err = run_collect(c);
	return err ? err : refused(c);
}

/* ---- Park ---- */

static int stop_threads(struct wppk_capture *c)
{
	u64 start = ktime_get_ns();
	int err = wppk_group_stop(c->leader, c->parked.mm, c->notes, &c->group);

	if (err)
		return err;
	c->parked.park_ns = ktime_get_ns() - start;
	c->parked.nr_threads = c->group->nr_threads;
	return 0;
}

static int park(struct wppk_capture *c)
{
	int err;

	wppk_check_process(c->leader, c->notes);
	err = refused(c);
	if (!err && !c->parked.mm)
		err = -ESRCH;
	if (!err)
		err = stop_threads(c);
	if (!err)
		err = collect(c);
	return err;
}

int wppk_park(struct wppk_proc *proc, struct wppk_notes *notes, struct wppk_parked **out)
{
	struct wppk_capture *c;
	int err = capture_new(proc, notes, &c);

	*out = NULL;
	if (!err)
		err = park(c);
	if (!err) {
		*out = &c->parked;
		return 0;
	}
	if (!c)
		return err;
	if (c->group)
		wppk_group_release(c->group);
	capture_let_go(c);
	capture_free(c);
	return err;
}

void wppk_unpark(struct wppk_parked *parked, bool kill)
{
	struct wppk_capture *c = container_of(parked, struct wppk_capture, parked);

	/*
	 * A process that ends closes its files by itself: locks and ports are free then. With
	 * SIGKILL pending, no thread comes back to its own code.
	 */
	if (kill) {
		capture_let_go(c);
		kill_pid(parked->proc->pid, SIGKILL, 1);
		wppk_group_release(c->group);
	} else {
		wppk_group_release(c->group);
		capture_let_go(c);
	}
	capture_free(c);
}
