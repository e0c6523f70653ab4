/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sources of pages. */
#ifndef WPPK_SOURCE_H
#define WPPK_SOURCE_H

#include "park/ktree.h"

/* Appended to the tree's with a page space of its own, which is *@space; -ENOMEM, -EOVERFLOW. */
int wppk_source_add_mm(struct wppk_tree *tree, struct wppk_proc *proc, struct mm_struct *mm,
		       u32 *space);
int wppk_source_add_file(struct wppk_tree *tree, struct file *file, u32 *space);
void wppk_sources_free(struct wppk_tree *tree);

#endif
