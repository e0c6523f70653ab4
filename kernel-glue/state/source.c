/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "state/kmember.h"
#include "state/source.h"

static int source_add(struct wppk_tree *tree, const struct wppk_source *like, u32 *space)
{
	struct wppk_source *source = kmalloc(sizeof(*source), GFP_KERNEL);

	if (!source)
		return -ENOMEM;
	*source = *like;
	source->space = wppr_ids_space(&tree->ids);
	if (!source->space) {
		kfree(source);
		return -EOVERFLOW;
	}
	if (source->file)
		get_file(source->file);
	list_add_tail(&source->node, &tree->sources);
	*space = source->space;
	return 0;
}

int wppk_source_add_mm(struct wppk_tree *tree, struct wppk_proc *proc, struct mm_struct *mm,
		       u32 *space)
{
	const struct wppk_source source = { .kind = WPPK_SOURCE_MM, .proc = proc, .mm = mm };

	return source_add(tree, &source, space);
}

int wppk_source_add_file(struct wppk_tree *tree, struct file *file, u32 *space)
{
	const struct wppk_source source = { .kind = WPPK_SOURCE_FILE, .file = file };

	return source_add(tree, &source, space);
}

void wppk_sources_free(struct wppk_tree *tree)
{
	struct wppk_source *source, *next;

	list_for_each_entry_safe(source, next, &tree->sources, node) {
		if (source->file)
			fput(source->file);
		kfree(source);
	}
}
