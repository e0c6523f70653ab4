/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the pages of a tree are. */
#ifndef WPPK_SOURCE_H
#define WPPK_SOURCE_H

#include <linux/list.h>
#include <linux/types.h>

struct file;
struct mm_struct;
struct wppk_proc;
struct wppk_tree;

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

/* Appended to the tree's with a page space of its own, which is *@space; -ENOMEM, -EOVERFLOW. */
int wppk_source_add_mm(struct wppk_tree *tree, struct wppk_proc *proc, struct mm_struct *mm,
		       u32 *space);
int wppk_source_add_file(struct wppk_tree *tree, struct file *file, u32 *space);
void wppk_sources_free(struct wppk_tree *tree);

#endif
