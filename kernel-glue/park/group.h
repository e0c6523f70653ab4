/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The threads of a process, stopped. Each sleeps, killable, in its own task work.
 */
#ifndef WPPK_GROUP_H
#define WPPK_GROUP_H

#include <linux/cred.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/wait.h>

#include <wpp/pcb.h>

#include "arch/arch.h"
#include "base/knotes.h"
#include "park/pending.h"

struct wppk_job;

enum wppk_thread_state {
	WPPK_COMING = 0,
	WPPK_STANDING,
	WPPK_LEFT, /* runs on, or is about to exit */
};

struct wppk_thread {
	struct list_head node; /* in group->threads */
	struct callback_head work;
	struct wppk_group *group;
	struct task_struct *task; /* a reference */
	wait_queue_head_t wake;
	enum wppk_thread_state state; /* group->lock */
	struct wppk_job *job;	      /* group->lock */
	pid_t tid;
	bool boosted;
	int err;		    /* of what it did for itself */
	const struct cred *cred;    /* a reference */
	struct wpp_rec_sched sched; /* before it was boosted */
	struct wpp_rec_thread rec;
	struct wppk_pending pending;
	struct wppk_regs regs; /* of the image, with system call restart worked in */
	char comm[TASK_COMM_LEN];
	u32 xsave_len;
	u8 xsave[] __aligned(64);
};

/* All threads of a process; lives until the last one has left. */
struct wppk_group {
	struct kref ref;
	struct mm_struct *mm;	  /* for comparison only */
	struct list_head threads; /* the leader first */
	u32 nr_threads;
	atomic_t nr_coming;
	wait_queue_head_t arrived;
	spinlock_t lock;
	bool released;
};

/* Stops all threads of @leader. 0, or an error and none is left stopped. */
int wppk_group_stop(struct task_struct *leader, struct mm_struct *mm, struct wppk_notes *notes,
		    struct wppk_group **out);
/* All threads run on, or die when they have to. Gives up the reference. */
void wppk_group_release(struct wppk_group *group);
/* The leader runs @run in its own context. What that returned, or -ESRCH when it was killed. */
int wppk_group_run(struct wppk_group *group, int (*run)(void *arg), void *arg);

#define wppk_for_each(t, group) list_for_each_entry(t, &(group)->threads, node)

static inline struct wppk_thread *wppk_leader(const struct wppk_group *group)
{
	return list_first_entry(&group->threads, struct wppk_thread, node);
}

#endif
