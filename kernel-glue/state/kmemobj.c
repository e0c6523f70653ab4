/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory objects: bytes that several mappings and descriptors share, and no
 * disk keeps. Each is a source of pages.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "state/source.h"
#include "state/kmemobj.h"

static struct wppk_memobj *memobj_find(struct wppk_tree *tree, const struct kstat *st)
{
	struct wppk_memobj *o;

	list_for_each_entry(o, &tree->objs, node) {
		if (o->dev == wppk_dev(st->dev) && o->ino == st->ino)
			return o;
	}
	return NULL;
}

static struct wppk_memobj *memobj_add(struct wppk_tree *tree, u32 kind, struct file *file,
				      const struct kstat *st, char *name)
{
	struct wppk_memobj *o = kzalloc(sizeof(*o), GFP_KERNEL);

	int err = -ENOMEM;

	if (!o || !name)
		goto fail;
	o->id = wppr_ids_object(&tree->ids);
	o->kind = kind;
	o->dev = wppk_dev(st->dev);
	o->ino = st->ino;
	o->file = file;
	o->name = name;
	err = o->id ? wppk_source_add_file(tree, file, &o->space) : -EOVERFLOW;
	if (err)
		goto fail;
	get_file(file);
	list_add_tail(&o->node, &tree->objs);
	return o;
fail:
	kfree(o);
	kfree(name);
	return ERR_PTR(err);
}

struct wppk_memobj *wppk_memobj_get(struct wppk_tree *tree, u32 kind, struct file *file,
				    const char *name, size_t name_len)
{
	struct wppk_memobj *o;
	struct kstat st;
	int err = wppk_stat(&file->f_path, &st);

	if (err)
		return ERR_PTR(err);
	o = memobj_find(tree, &st);
	return o ? o : memobj_add(tree, kind, file, &st, kstrndup(name, name_len, GFP_KERNEL));
}

static u64 seals_of(const struct file *file)
{
	struct inode *inode = file_inode(file);

	if (inode->i_sb->s_magic != TMPFS_MAGIC || !S_ISREG(inode->i_mode))
		return 0;
	return SHMEM_I(inode)->seals;
}

static void memobj_record(struct wppk_tree *tree, const struct wppk_memobj *o)
{
	struct wpp_rec_memobj rec = {
		.kind = o->kind,
		.space = o->space,
		.dev = o->dev,
		.ino = o->ino,
		.seals = seals_of(o->file),
	};
	struct kstat st;

	if (!wppk_stat(&o->file->f_path, &st)) {
		rec.size = st.size;
		rec.mode = st.mode;
		rec.uid = from_kuid_munged(&init_user_ns, st.uid);
		rec.gid = from_kgid_munged(&init_user_ns, st.gid);
		rec.nlink = st.nlink;
	}
	WPPK_BUF_REC(&tree->pcb, MEMOBJ, 0, o->id, &rec, o->name, strlen(o->name));
}

void wppk_memobj_records(struct wppk_tree *tree)
{
	const struct wppk_memobj *o;

	list_for_each_entry(o, &tree->objs, node)
		memobj_record(tree, o);
}

void wppk_memobjs_free(struct wppk_tree *tree)
{
	struct wppk_memobj *o, *next;

	list_for_each_entry_safe(o, next, &tree->objs, node) {
		fput(o->file);
		kfree(o->name);
		kfree(o);
	}
}
