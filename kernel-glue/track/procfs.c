/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * /proc/wpp/PID shows what is known of a tracked process (thesis listing 5.2), /proc/wpp/stats
 * what the module holds: its lower half must be 0 when nothing is tracked.
 */
#include <linux/mm.h>
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>

#include "base/counts.h"
#include "track/events.h"
#include "track/pagetable.h"
#include "track/proc.h"
#include "track/procfs.h"

static struct proc_dir_entry *dir;

struct walk_counts {
	u64 pages, huge, absent;
};

static void range_count(struct mm_struct *mm, unsigned long va, unsigned long end,
			struct walk_counts *n)
{
	struct wppk_leaf leaf;

	for (; va < end; va = leaf.va + leaf.size) {
		local_irq_disable();
		wppk_leaf_get(mm, va, &leaf);
		if (wppk_leaf_anon(&leaf)) {
			n->pages += leaf.size >> PAGE_SHIFT;
			n->huge += leaf.size > PAGE_SIZE;
		}
		local_irq_enable();
		n->absent += leaf.kind == WPPK_LEAF_ABSENT;
		if (need_resched())
			cond_resched();
	}
}

static int mm_show(struct seq_file *m, struct mm_struct *mm)
{
	struct walk_counts n = { 0 };
	struct vm_area_struct *vma;
	VMA_ITERATOR(iter, mm, 0);

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for_each_vma(iter, vma) {
		if (vma->anon_vma && !(vma->vm_flags & (VM_SHARED | VM_IO | VM_PFNMAP)))
			range_count(mm, vma->vm_start, vma->vm_end, &n);
	}
	seq_printf(m, "regions: %d\n", mm->map_count);
	mmap_read_unlock(mm);
	seq_printf(m, "resident_pages: %lu\n", get_mm_rss(mm));
	seq_printf(m, "private_pages: %llu\n", n.pages);
	seq_printf(m, "huge_pages: %llu\n", n.huge);
	seq_printf(m, "absent_entries: %llu\n", n.absent);
	seq_printf(m, "swapped_pages: %lu\n", get_mm_counter(mm, MM_SWAPENTS));
	return 0;
}

static int proc_show(struct seq_file *m, void *unused)
{
	struct wppk_proc *proc = m->private;
	struct wppk_counts *n = &proc->counts;
	bool alive;
	struct mm_struct *mm = wppk_proc_mm(proc, &alive);
	int err = 0;

	seq_puts(m, "Process Persistence flag: true\n");
	seq_printf(m, "image: %s\n", proc->image);
	seq_printf(m, "inherited: %s\n", proc->flags & WPP_KO_TRACK_INHERIT ? "yes" : "no");
	seq_printf(m, "mode: %s\n", proc->events ? "eager" : "walk");
	if (mm) {
		err = mm_show(m, mm);
		mmput(mm);
	}
	seq_printf(m, "invalidations: %lld\n", atomic64_read(&n->invalidations));
	if (proc->events) {
		seq_printf(m, "batch: %u\n", proc->batch);
		seq_printf(m, "ptes: %llu\n", wppk_events_count(proc));
		seq_printf(m, "ptes_added: %lld\n", atomic64_read(&n->ptes_added));
		seq_printf(m, "ptes_removed: %lld\n", atomic64_read(&n->ptes_removed));
		seq_printf(m, "drift: %lld\n", atomic64_read(&n->drift));
	}
	seq_printf(m, "persists: %lld\n", atomic64_read(&n->persists));
	seq_printf(m, "generation: %llu\n", READ_ONCE(proc->generation));
	return err;
}

static int stats_show(struct seq_file *m, void *unused)
{
	static const char *const names[WPPK_STATS] = {
		[WPPK_STAT_PERSISTS] = "persists",
		[WPPK_STAT_FAILURES] = "failures",
		[WPPK_STAT_FORKS_LOST] = "forks_lost",
		[WPPK_STAT_PROCS] = "processes",
		[WPPK_STAT_MMS] = "address_spaces",
		[WPPK_STAT_PAGES] = "page_references",
		[WPPK_STAT_JOBS] = "jobs",
	};
	int i;

	for (i = 0; i < WPPK_STATS; i++)
		seq_printf(m, "%s: %lld\n", names[i], atomic64_read(&wppk_stats[i]));
	return 0;
}

int wppk_status_add(struct wppk_proc *proc)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", pid_nr(proc->pid));
	proc->status = proc_create_single_data(name, 0444, dir, proc_show, proc);
	return proc->status ? 0 : -ENOMEM;
}

void wppk_status_remove(struct wppk_proc *proc)
{
	proc_remove(proc->status); /* waits for its readers */
	proc->status = NULL;
}

int wppk_status_init(void)
{
	dir = proc_mkdir("wpp", NULL);
	if (!dir)
		return -ENOMEM;
	if (proc_create_single("stats", 0444, dir, stats_show))
		return 0;
	proc_remove(dir);
	return -ENOMEM;
}

void wppk_status_exit(void)
{
	proc_remove(dir);
}
