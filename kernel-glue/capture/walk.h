/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The pages of a tree that stands still. */
#ifndef WPPK_WALK_H
#define WPPK_WALK_H

#include "capture/ktree.h"
#include "track/pagetable.h"

/*
 * The truth at the trigger: pages of all sources, in order, joined; a huge page is one run.
 * Swapped pages are brought in; zero pages, and private file pages that equal their file, are
 * left out. @emit may sleep; it returns 0 or an error that ends the walk. A reference is held to
 * every page that was emitted, so it may be moved by DMA, until @settle is called: when it
 * returns, all moves so far are done and the references are given back. @settle is called at the
 * end as well, behind an error of @emit too.
 */
struct wppk_walk {
	int (*emit)(void *arg, const struct wppk_source *source, const struct wppk_run *run);
	int (*settle)(void *arg);
	void *arg;
};

int wppk_walk(const struct wppk_tree *tree, const struct wppk_walk *walk);

#endif
