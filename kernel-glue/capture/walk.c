/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The truth at the trigger: which pages a parked process has, each with a reference.
 *
 * The references are taken as the kernel's fast get_user_pages() does it, for a huge page at once,
 * so that neither copy on write is broken nor a page faulted in that was not there. What is in
 * swap or is being migrated goes through get_user_pages_remote().
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "base/counts.h"
#include "capture/walk.h"

#define REFS_MAX  16384 /* 64 MiB of small pages between two settlements */
#define LEAFS_MAX 256	/* looked up with interrupts off at once */

struct walker {
	const struct wppk_walk *walk;
	const struct wppk_source *source;
	struct wppk_run run; /* not yet emitted */
	u32 nr_refs, nr_leafs;
	struct wppk_leaf leafs[LEAFS_MAX];
	struct page *refs[REFS_MAX];
};

/* ---- Runs and references ------------------------------------------------------------------- */

static int run_emit(struct walker *w)
{
	struct wppk_run run = w->run;

	w->run.nr = 0;
	return run.nr ? w->walk->emit(w->walk->arg, w->source, &run) : 0;
}

static void refs_put(struct walker *w)
{
	u32 i;

	for (i = 0; i < w->nr_refs; i++)
		put_page(w->refs[i]);
	atomic64_sub(w->nr_refs, &wppk_stats[WPPK_STAT_PAGES]);
	w->nr_refs = 0;
}

static int settle(struct walker *w)
{
	int err = run_emit(w);
	int settled = w->walk->settle(w->walk->arg);

	refs_put(w);
	cond_resched();
	return err ?: settled;
}

/* The caller holds a reference to @page, which is given to the walker. */
static void ref_keep(struct walker *w, struct page *page)
{
	w->refs[w->nr_refs++] = page;
	atomic64_inc(&wppk_stats[WPPK_STAT_PAGES]);
}

static int run_add(struct walker *w, u64 page, unsigned long pfn, u32 nr)
{
	struct wppk_run *run = &w->run;
	int err;

	if (run->nr && page == run->page + run->nr && pfn == run->pfn + run->nr &&
	    run->nr <= U32_MAX - nr) {
		run->nr += nr;
		return 0;
	}
	err = run_emit(w);
	*run = (struct wppk_run){ .page = page, .pfn = pfn, .nr = nr };
	return err;
}

/* ---- Private pages of an address space ------------------------------------------------------ */

/* A reference to an anonymous page, unless the entry changes meanwhile. Interrupts are off. */
static bool leaf_ref(struct walker *w, const struct wppk_leaf *leaf)
{
	struct page *page = compound_head(pfn_to_page(leaf->pfn));

	if (!get_page_unless_zero(page))
		return false;
	if (READ_ONCE(*leaf->slot) != leaf->raw) {
		w->refs[w->nr_refs++] =
			page; /* given back with the others: not with interrupts off */
		atomic64_inc(&wppk_stats[WPPK_STAT_PAGES]);
		return false;
	}
	ref_keep(w, page);
	return true;
}

/* Entries from @va on that are pages of the process' own; ends behind one that is not there. */
static unsigned long leafs_get(struct walker *w, unsigned long va, unsigned long end)
{
	unsigned long flags;

	w->nr_leafs = 0;
	local_irq_save(flags);
	while (va < end && w->nr_leafs < LEAFS_MAX && w->nr_refs < REFS_MAX) {
		struct wppk_leaf *leaf = &w->leafs[w->nr_leafs];

		wppk_leaf_get(w->source->mm, va, leaf);
		if (wppk_leaf_anon(leaf)) {
			if (!leaf_ref(w, leaf))
				leaf->kind = WPPK_LEAF_ABSENT;
			w->nr_leafs++;
		} else if (leaf->kind == WPPK_LEAF_ABSENT) {
			w->nr_leafs++;
		}
		if (leaf->kind == WPPK_LEAF_ABSENT)
			break;
		va = leaf->va + leaf->size;
	}
	local_irq_restore(flags);
	return va;
}

/* One page that is in swap or on its way. -EHWPOISON and others: its bytes are lost. */
static int page_bring_in(struct walker *w, unsigned long va)
{
	struct page *page;
	long got;

	got = get_user_pages_remote(w->source->mm, va, 1, FOLL_FORCE, &page,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
				    NULL,
#endif
				    NULL);
	if (got < 1)
		return got ? (int)got : -EFAULT;
	ref_keep(w, page);
	return PageAnon(page) ? run_add(w, va >> PAGE_SHIFT, page_to_pfn(page), 1) : 0;
}

static int leafs_emit(struct walker *w, unsigned long start, unsigned long end)
{
	u32 i;
	int err;

	for (i = 0; i < w->nr_leafs; i++) {
		const struct wppk_leaf *leaf = &w->leafs[i];
		unsigned long from = max(leaf->va, start);
		unsigned long to = min(leaf->va + leaf->size, end);

		if (leaf->kind != WPPK_LEAF_PAGE)
			continue;
		err = run_add(w, from >> PAGE_SHIFT, leaf->pfn + ((from - leaf->va) >> PAGE_SHIFT),
			      (to - from) >> PAGE_SHIFT);
		if (err)
			return err;
	}
	return 0;
}

static int range_walk(struct walker *w, unsigned long va, unsigned long end)
{
	unsigned long next;
	int err;

	while (va < end) {
		if (w->nr_refs == REFS_MAX) {
			err = settle(w);
			if (err)
				return err;
		}
		next = leafs_get(w, va, end);
		err = leafs_emit(w, va, end);
		if (!err && w->nr_leafs && w->leafs[w->nr_leafs - 1].kind == WPPK_LEAF_ABSENT &&
		    w->nr_refs < REFS_MAX) {
			err = page_bring_in(w, next);
			next += PAGE_SIZE;
		}
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		va = next;
	}
	return 0;
}

static int mm_walk(struct walker *w)
{
	const unsigned long foreign = VM_SHARED | VM_IO | VM_PFNMAP;
	struct vm_area_struct *vma;
	VMA_ITERATOR(iter, w->source->mm, 0);
	int err = 0;

	mmap_read_lock(w->source->mm);
	for_each_vma(iter, vma) {
		if (vma->vm_flags & foreign || (!vma->anon_vma && !is_vm_hugetlb_page(vma)))
			continue;
		err = range_walk(w, vma->vm_start, vma->vm_end);
		if (err)
			break;
	}
	mmap_read_unlock(w->source->mm);
	return err;
}

/* ---- Memory objects ------------------------------------------------------------------------ */

/* The page at @index and those behind it in the same folio. */
static int shmem_page(struct walker *w, struct address_space *mapping, unsigned long index,
		      unsigned long *nr)
{
	struct page *page = shmem_read_mapping_page(mapping, index);
	struct folio *folio;
	unsigned long skip;

	if (IS_ERR(page))
		return PTR_ERR(page);
	ref_keep(w, page);
	folio = page_folio(page);
	skip = index - folio->index;
	*nr = skip < folio_nr_pages(folio) ? min(*nr, folio_nr_pages(folio) - skip) : 1;
	return run_add(w, index, page_to_pfn(page), *nr);
}

/* The page cache holds the only copy; what is in neither cache nor swap is a hole. */
static int shmem_walk(struct walker *w, struct address_space *mapping, unsigned long end)
{
	unsigned long index = 0, nr;
	int err;

	for (; index < end; index += nr) {
		if (!xa_find(&mapping->i_pages, &index, end - 1, XA_PRESENT))
			break;
		nr = end - index;
		err = shmem_page(w, mapping, index, &nr);
		if (!err && w->nr_refs == REFS_MAX)
			err = settle(w);
		if (err)
			return err;
	}
	return 0;
}

/* A deleted file of a disk: all of it, but for zeros. */
static int disk_walk(struct walker *w, struct file *file, unsigned long nr)
{
	unsigned long index;
	struct page *page;
	bool zero;
	int err = 0;

	for (index = 0; index < nr && !err; index++) {
		page = read_mapping_page(file->f_mapping, index, file);
		if (IS_ERR(page))
			return PTR_ERR(page);
		ref_keep(w, page);
		zero = !memchr_inv(page_address(page), 0, PAGE_SIZE);
		err = zero ? 0 : run_add(w, index, page_to_pfn(page), 1);
		if (!err && w->nr_refs == REFS_MAX)
			err = settle(w);
	}
	return err;
}

static int file_walk(struct walker *w)
{
	struct file *file = w->source->file;
	struct inode *inode = file_inode(file);
	unsigned long nr = DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);

	if (inode->i_sb->s_magic == HUGETLBFS_MAGIC)
		return -EOPNOTSUPP;
	if (!nr)
		return 0;
	if (inode->i_sb->s_magic == TMPFS_MAGIC)
		return shmem_walk(w, file->f_mapping, nr);
	return disk_walk(w, file, nr);
}

int wppk_walk(const struct wppk_tree *tree, const struct wppk_walk *walk)
{
	struct walker *w = kvmalloc(sizeof(*w), GFP_KERNEL);
	int err = 0, settled;

	if (!w)
		return -ENOMEM;
	w->walk = walk;
	w->run.nr = 0;
	w->nr_refs = 0;
	list_for_each_entry(w->source, &tree->sources, node) {
		err = w->source->kind == WPPK_SOURCE_MM ? mm_walk(w) : file_walk(w);
		if (!err)
			err = run_emit(w);
		if (err)
			break;
	}
	w->run.nr = 0;
	settled = settle(w);
	kvfree(w);
	return err ?: settled;
}
