/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Eager mode: the thesis' events for page table entries that come and go, gathered in batches into
 * the core's table. Entries come by probes on page faults and mremap, and go by the notifier.
 *
 * An event of a page fault only says where. A batch that is full is settled by a look into the
 * page tables, under one lock, so the last look is right whatever the order. A fault that is still
 * in progress then gets a second chance in the next batch. Migration and huge page collapse tell
 * only when they begin; such ranges are looked at again soon after. The walk at the trigger has
 * the last word, and counts what differed.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <wpp/pte.h>

#include "arch/arch.h"
#include "base/klog.h"
#include "track/events.h"
#include "track/pagetable.h"
#include "track/proc.h"

#define ENTRIES_MIN 65536
#define ENTRY_BYTES 14 /* 12 at a fill of seven eighths */
#define AGAIN_MAX   64
#define AGAIN_DELAY (HZ / 50)

enum event_kind {
	EVENT_ADD,
	EVENT_REMOVE, /* a range */
	EVENT_FAULT,  /* look at va; flags: 1 the second time */
};

struct event {
	enum event_kind kind;
	struct wpp_pte pte;
	u64 len;
};

struct again {
	unsigned long start, end;
};

struct wppk_events {
	spinlock_t lock; /* for all of it, but what the work and reset own */
	struct wpp_ptes table;
	void *mem;
	u64 bytes;
	bool full, all_again;
	u32 nr_again;
	struct again again[AGAIN_MAX];
	struct wppk_proc *proc;
	struct mm_struct *mm; /* mmgrab()bed */
	struct delayed_work work;
	u64 nr_matched, nr_wrong; /* of a check */
	u32 batch, nr, nr_kept;
	struct event queue[]; /* [2 * batch] */
};

/* ---- Batches ------------------------------------------------------------------------------- */

static void look_again(struct wppk_events *ev, unsigned long start, unsigned long end,
		       unsigned long delay)
{
	if (ev->nr_again < AGAIN_MAX)
		ev->again[ev->nr_again++] = (struct again){ start, end };
	else
		ev->all_again = true;
	queue_delayed_work(system_unbound_wq, &ev->work, delay);
}

static void set_leaf(struct wpp_pte *pte, const struct wppk_leaf *leaf)
{
	*pte = (struct wpp_pte){ .va = leaf->va, .pa = (u64)leaf->pfn << PAGE_SHIFT };
	if (leaf->size == PMD_SIZE)
		pte->size = WPP_PTE_2M;
	else if (leaf->size == PUD_SIZE)
		pte->size = WPP_PTE_1G;
}

static bool leaf_look(struct mm_struct *mm, unsigned long va, struct wppk_leaf *leaf)
{
	unsigned long flags;
	bool anon;

	local_irq_save(flags);
	wppk_leaf_get(mm, va, leaf);
	anon = wppk_leaf_anon(leaf);
	local_irq_restore(flags);
	return anon;
}

static void event_log(const char *what, const struct wpp_pte *pte, u64 len)
{
	if (wppk_log_events)
		pr_info_ratelimited("wpp: %s va %#llx pa %#llx len %#llx\n", what, pte->va, pte->pa,
				    len);
}

static void check_full(struct wppk_events *ev, int err)
{
	if (err == WPP_ENOSPC && !ev->full) {
		ev->full = true;
		queue_delayed_work(system_unbound_wq, &ev->work, 0);
	}
}

static void table_add(struct wppk_events *ev, const struct wpp_pte *pte)
{
	atomic64_inc(&ev->proc->counts.ptes_added);
	event_log("add", pte, 0);
	check_full(ev, wpp_ptes_add(&ev->table, pte));
}

/* True: it has to be looked at once more. */
static bool fault_apply(struct wppk_events *ev, struct event *e)
{
	struct wppk_leaf leaf;
	struct wpp_pte pte;

	if (!ev->mm)
		return false;
	if (leaf_look(ev->mm, e->pte.va, &leaf)) {
		set_leaf(&pte, &leaf);
		table_add(ev, &pte);
		return false;
	}
	if (leaf.kind != WPPK_LEAF_NONE && leaf.kind != WPPK_LEAF_ABSENT)
		return false;
	if (e->pte.flags)
		look_again(ev, e->pte.va, e->pte.va + PAGE_SIZE, AGAIN_DELAY);
	return !e->pte.flags++;
}

static bool event_apply(struct wppk_events *ev, struct event *e)
{
	switch (e->kind) {
	case EVENT_FAULT:
		return fault_apply(ev, e);
	case EVENT_ADD:
		table_add(ev, &e->pte);
		return false;
	default:
		atomic64_inc(&ev->proc->counts.ptes_removed);
		event_log("remove", &e->pte, e->len);
		check_full(ev, wpp_ptes_remove_range(&ev->table, e->pte.va, e->len));
		return false;
	}
}

static void batch_apply(struct wppk_events *ev)
{
	u32 i, kept = 0;

	for (i = 0; i < ev->nr && ev->mem; i++) {
		if (event_apply(ev, &ev->queue[i]))
			ev->queue[kept++] = ev->queue[i];
	}
	ev->nr = kept;
	ev->nr_kept = kept;
}

static void event_put(struct wppk_events *ev, const struct event *e)
{
	ev->queue[ev->nr++] = *e;
	if (ev->nr - ev->nr_kept >= ev->batch)
		batch_apply(ev);
}

static void put_remove(struct wppk_events *ev, unsigned long start, unsigned long end)
{
	const struct event e = { .kind = EVENT_REMOVE, .pte.va = start, .len = end - start };

	event_put(ev, &e);
}

/* Faults in a range that is unmapped now are over, and what they brought is gone. */
static void forget_faults(struct wppk_events *ev, unsigned long start, unsigned long end)
{
	u32 i, nr = 0, nr_kept = 0;

	for (i = 0; i < ev->nr; i++) {
		const struct event *e = &ev->queue[i];

		if (e->kind == EVENT_FAULT && e->pte.va >= start && e->pte.va < end)
			continue;
		nr_kept += i < ev->nr_kept;
		ev->queue[nr++] = *e;
	}
	ev->nr = nr;
	ev->nr_kept = nr_kept;
}

static void put_leaf(struct wppk_events *ev, const struct wppk_leaf *leaf)
{
	struct event e = { .kind = EVENT_ADD };

	set_leaf(&e.pte, leaf);
	event_put(ev, &e);
}

/* ---- What changed in a range ---------------------------------------------------------------- */

/* One entry, or a hole, from @va on; where the next one begins. */
static unsigned long entry_renew(struct wppk_events *ev, struct mm_struct *mm, unsigned long va,
				 unsigned long end)
{
	struct wppk_leaf leaf;
	bool anon = leaf_look(mm, va, &leaf);
	unsigned long next = leaf.va + leaf.size;

	if (leaf.moving ||
	    (leaf.kind == WPPK_LEAF_NONE && leaf.size == PMD_SIZE && end - va == PMD_SIZE))
		look_again(ev, va, min(next, end), AGAIN_DELAY);
	if (anon && leaf.size > PAGE_SIZE)
		put_remove(ev, leaf.va, next); /* of small ones that became this huge one */
	if (anon)
		put_leaf(ev, &leaf);
	return next;
}

/* Entries are looked up in parts of one page table, so that the lock is not held for long. */
static void range_renew(struct wppk_events *ev, struct mm_struct *mm, unsigned long start,
			unsigned long end)
{
	unsigned long va = start, stop;

	put_remove(ev, start, end);
	while (va < end) {
		stop = min(end, ALIGN(va + 1, PMD_SIZE));
		while (va < stop)
			va = entry_renew(ev, mm, va, end);
		spin_unlock(&ev->lock);
		spin_lock(&ev->lock);
	}
}

void wppk_events_range(struct wppk_proc *proc, unsigned long start, unsigned long end, bool gone)
{
	struct wppk_events *ev = proc->events;

	start &= PAGE_MASK;
	end = min(PAGE_ALIGN(end), TASK_SIZE_MAX);
	if (start >= end)
		return;
	spin_lock(&ev->lock);
	if (gone)
		forget_faults(ev, start, end);
	if (gone || !ev->mm)
		put_remove(ev, start, end);
	else
		range_renew(ev, ev->mm, start, end);
	spin_unlock(&ev->lock);
}

static void mm_renew(struct wppk_events *ev, struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(iter, mm, 0);

	for_each_vma(iter, vma) {
		if (!vma->anon_vma || vma->vm_flags & (VM_SHARED | VM_IO | VM_PFNMAP))
			continue;
		spin_lock(&ev->lock);
		range_renew(ev, mm, vma->vm_start, vma->vm_end);
		spin_unlock(&ev->lock);
		cond_resched();
	}
}

/* ---- The table ----------------------------------------------------------------------------- */

/* A new, empty table for twice what is resident; at least @bytes. */
static void table_renew(struct wppk_events *ev, struct mm_struct *mm, u64 bytes)
{
	void *mem, *old;

	bytes = max(bytes, (get_mm_rss(mm) * 2 + ENTRIES_MIN) * (u64)ENTRY_BYTES);
	mem = vmalloc(bytes);
	if (!mem)
		pr_warn("wpp: no memory for a table of %llu bytes: only the walk counts\n", bytes);
	spin_lock(&ev->lock);
	old = ev->mem;
	ev->mem = mem;
	ev->bytes = mem ? bytes : 0;
	ev->nr = 0;
	ev->nr_kept = 0;
	ev->full = !mem;
	if (mem && wpp_ptes_init(&ev->table, mem, bytes, get_random_u64()))
		ev->mem = NULL;
	spin_unlock(&ev->lock);
	vfree(old);
}

static void renew_all(struct wppk_events *ev, struct mm_struct *mm, u64 bytes)
{
	table_renew(ev, mm, bytes);
	mmap_read_lock(mm);
	mm_renew(ev, mm);
	mmap_read_unlock(mm);
}

static void work_run(struct work_struct *work)
{
	struct wppk_events *ev = container_of(work, struct wppk_events, work.work);
	struct mm_struct *mm = ev->mm;
	struct again again[AGAIN_MAX];
	bool all, full;
	u32 i, nr;

	spin_lock(&ev->lock);
	nr = ev->nr_again;
	memcpy(again, ev->again, nr * sizeof(*again));
	ev->nr_again = 0;
	all = ev->all_again;
	ev->all_again = false;
	full = ev->full;
	spin_unlock(&ev->lock);

	if (!mm || !mmget_not_zero(mm))
		return;
	if (full || all) {
		renew_all(ev, mm, full ? ev->bytes * 2 : ev->bytes);
	} else {
		mmap_read_lock(mm);
		spin_lock(&ev->lock);
		for (i = 0; i < nr; i++)
			range_renew(ev, mm, again[i].start, again[i].end);
		spin_unlock(&ev->lock);
		mmap_read_unlock(mm);
	}
	mmput_async(mm);
}

void wppk_events_reset(struct wppk_proc *proc, struct mm_struct *mm)
{
	struct wppk_events *ev = proc->events;
	struct mm_struct *old = ev->mm;

	spin_lock(&ev->lock);
	ev->mm = NULL;
	spin_unlock(&ev->lock);
	cancel_delayed_work_sync(&ev->work);
	if (old)
		mmdrop(old);
	if (!mm)
		return;
	mmgrab(mm);
	spin_lock(&ev->lock);
	ev->mm = mm;
	spin_unlock(&ev->lock);
	renew_all(ev, mm, 0);
}

u64 wppk_events_count(struct wppk_proc *proc)
{
	struct wppk_events *ev = proc->events;
	u64 nr;

	spin_lock(&ev->lock);
	batch_apply(ev);
	nr = ev->mem ? wpp_ptes_count(&ev->table) : 0;
	spin_unlock(&ev->lock);
	return nr;
}

/* ---- The check at the trigger --------------------------------------------------------------- */

void wppk_events_check_begin(struct wppk_proc *proc)
{
	struct wppk_events *ev = proc->events;

	wppk_events_count(proc);
	wppk_events_count(proc); /* what got a second chance */
	flush_delayed_work(&ev->work);
	ev->nr_matched = 0;
	ev->nr_wrong = 0;
}

/* Pages that the table doesn't know, or knows elsewhere, and its entries that are right. */
void wppk_events_check(struct wppk_proc *proc, const struct wppk_run *run)
{
	struct wppk_events *ev = proc->events;
	struct wpp_pte pte;
	u64 nr = 0, va, pa;

	while (nr < run->nr) {
		va = (run->page + nr) << PAGE_SHIFT;
		pa = (u64)(run->pfn + nr) << PAGE_SHIFT;
		spin_lock(&ev->lock);
		if (!ev->mem || wpp_ptes_find(&ev->table, va, &pte))
			pte = (struct wpp_pte){ .va = va, .pa = ~0ull };
		spin_unlock(&ev->lock);
		if (pte.pa + (va - pte.va) == pa)
			ev->nr_matched++;
		else
			ev->nr_wrong++;
		nr += pte.size == WPP_PTE_1G   ? PUD_SIZE >> PAGE_SHIFT
		      : pte.size == WPP_PTE_2M ? PMD_SIZE >> PAGE_SHIFT
					       : 1;
	}
}

u64 wppk_events_check_end(struct wppk_proc *proc)
{
	struct wppk_events *ev = proc->events;
	u64 nr = wppk_events_count(proc);
	u64 drift = ev->nr_wrong + (nr > ev->nr_matched ? nr - ev->nr_matched : 0);

	if (drift) {
		spin_lock(&ev->lock);
		ev->all_again = true;
		queue_delayed_work(system_unbound_wq, &ev->work, 0);
		spin_unlock(&ev->lock);
	}
	return drift;
}

/* ---- Probes -------------------------------------------------------------------------------- */

struct probe_data {
	struct mm_struct *mm;
	unsigned long start, len;
};

/* The events of @mm, if it is tracked eagerly. Preemption is off, which RCU counts as a reader. */
static struct wppk_events *events_of(const struct mm_struct *mm)
{
	struct wppk_proc *proc = wppk_proc_of_mm(mm);

	return proc ? proc->events : NULL;
}

/* handle_mm_fault(vma, address, ...) begins. */
static void fault_seen(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
		       struct ftrace_regs *regs)
{
	const struct vm_area_struct *vma = (void *)wppk_arch_argument(regs, 0);
	struct wppk_events *ev;

	rcu_read_lock();
	ev = events_of(vma->vm_mm);
	if (ev) {
		const struct event e = { .kind = EVENT_FAULT,
					 .pte.va = wppk_arch_argument(regs, 1) & PAGE_MASK };

		spin_lock(&ev->lock);
		event_put(ev, &e);
		spin_unlock(&ev->lock);
	}
	rcu_read_unlock();
}

/* unsigned long move_page_tables(vma, old_addr, new_vma, new_addr, len, ...) */
static int move_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct vm_area_struct *vma = (void *)regs_get_kernel_argument(regs, 0);
	struct probe_data *data = (void *)ri->data;

	if (!vma || !events_of(vma->vm_mm))
		return 1;
	data->mm = vma->vm_mm;
	data->start = regs_get_kernel_argument(regs, 3);
	data->len = regs_get_kernel_argument(regs, 4);
	return 0;
}

static int move_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct probe_data *data = (void *)ri->data;
	struct wppk_events *ev;

	rcu_read_lock();
	ev = events_of(data->mm);
	if (ev) {
		spin_lock(&ev->lock);
		look_again(ev, data->start, data->start + data->len, 0);
		spin_unlock(&ev->lock);
	}
	rcu_read_unlock();
	return 0;
}

static struct ftrace_ops fault_ops = { .func = fault_seen, .flags = FTRACE_OPS_FL_RECURSION };
static struct kretprobe move_probe;
static bool is_filtered;
static u32 nr_users; /* eager processes; the probes are there only while there is one */

/* The filter is made once: what ftrace_free_filter() leaves can't be used again. */
static int fault_probe_add(void)
{
	static char name[] = "handle_mm_fault";
	int err = is_filtered ? 0 : ftrace_set_filter(&fault_ops, (u8 *)name, strlen(name), 1);

	if (err)
		return err;
	is_filtered = true;
	return register_ftrace_function(&fault_ops);
}

void wppk_events_exit(void)
{
	if (is_filtered)
		ftrace_free_filter(&fault_ops);
}

static int probes_add(void)
{
	int err;

	move_probe = (struct kretprobe){
		.kp.symbol_name = "move_page_tables",
		.entry_handler = move_enter,
		.handler = move_return,
		.data_size = sizeof(struct probe_data),
	};
	err = register_kretprobe(&move_probe);
	if (err)
		return err;
	err = fault_probe_add();
	if (err)
		unregister_kretprobe(&move_probe);
	return err;
}

static int probes_get(void)
{
	int err = nr_users ? 0 : probes_add();

	if (err)
		pr_err("wpp: no probes for eager mode: error %d\n", err);
	else
		nr_users++;
	return err;
}

static void probes_put(void)
{
	if (--nr_users)
		return;
	unregister_ftrace_function(&fault_ops);
	unregister_kretprobe(&move_probe);
}

int wppk_events_create(struct wppk_proc *proc)
{
	struct wppk_events *ev;
	int err;

	ev = kvzalloc(struct_size(ev, queue, 2 * proc->batch), GFP_KERNEL_ACCOUNT);
	if (!ev)
		return -ENOMEM;
	err = probes_get();
	if (err) {
		kvfree(ev);
		return err;
	}
	spin_lock_init(&ev->lock);
	INIT_DELAYED_WORK(&ev->work, work_run);
	ev->proc = proc;
	ev->batch = proc->batch;
	smp_store_release(&proc->events, ev); /* a fault on another CPU finds it complete */
	return 0;
}

/* Nobody looks at the process any more: it has left the list and its address space. */
void wppk_events_free(struct wppk_proc *proc)
{
	struct wppk_events *ev = proc->events;

	if (!ev)
		return;
	probes_put();
	cancel_delayed_work_sync(&ev->work);
	vfree(ev->mem);
	kvfree(ev);
	proc->events = NULL;
}
