/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The seams of wpp.ko: which file gives what to the others.
 *
 *   main, device, trigger, status, track, events, pagetable, walk, powerfail, persist
 *                               the module itself
 *   park, capture_*, files_*    threads stopped, PCB and region records made
 *   medium, save, dma_*         the core's store on a device that moves target pages by DMA
 *
 * Errors are negative errno values; codes of the core below -4095 become -EIO,
 * -EUCLEAN ... at the edge (wppk_errno()).
 */
#ifndef WPPK_H
#define WPPK_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include <wpp/error.h>
#include <wpp/module.h>
#include <wpp/pcb.h>
#include <wpp/store.h>

/* ---- Growing byte buffers and notes for the user ------------------------------------------ */

/* Records; kvmalloc'ed, @err sticks: the first failure makes all later puts do nothing. */
struct wppk_buf {
	u8 *data;
	size_t len, cap;
	int err;
};

void wppk_buf_free(struct wppk_buf *buf);

/* Append one record (pcb.h); @fields: a struct wpp_rec_X of @nr_fields. */
void wppk_buf_rec(struct wppk_buf *buf, u16 type, u32 task, u64 id, const void *fields,
		  u32 nr_fields, const void *tail, u32 tail_len);

/* "name: sentence" lines, one per thing refused or worth knowing; cut at WPP_KO_NOTES_LEN. */
struct wppk_notes {
	char text[WPP_KO_NOTES_LEN];
	size_t len;
	bool refused; /* at least one thing can't be carried */
};

__printf(3, 4) void wppk_note(struct wppk_notes *notes, const char *name, const char *fmt, ...);
__printf(3, 4) void wppk_refuse(struct wppk_notes *notes, const char *name, const char *fmt, ...);

/* ---- Tracked processes (track.c) ----------------------------------------------------------- */

/* Held while processes begin or end to be tracked, the medium changes, or one is persisted. */
extern struct mutex wppk_lock;

/* What /proc/wpp/stats tells; the lower half must be 0 when nothing is tracked. */
enum wppk_stat {
	WPPK_STAT_PERSISTS,
	WPPK_STAT_FAILURES,
	WPPK_STAT_FORKS_LOST, /* children that were not tracked for lack of memory */
	WPPK_STAT_PROCS,
	WPPK_STAT_MMS,
	WPPK_STAT_PAGES, /* references to pages of the target */
	WPPK_STAT_JOBS,
	WPPK_STATS,
};

extern atomic64_t wppk_stats[WPPK_STATS];

struct wppk_counts {
	atomic64_t ptes_added, ptes_removed; /* eager mode: events */
	atomic64_t invalidations;	     /* ranges that the notifier saw */
	atomic64_t persists;
	atomic64_t drift; /* entries of eager mode that the last walk had to correct */
};

struct wppk_events; /* eager mode's batches and tables */

struct wppk_proc {
	struct list_head node; /* RCU; changed under wppk_lock */
	struct kref ref;
	struct rcu_head rcu;
	struct pid *pid;      /* of the thread group */
	struct mm_struct *mm; /* mmgrab()bed; NULL while it has none of its own (vfork, exit) */
	struct mmu_notifier notifier;
	struct wppk_events *events; /* NULL: truth by the walk only */
	struct proc_dir_entry *status;
	struct wppk_counts counts;
	u64 generation; /* the last one that was committed */
	u32 flags;	/* WPP_KO_TRACK_* */
	u32 batch;
	char image[WPP_KO_IMAGE_LEN];
};

int wppk_track_init(void);
void wppk_track_exit(void);
int wppk_track(const struct wpp_ko_track *how);
int wppk_untrack(pid_t pid); /* in the caller's pid namespace */
u32 wppk_nr_tracked(void);
bool wppk_tracks_current(void);
void wppk_proc_put(struct wppk_proc *proc);

/* The rest with wppk_lock held. The list is made up to date: forks, execs and exits so far. */
struct list_head *wppk_procs(void);
struct wppk_proc *wppk_proc_find(struct pid *pid); /* no reference; NULL */
void wppk_proc_rescan(struct wppk_proc *proc);

/* Of any thread that has one, mmget()ed; NULL. */
struct mm_struct *wppk_proc_mm(const struct wppk_proc *proc);

/* Under RCU. */
struct wppk_proc *wppk_proc_of_mm(const struct mm_struct *mm);

/* ---- Status (status.c) --------------------------------------------------------------------- */

int wppk_status_init(void);
void wppk_status_exit(void);
int wppk_status_add(struct wppk_proc *proc); /* /proc/wpp/PID */
void wppk_status_remove(struct wppk_proc *proc);

/* ---- Eager mode (events.c): the thesis' PTE events ----------------------------------------- */

void wppk_events_exit(void);
int wppk_events_create(struct wppk_proc *proc);
void wppk_events_free(struct wppk_proc *proc);

/* The table starts anew from what is mapped in @mm now; NULL: nothing. May sleep. */
void wppk_events_reset(struct wppk_proc *proc, struct mm_struct *mm);

/* From the notifier: [@start, @end) changed; @gone: unmapped for good. */
void wppk_events_range(struct wppk_proc *proc, unsigned long start, unsigned long end, bool gone);

/* At the trigger, target parked: compare with what the walk finds, count differences. */
struct wppk_run;
void wppk_events_check_begin(struct wppk_proc *proc);
void wppk_events_check(struct wppk_proc *proc, const struct wppk_run *run);
u64 wppk_events_check_end(struct wppk_proc *proc);
u64 wppk_events_count(struct wppk_proc *proc);

/* ---- Persisting (persist.c) ---------------------------------------------------------------- */

int wppk_persist_init(void);
void wppk_persist_exit(void);

/* One process, for PERSIST; or all of them, then killed (thesis magic number 10). */
int wppk_persist_one(struct wpp_ko_persist *how);
int wppk_persist_all(void);

/* The power fails: from any context, NMI excepted. Does not wait. */
void wppk_power_fails(void);

/* ---- Power-fail hooks (powerfail.c), /dev (device.c, trigger.c) ----------------------------- */

int wppk_powerfail_init(void);
void wppk_powerfail_exit(void);
int wppk_device_init(void);
void wppk_device_exit(void);
int wppk_trigger_init(void);
void wppk_trigger_exit(void);

extern bool wppk_log_events, wppk_log_moves; /* magic numbers 50 and 60 */

/* ---- Page tables (pagetable.c) ------------------------------------------------------------- */

enum wppk_leaf_kind {
	WPPK_LEAF_NONE = 0,    /* nothing there */
	WPPK_LEAF_PAGE = 1,    /* a page, huge or not */
	WPPK_LEAF_ABSENT = 2,  /* in swap, or just being migrated */
	WPPK_LEAF_SPECIAL = 3, /* the zero page, device memory: nothing of the process' own */
};

/* The entry that covers an address. */
struct wppk_leaf {
	enum wppk_leaf_kind kind;
	bool moving;		/* absent for a moment: being migrated */
	unsigned long va, size; /* of the page or hole */
	unsigned long pfn;
	const unsigned long *slot; /* where it was read, and what */
	unsigned long raw;
};

/* Interrupts off, and @mm's tables kept by mmap_lock or by a fault in progress. */
void wppk_leaf_get(struct mm_struct *mm, unsigned long va, struct wppk_leaf *leaf);
bool wppk_leaf_anon(const struct wppk_leaf *leaf);

/* ---- Parking and records (park.c, capture_*.c, files_*.c) --------------------------------- */

/* Where the pages of a space are. */
enum wppk_source_kind {
	WPPK_SOURCE_MM = 1,   /* private pages of the address space, index va >> 12 */
	WPPK_SOURCE_FILE = 2, /* page cache of a memory object (memfd, shm, deleted file) */
};

struct wppk_source {
	struct list_head node;
	u32 space; /* as the region and memobj records name it; from WPP_SPACE_FIRST */
	enum wppk_source_kind kind;
	struct file *file; /* a reference; NULL for MM */
};

/* A process whose threads all stand still in the kernel, and what was learnt of it. */
struct wppk_parked {
	struct wppk_proc *proc;
	struct mm_struct *mm;	      /* mmget()ed while parked */
	struct wppk_buf pcb, regions; /* the two record streams, complete */
	struct list_head sources;     /* in ascending order of space */
	u32 nr_threads;
	u64 park_ns; /* from the first task_work to the last thread standing still */
	void *priv;
};

/*
 * Stop all threads and make the records. On success every thread sleeps, killable, in its own
 * task_work; the caller ends that by wppk_unpark(). On any error all threads run on as if nothing
 * had happened. -EREMOTEIO: something can't be carried, see @notes. -ESRCH: it has exited.
 * May sleep; not from the process itself (a process that triggers itself: see persist.c).
 */
int wppk_park(struct wppk_proc *proc, struct wppk_notes *notes, struct wppk_parked **out);

/* @kill: SIGKILL, waits until the process can't run any user code any more. Frees @parked. */
void wppk_unpark(struct wppk_parked *parked, bool kill);

/* ---- Pages (walk.c) ----------------------------------------------------------------------- */

/* Pages with neighbouring frames and neighbouring indices. */
struct wppk_run {
	u64 page; /* index in the space */
	unsigned long pfn;
	u32 nr;
};

/*
 * The truth at the trigger: pages of all sources, in order, joined; a huge page is one run.
 * Swapped pages are brought in; zero pages, and private file pages that equal their file, are
 * left out. @emit may sleep; it returns 0 or an error that ends the walk. A reference is held to
 * every page that was emitted, so it may be moved by DMA, until @settle is called: when it
 * returns, all moves so far are done and the references are given back. @settle is called at the
 * end as well, behind an error of @emit too.
 */
struct wppk_walk {
	int (*emit)(void *arg, const struct wppk_source *source, const struct wppk_run *run);
	int (*settle)(void *arg);
	void *arg;
};

int wppk_walk(const struct wppk_parked *parked, const struct wppk_walk *walk);

/* ---- The medium and the store on it (medium.c, save.c, dma_*.c) --------------------------- */

int wppk_medium_init(void);
void wppk_medium_exit(void); /* detaches; disarmed before */
int wppk_medium_attach(const struct wpp_ko_attach *how);
int wppk_medium_detach(void);			  /* -EBUSY while armed */
int wppk_medium_info(struct wpp_ko_medium *info); /* -ENODEV */

/* Bytes of the medium for /dev/wpp; @off and @len multiples of io_align; user memory. */
ssize_t wppk_medium_read(char __user *to, size_t len, loff_t off);
ssize_t wppk_medium_write(const char __user *from, size_t len, loff_t off); /* -EBUSY: armed */
int wppk_medium_flush(void);

/* Tracking begins / ends: open the store (workspace allocated now, none at the trigger), close. */
int wppk_medium_arm(struct wppk_notes *notes); /* -EUCLEAN: no store; run wpp format */
void wppk_medium_disarm(void);

/* The next generation of @image. One at a time; -EBUSY. */
struct wppk_save;
int wppk_save_begin(const char *image, struct wppk_save **out);
/* Lends pages of @run until wppk_save_settle() or the end. */
int wppk_save_run(struct wppk_save *save, u32 space, const struct wppk_run *run);
int wppk_save_settle(struct wppk_save *save);
int wppk_save_stream(struct wppk_save *save, enum wpp_stream stream, const struct wppk_buf *buf);
int wppk_save_commit(struct wppk_save *save, u64 *generation, u64 *nr_moves, u64 *bytes);
void wppk_save_abort(struct wppk_save *save);

int wppk_errno(int wpp_err);

#endif
