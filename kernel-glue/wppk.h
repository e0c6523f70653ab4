/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The seams of wpp.ko: which file gives what to the others.
 *
 *   main, device, trigger, track, events, walk, powerfail, persist   the module itself
 *   park, capture_*, files_*    threads stopped, PCB and region records made
 *   medium, save, dma_*         the core's store on a device that moves target pages by DMA
 *
 * Errors are negative errno values; codes of the core below -4095 become -EIO,
 * -EUCLEAN ... at the edge (wppk_errno()).
 */
#ifndef WPPK_H
#define WPPK_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/pid.h>
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

/* ---- Tracked processes (track.c, events.c) ------------------------------------------------ */

struct wppk_counts {
	atomic64_t regions_added, regions_removed; /* seen by eager mode or counted by the walk */
	atomic64_t ptes_added, ptes_removed;
	atomic64_t invalidations; /* ranges that the notifier saw */
	atomic64_t persists;
};

struct wppk_events; /* eager mode's batches and tables */

struct wppk_proc {
	struct list_head node;
	struct kref ref;
	struct pid *pid;      /* of the thread group */
	struct mm_struct *mm; /* mmgrab()bed; NULL once the process has gone */
	struct mmu_notifier notifier;
	struct wppk_events *events; /* NULL: truth by the walk only */
	struct wppk_counts counts;
	u32 flags; /* WPP_KO_TRACK_* */
	char image[WPP_KO_IMAGE_LEN];
};

void wppk_proc_put(struct wppk_proc *proc);

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
	struct list_head sources;
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
 * The truth at the trigger: pinned pages of a source, in order, joined; a huge page is one run.
 * Swapped pages are brought in; zero pages, and private file pages that equal their file, are
 * left out. @emit returns 0 or an error that ends the walk. The pins last until
 * wppk_walk_release(), so the caller may move them by DMA meanwhile; @settle is called when the
 * batch of pins is full: afterwards all that was emitted so far may be unpinned.
 */
struct wppk_walk {
	int (*emit)(void *arg, u32 space, const struct wppk_run *run);
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
