/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One save of one image: a tree of processes whose threads all stand still, and what was learnt of
 * them.
 */
#ifndef WPPK_KTREE_H
#define WPPK_KTREE_H

#include "state/kmember.h"
#include "state/source.h"

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
