/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The address space: what kind of memory each mapping is, and the kernel's
 * notes about it. Mappings are copied under the lock of the address space and
 * looked at without it: files are looked up, which takes locks that come before.
 */
#include <linux/elf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "arch/arch.h"
#include "base/ksync.h"
#include "record/build_id.h"
#include "record/refuse.h"
#include "state/kmemobj.h"
#include "state/kstate.h"

#define NAME_LEN  32
#define VMA_SPARE 16

struct vma {
	u64 start, end, off;
	unsigned long vm_flags;
	struct file *file; /* a reference */
	char name[NAME_LEN];
	u32 kind;
	u32 use;
	u32 object;
	u64 dev, ino, size, mtime_ns; /* as stat() tells */
};

struct wppk_vmas {
	u32 nr, cap;
	struct vma v[];
};

/* ---- Copies ---- */

/* The name of a mapping without a file, as /proc/PID/maps shows it. */
static const char *name_of(struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;
	const char *name = NULL;

	if (vma->vm_ops && vma->vm_ops->name)
		name = vma->vm_ops->name(vma);
	if (name)
		return name;
	if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return "";
}

static void take_vma(struct vma *v, struct vm_area_struct *vma)
{
	v->start = vma->vm_start;
	v->end = vma->vm_end;
	v->vm_flags = vma->vm_flags;
	if (vma->vm_file) {
		v->file = get_file(vma->vm_file);
		v->off = (u64)vma->vm_pgoff << PAGE_SHIFT;
	} else {
		strscpy(v->name, name_of(vma), sizeof(v->name));
	}
}

/* 0; 1: there was not enough room. */
static int take_all(struct mm_struct *mm, struct wppk_vmas *l)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	int more = 0;

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (l->nr == l->cap) {
			more = 1;
			break;
		}
		take_vma(&l->v[l->nr++], vma);
	}
	mmap_read_unlock(mm);
	return more;
}

static void vmas_free(struct wppk_vmas *l)
{
	u32 i;

	for (i = 0; l && i < l->nr; i++) {
		if (l->v[i].file)
			fput(l->v[i].file);
	}
	kvfree(l);
}

static int vmas_read(struct wppk_member *m)
{
	struct mm_struct *mm = m->mm;
	u32 cap = mm->map_count + VMA_SPARE;

	for (;; cap *= 2) {
		struct wppk_vmas *l = kvzalloc(struct_size(l, v, cap), GFP_KERNEL);

		if (!l)
			return -ENOMEM;
		l->cap = cap;
		if (!take_all(mm, l)) {
			m->vmas = l;
			return 0;
		}
		vmas_free(l);
	}
}

/* ---- What is refused ---- */

#ifndef VM_SHADOW_STACK
#define VM_SHADOW_STACK VM_NONE
#endif

static u32 traits_of(const struct vma *v)
{
	return (v->vm_flags & VM_HUGETLB ? WPPR_HUGETLB : 0) |
	       (v->vm_flags & (VM_PFNMAP | VM_IO) ? WPPR_DEVICE : 0) |
	       (v->vm_flags & VM_SHADOW_STACK ? WPPR_SHADOW_STACK : 0) |
	       (v->vm_flags & __VM_UFFD_FLAGS ? WPPR_USERFAULT : 0);
}

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static void refuse_vma(struct wppk_member *m, const struct vma *v, const char *path,
		       const char *name, const char *what)
{
	wppk_refuse(&m->tree->notes, name, "the mapping %llx-%llx (%s) is %s", v->start, v->end,
		    *path ? path : "anonymous", what);
}

static void check_vma(struct wppk_member *m, const struct vma *v, const char *path)
{
	const struct wppr_refusal *r;

	if (has_prefix(v->name, "[v")) /* vdso and vvar: the kernel's */
		return;
	r = wppr_refuse_mapping(path, traits_of(v));
	if (r)
		refuse_vma(m, v, path, r->name, r->what);
}

/* ---- What a mapping is ---- */

static bool is_shared(const struct vma *v)
{
	return v->vm_flags & VM_MAYSHARE;
}

static bool is_memory_fs(const struct file *file)
{
	unsigned long magic = file->f_path.mnt->mnt_sb->s_magic;

	return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC;
}

static u32 object_kind(const char *path, bool memory)
{
	if (has_prefix(path, "/memfd:"))
		return WPP_MEMOBJ_MEMFD;
	if (!strcmp(path, "/dev/zero" WPPK_DELETED))
		return WPP_MEMOBJ_SHANON;
	return memory ? WPP_MEMOBJ_SHMFS : WPP_MEMOBJ_DELETED;
}

static int make_object(struct wppk_member *m, struct vma *v, char *path)
{
	u32 kind = object_kind(path, is_memory_fs(v->file));
	struct wppk_memobj *o;

	if (wppk_is_deleted_name(path))
		path[strlen(path) - strlen(WPPK_DELETED)] = '\0';
	o = wppk_memobj_get(m->tree, kind, v->file, path, strlen(path));
	if (IS_ERR(o))
		return PTR_ERR(o);
	v->kind = WPP_REGION_MEMOBJ;
	v->object = o->id;
	return 0;
}

static int classify_file(struct wppk_member *m, struct vma *v, char *path)
{
	bool shared = is_shared(v);
	struct kstat st;
	int err = wppk_stat(&v->file->f_path, &st);

	if (err)
		return err;
	if (S_ISCHR(st.mode) && st.rdev == MKDEV(1, 5) && !shared) {
		v->kind = WPP_REGION_ANON; /* /dev/zero */
		path[0] = '\0';
		return 0;
	}
	if (!S_ISREG(st.mode)) {
		refuse_vma(m, v, path, "device-memory", "not of a regular file");
		return 0;
	}
	v->dev = wppk_dev(st.dev);
	v->ino = st.ino;
	v->size = st.size;
	v->mtime_ns = wppk_mtime_ns(&st);
	if (!st.nlink || !wppk_is_named(path, &st, true) || (is_memory_fs(v->file) && shared))
		return make_object(m, v, path);
	v->kind = shared ? WPP_REGION_SHFILE : WPP_REGION_FILE;
	return 0;
}

/* Segments of one program or library follow each other: no need to look twice. */
static bool classify_like(struct vma *v, const struct vma *before)
{
	if (!before || before->file != v->file || before->kind != WPP_REGION_FILE || is_shared(v))
		return false;
	v->dev = before->dev;
	v->ino = before->ino;
	v->size = before->size;
	v->mtime_ns = before->mtime_ns;
	v->kind = before->kind;
	return true;
}

static int classify(struct wppk_member *m, struct vma *v, const struct vma *before, char *path)
{
	if (has_prefix(v->name, "[v"))
		v->kind = WPP_REGION_SPECIAL;
	else if (!v->file)
		v->kind = WPP_REGION_ANON;
	else if (!classify_like(v, before))
		return classify_file(m, v, path);
	return 0;
}

/* ---- Records of regions ---- */

static const struct {
	unsigned long vm_flag;
	u64 advice;
} advices[] = {
	{ VM_LOCKED, WPP_ADVICE_LOCKED },	{ VM_LOCKONFAULT, WPP_ADVICE_LOCKONFAULT },
	{ VM_DONTCOPY, WPP_ADVICE_DONTFORK },	{ VM_WIPEONFORK, WPP_ADVICE_WIPEONFORK },
	{ VM_DONTDUMP, WPP_ADVICE_DONTDUMP },	{ VM_MERGEABLE, WPP_ADVICE_MERGEABLE },
	{ VM_HUGEPAGE, WPP_ADVICE_HUGEPAGE },	{ VM_NOHUGEPAGE, WPP_ADVICE_NOHUGEPAGE },
	{ VM_SEQ_READ, WPP_ADVICE_SEQUENTIAL }, { VM_RAND_READ, WPP_ADVICE_RANDOM },
#ifdef VM_SEALED
	{ VM_SEALED, WPP_ADVICE_SEALED },
#endif
	{ VM_MAYWRITE, WPP_ADVICE_MAYWRITE },
};

static u64 advice_of(const struct vma *v)
{
	u64 advice = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		if (v->vm_flags & advices[i].vm_flag)
			advice |= advices[i].advice;
	}
	return advice;
}

static u64 flags_of(const struct vma *v)
{
	return (is_shared(v) ? MAP_SHARED : MAP_PRIVATE) |
	       (v->vm_flags & VM_GROWSDOWN ? MAP_GROWSDOWN : 0) |
	       (v->vm_flags & VM_NORESERVE ? MAP_NORESERVE : 0) |
	       (v->kind == WPP_REGION_ANON ? MAP_ANONYMOUS : 0);
}

static u64 use_of(const struct vma *v)
{
	if (!strcmp(v->name, "[heap]"))
		return WPP_USE_HEAP;
	return strcmp(v->name, "[stack]") ? WPP_USE_NONE : WPP_USE_STACK;
}

static void record_region(struct wppk_member *m, const struct vma *v, const char *path)
{
	struct wpp_rec_region rec = {
		.start = v->start,
		.len = v->end - v->start,
		.prot = (v->vm_flags & VM_READ ? PROT_READ : 0) |
			(v->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			(v->vm_flags & VM_EXEC ? PROT_EXEC : 0),
		.flags = flags_of(v),
		.kind = v->kind,
		.file_off = v->off,
		.advice = advice_of(v),
		.aux = use_of(v),
	};

	if (v->kind == WPP_REGION_MEMOBJ) {
		rec.object = v->object;
		rec.object_off = v->off;
	} else if (v->kind == WPP_REGION_FILE || v->kind == WPP_REGION_SHFILE) {
		rec.dev = v->dev;
		rec.ino = v->ino;
		rec.size = v->size;
		rec.mtime_ns = v->mtime_ns;
	}
	WPPK_REC_MEMORY(m, REGION, v->start, &rec, path, strlen(path));
}

static int collect_vma(struct wppk_member *m, struct vma *v, const struct vma *before)
{
	char *path = v->name;
	int err;

	if (v->file)
		path = wppk_path(m, &v->file->f_path);
	if (IS_ERR(path))
		return PTR_ERR(path);
	check_vma(m, v, path);
	err = classify(m, v, before, path);
	if (!err)
		record_region(m, v, path);
	return err;
}

/* ---- Records of the whole ---- */

static void record_vdso(struct wppk_member *m)
{
	size_t len = 0;
	const void *image = wppk_arch_vdso(m->mm, &len);
	struct wpp_rec_vdso rec = { 0 };
	const u8 *id = NULL;
	u32 i, id_len;

	for (i = 0; i < m->vmas->nr; i++) {
		const struct vma *v = &m->vmas->v[i];

		if (!strcmp(v->name, "[vdso]")) {
			rec.vdso = v->start;
			rec.vdso_len = v->end - v->start;
		} else if (has_prefix(v->name, "[vvar")) {
			rec.vvar = rec.vvar ? rec.vvar : v->start;
			rec.vvar_len = v->end - rec.vvar;
		}
	}
	if (!rec.vdso || !image)
		return;
	id_len = wppr_build_id(image, len, &id);
	WPPK_REC(m, VDSO, 0, &rec, id, id_len);
}

static void record_mm(struct wppk_member *m)
{
	struct mm_struct *mm = m->mm;
	struct wpp_rec_mm rec;
	u32 nr = 0;

	spin_lock(&mm->arg_lock);
	rec = (struct wpp_rec_mm){
		.start_code = mm->start_code,
		.end_code = mm->end_code,
		.start_data = mm->start_data,
		.end_data = mm->end_data,
		.start_brk = mm->start_brk,
		.brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
	};
	spin_unlock(&mm->arg_lock);
	while (nr < AT_VECTOR_SIZE - 1 && mm->saved_auxv[nr])
		nr += 2;
	nr = min(nr + 2, (u32)AT_VECTOR_SIZE);
	WPPK_REC(m, MM, 0, &rec, mm->saved_auxv, nr * sizeof(long));
}

/* ---- The class ---- */

static int memory_collect(struct wppk_member *m)
{
	struct wppk_vmas *l = m->vmas;
	int err = 0;
	u32 i;

	record_mm(m);
	record_vdso(m);
	for (i = 0; !err && i < l->nr; i++)
		err = collect_vma(m, &l->v[i], i ? &l->v[i - 1] : NULL);
	return err;
}

static void memory_done(struct wppk_member *m)
{
	vmas_free(m->vmas);
}

/* What the process wrote through shared mappings becomes durable. */
int wppk_sync_mappings(struct wppk_member *m)
{
	int err = vmas_read(m);
	u32 i;

	for (i = 0; !err && i < m->vmas->nr; i++) {
		const struct vma *v = &m->vmas->v[i];

		if (v->file && is_shared(v))
			err = wppk_sync_file(&m->tree->notes, v->file);
	}
	return err;
}

const struct wppk_class wppk_class_memory = {
	.collect = memory_collect,
	.done = memory_done,
};
