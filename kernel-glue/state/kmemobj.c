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

#include "park/kcapture.h"

static struct wppk_memobj *find(struct wppk_capture *c, const struct kstat *st)
{
	struct wppk_memobj *o;

	list_for_each_entry(o, &c->objs, node)
	{
		if (o->dev == wppk_dev(st->dev) && o->ino == st->ino)
			return o;
	}
	return NULL;
}

static int add_source(struct wppk_capture *c, const struct wppk_memobj *o)
{
	struct wppk_source *source = kzalloc(sizeof(*source), GFP_KERNEL);

	if (!source)
		return -ENOMEM;
	source->space = o->space;
	source->kind = WPPK_SOURCE_FILE;
	source->file = get_file(o->file);
	list_add_tail(&source->node, &c->parked.sources);
	return 0;
}

static struct wppk_memobj *add(struct wppk_capture *c, u32 kind, struct file *file,
			       const struct kstat *st, char *name)
{
	struct wppk_memobj *o = kzalloc(sizeof(*o), GFP_KERNEL);

	if (!o || !name)
		goto no_memory;
	o->id = c->nr_objs + 1;
	o->kind = kind;
	o->space = WPP_SPACE_FIRST + o->id;
	o->dev = wppk_dev(st->dev);
	o->ino = st->ino;
	o->file = file;
	o->name = name;
	if (add_source(c, o))
		goto no_memory;
	get_file(file);
	list_add_tail(&o->node, &c->objs);
	c->nr_objs++;
	return o;
no_memory:
	kfree(o);
	kfree(name);
	return ERR_PTR(-ENOMEM);
}

struct wppk_memobj *wppk_memobj_get(struct wppk_capture *c, u32 kind, struct file *file,
				    const char *name, size_t name_len)
{
	struct wppk_memobj *o;
	struct kstat st;
	int err = wppk_stat(&file->f_path, &st);

	if (err)
		return ERR_PTR(err);
	o = find(c, &st);
	return o ? o : add(c, kind, file, &st, kstrndup(name, name_len, GFP_KERNEL));
}

static u64 seals_of(const struct file *file)
{
	struct inode *inode = file_inode(file);

	if (inode->i_sb->s_magic != TMPFS_MAGIC || !S_ISREG(inode->i_mode))
		return 0;
	return SHMEM_I(inode)->seals;
}

static void record(struct wppk_capture *c, const struct wppk_memobj *o)
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
	WPPK_REC(wppk_pcb(c), MEMOBJ, 0, o->id, &rec, o->name, strlen(o->name));
}

void wppk_memobj_records(struct wppk_capture *c)
{
	const struct wppk_memobj *o;

	list_for_each_entry(o, &c->objs, node) record(c, o);
}

void wppk_memobjs_free(struct wppk_capture *c)
{
	struct wppk_memobj *o, *next;

	list_for_each_entry_safe(o, next, &c->objs, node)
	{
		fput(o->file);
		kfree(o->name);
		kfree(o);
	}
}
