/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A tree of processes while it is saved, and one process of it. Members share what the tree gives
 * out: page spaces, ids, the two streams of records.
 *
 * Each class of state is one file. A thread does by
 * itself only what nobody else may: registers, its signal handling, its descriptor table; all else
 * is done by the caller, from whose root paths count.
 */
#ifndef WPPK_KMEMBER_H
#define WPPK_KMEMBER_H

#include <linux/dcache.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/sched.h>

#include "base/kbuf.h"
#include "base/knotes.h"
#include "base/kpath.h"
#include "park/group.h"
#include "record/ids.h"

struct wppk_proc;

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

struct wppk_member {
	struct list_head node; /* in tree->members */
	struct wppk_tree *tree;
	struct wppk_proc *proc;	    /* a reference */
	struct task_struct *leader; /* a reference */
	struct mm_struct *mm;	    /* mmget()ed */
	struct wppk_group *group;
	pid_t pid;
	u32 space; /* of its address space */
	u64 tty;   /* its terminal, as stat(2) tells; 0: none */
	/* Copied by the leader. */
	struct wppk_signals *signals;
	struct wppk_timers *timers;
	struct wppk_files *files;
	struct wppk_vmas *vmas;
	char path[PATH_MAX]; /* room to make paths in */
};

/*
 * A class of state. @inside runs in the leader's own context, then @collect in ours.
 * Each may be NULL. They return 0 or an error that ends the capture; refusals go to the tree's
 * notes.
 */
struct wppk_class {
	int (*inside)(struct wppk_member *m);
	int (*collect)(struct wppk_member *m);
	void (*done)(struct wppk_member *m);
};

/*
 * Append a record about the member, one of its threads, what the tree shares, or its memory; @x: a
 * struct wpp_rec_X.
 */
#define WPPK_REC(m, NAME, id, x, tail, tail_len) \
	WPPK_BUF_REC(&(m)->tree->pcb, NAME, (m)->pid, id, x, tail, tail_len)
#define WPPK_REC_THREAD(m, t, NAME, id, x, tail, tail_len) \
	WPPK_BUF_REC(&(m)->tree->pcb, NAME, (t)->tid, id, x, tail, tail_len)
#define WPPK_REC_SHARED(m, NAME, id, x, tail, tail_len) \
	WPPK_BUF_REC(&(m)->tree->pcb, NAME, 0, id, x, tail, tail_len)
#define WPPK_REC_MEMORY(m, NAME, id, x, tail, tail_len) \
	WPPK_BUF_REC(&(m)->tree->regions, NAME, (m)->pid, id, x, tail, tail_len)

/* d_path() from our root, into m->path; ERR_PTR. */
static inline char *wppk_path(struct wppk_member *m, const struct path *path)
{
	return d_path(path, m->path, sizeof(m->path));
}

#endif
