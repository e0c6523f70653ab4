/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tracked processes: the list of them and who is on it. */
#ifndef WPPK_PROC_H
#define WPPK_PROC_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include <wpp/module.h>

/* Held while processes begin or end to be tracked, the medium changes, or one is persisted. */
extern struct mutex wppk_lock;

struct wppk_counts {
	atomic64_t ptes_added, ptes_removed; /* eager mode: events */
	atomic64_t invalidations;	     /* ranges that the notifier saw */
	atomic64_t persists;
	atomic64_t drift; /* entries of eager mode that the last walk had to correct */
};

struct wppk_events; /* eager mode's batches and tables */

struct wppk_proc {
	struct list_head node; /* RCU; changed under wppk_lock */
	struct kref ref;
	struct rcu_head rcu;
	struct pid *pid;      /* of the thread group */
	struct mm_struct *mm; /* mmgrab()bed; NULL while it has none of its own (vfork, exit) */
	struct mmu_notifier notifier;
	struct wppk_events *events; /* NULL: truth by the walk only */
	struct proc_dir_entry *status;
	struct wppk_counts counts;
	u64 generation; /* the last one that was committed */
	u32 flags;	/* WPP_KO_TRACK_* */
	u32 batch;
	char image[WPP_KO_IMAGE_LEN];
};

/* Changed by tracking.c only. */
extern struct list_head wppk_proc_list;

struct wppk_proc *wppk_proc_alloc(struct pid *pid, u32 flags, u32 batch, const char *image);
void wppk_proc_put(struct wppk_proc *proc);

/* With wppk_lock held. No reference; NULL. */
struct wppk_proc *wppk_proc_find(struct pid *pid);
bool wppk_proc_has_image(const char *image);

/* Under RCU. */
struct wppk_proc *wppk_proc_of_mm(const struct mm_struct *mm);
struct wppk_proc *wppk_proc_of_task(struct task_struct *task);

u32 wppk_nr_tracked(void);
bool wppk_tracks(struct task_struct *task);

/* Of any thread that has one, mmget()ed; NULL. */
struct mm_struct *wppk_proc_mm(const struct wppk_proc *proc, bool *alive);

#endif
