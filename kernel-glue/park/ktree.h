/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One save of one image: a tree of processes whose threads all stand still, and what was learnt of
 * them. Its members share what the tree gives out: page spaces, ids, the two streams of records.
 */
#ifndef WPPK_KTREE_H
#define WPPK_KTREE_H

#include <linux/list.h>
#include <linux/types.h>

#include "base/kbuf.h"
#include "base/knotes.h"
#include "record/ids.h"

struct file;
struct mm_struct;
struct wppk_proc;

/* Where the pages of a space are. */
enum wppk_source_kind {
	WPPK_SOURCE_MM = 1,   /* private pages of the address space, index va >> 12 */
	WPPK_SOURCE_FILE = 2, /* page cache of a memory object (memfd, shm, deleted file) */
};

struct wppk_source {
	struct list_head node;
	u32 space; /* as the region and memobj records name it; from WPP_SPACE_FIRST */
	enum wppk_source_kind kind;
	struct wppk_proc *proc; /* of MM: whose it is; its member holds both */
	struct mm_struct *mm;
	struct file *file; /* of FILE: a reference */
};

struct wppk_tree {
	struct wppk_notes notes;
	struct wppr_ids ids;
	struct wppk_buf pcb, regions; /* the two record streams, complete after the capture */
	struct list_head members;     /* struct wppk_member, the root first */
	struct list_head sources;     /* in ascending order of space */
	struct list_head objs;	      /* struct wppk_memobj */
	u32 nr_threads;
	u64 park_ns; /* from the first task work to the last thread standing still, all members */
};

struct wppk_tree *wppk_tree_new(void);

/*
 * Stops all threads of a process, which sleep from then on, killable, in their own task work. On
 * any error they run on as if nothing had happened and it is no member. -EREMOTEIO: something can't
 * be carried, see the notes. -ESRCH: it has exited.
 * May sleep; not from the process itself (one that triggers itself: see kpersist.c).
 */
int wppk_tree_add(struct wppk_tree *tree, struct wppk_proc *proc);

/* Makes the records of all members. Errors as above; the members still stand. */
int wppk_tree_capture(struct wppk_tree *tree);

/*
 * All members run on; @kill: SIGKILL instead, behind which none can run any user code. Frees @tree.
 */
void wppk_tree_release(struct wppk_tree *tree, bool kill);

#endif
