/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One process of a tree while it is captured. Each class of state is one file. A thread does by
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
#include "base/kpath.h"
#include "park/group.h"
#include "park/ktree.h"

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
