/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory whose bytes no disk keeps: memfd, shared memory, files without a name. */
#ifndef WPPK_KMEMOBJ_H
#define WPPK_KMEMOBJ_H

#include "state/kmember.h"

/* Of a tree: members may share it. */
struct wppk_memobj {
	struct list_head node;
	u32 id;
	u32 kind;
	u32 space;
	u64 dev, ino;
	struct file *file; /* a reference */
	char *name;
};

/* The memory object of a file, added when it is new; ERR_PTR. Name: without WPPK_DELETED. */
struct wppk_memobj *wppk_memobj_get(struct wppk_tree *tree, u32 kind, struct file *file,
				    const char *name, size_t name_len);
void wppk_memobj_records(struct wppk_tree *tree);
void wppk_memobjs_free(struct wppk_tree *tree);

#endif
