/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capturing a process that stands still. park.c stops the threads, capture.c
 * drives, and each class of state is one file. A thread does by itself only
 * what nobody else may: registers, its signal handling, its descriptor table;
 * all else is done by the caller of wppk_park(), from whose root paths count.
 */
#ifndef WPPK_CAPTURE_H
#define WPPK_CAPTURE_H

#include <linux/cred.h>
#include <linux/path.h>
#include <linux/sched.h>
#include <linux/signal_types.h>
#include <linux/stat.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <asm/user_64.h>

#include "compat/kcompat.h"
#include "base/wppk.h"

/* Append a record; @x: a struct wpp_rec_X. */
#define WPPK_REC(b, NAME, task, id, x, tail, tail_len)                                           \
	wppk_buf_rec((b), WPP_REC_##NAME, (u32)(task), (u64)(id), (x), WPP_REC_NR(*(x)), (tail), \
		     (tail_len))

struct wppk_capture;

/* ---- Threads ---- */

/* A function that a standing thread runs for us. */
struct wppk_job {
	int (*run)(struct wppk_capture *c);
	struct wppk_capture *c;
	int err;
	struct completion done;
};

enum wppk_thread_state {
	WPPK_COMING = 0,
	WPPK_STANDING,
	WPPK_LEFT, /* runs on, or is about to exit */
};

/* Signals that wait for a thread or the process, in their order. */
struct wppk_pending {
	siginfo_t *info;
	u32 nr, cap;
};

struct wppk_thread {
	struct list_head node; /* in group->threads */
	struct callback_head work;
	struct wppk_group *group;
	struct task_struct *task; /* a reference */
	wait_queue_head_t wake;
	enum wppk_thread_state state; /* group->lock */
	struct wppk_job *job;	      /* group->lock */
	pid_t tid;
	bool boosted;
	int err;		    /* of what it did for itself */
	const struct cred *cred;    /* a reference */
	struct wpp_rec_sched sched; /* before it was boosted */
	struct wpp_rec_thread rec;
	struct wppk_pending pending;
	struct user_regs_struct regs; /* of the image, with system call restart worked in */
	char comm[TASK_COMM_LEN];
	u32 xsave_len;
	u8 xsave[] __aligned(64);
};

/* All threads of a process; lives until the last one has left. */
struct wppk_group {
	struct kref ref;
	struct mm_struct *mm;	  /* for comparison only */
	struct list_head threads; /* the leader first */
	u32 nr_threads;
	atomic_t nr_coming;
	wait_queue_head_t arrived;
	spinlock_t lock;
	bool released;
};

/* Stops all threads of @leader. 0, or an error and none is left stopped. */
int wppk_group_stop(struct task_struct *leader, struct mm_struct *mm, struct wppk_notes *notes,
		    struct wppk_group **out);
/* All threads run on, or die when they have to. Gives up the reference. */
void wppk_group_release(struct wppk_group *group);
/* The leader runs @run in its own context. What that returned, or -ESRCH when it was killed. */
int wppk_leader_run(struct wppk_capture *c, int (*run)(struct wppk_capture *c));
struct wppk_thread *wppk_leader(struct wppk_group *group);
#define wppk_for_each(t, group) list_for_each_entry(t, &(group)->threads, node)

/* capture_thread.c: in the thread's own context. */
u32 wppk_xsave_size(void);
int wppk_thread_look(struct wppk_thread *t);
void wppk_thread_free(struct wppk_thread *t);
u64 wppk_xcr0(const struct wppk_thread *t);
/* capture_signals.c: what waits in @from, of the calling thread or its process. */
int wppk_pending_copy(struct wppk_pending *to, const struct sigpending *from);
/* What the sched record tells, before priorities are changed. */
void wppk_sched_look(struct wppk_thread *t);

/* ---- A capture ---- */

/* Memory whose bytes no disk keeps: memfd, shared memory, files without a name. */
struct wppk_memobj {
	struct list_head node;
	u32 id; /* from 1 */
	u32 kind;
	u32 space;
	u64 dev, ino;
	struct file *file; /* a reference */
	char *name;
};

struct wppk_capture {
	struct wppk_parked parked;
	struct wppk_notes *notes;
	struct wppk_group *group;
	struct task_struct *leader;
	pid_t pid;
	char *path; /* PATH_MAX bytes to make paths in */
	u64 tty;    /* its terminal, as stat(2) tells; 0: none */
	struct list_head objs;
	u32 nr_objs;
	/* Copied by the leader. */
	struct wppk_signals *signals;
	struct wppk_timers *timers;
	struct wppk_files *files;
	struct wppk_vmas *vmas;
};

#define wppk_pcb(c) (&(c)->parked.pcb)

/* capture_signals.c: it was about to stop. */
bool wppk_stop_is_pending(const struct wppk_capture *c);

/* capture_check.c: refuses what can't be carried; the second also when all threads stand. */
void wppk_check_process(struct task_struct *leader, struct wppk_notes *notes);
void wppk_check_threads(struct task_struct *leader, struct wppk_notes *notes);

/*
 * A class of state. @inside runs in the leader's own context, then @collect in ours.
 * Each may be NULL. They return 0 or an error that ends the capture; refusals go to c->notes.
 */
struct wppk_class {
	int (*inside)(struct wppk_capture *c);
	int (*collect)(struct wppk_capture *c);
	void (*done)(struct wppk_capture *c);
};

extern const struct wppk_class wppk_class_machine, wppk_class_process, wppk_class_threads,
	wppk_class_signals, wppk_class_timers, wppk_class_limits, wppk_class_creds,
	wppk_class_sched, wppk_class_files, wppk_class_memory;

/* ---- Shared helpers ---- */

/* d_path() from our root, into c->path or @buf of PATH_MAX bytes; ERR_PTR. */
char *wppk_path(struct wppk_capture *c, const struct path *path);
/* stat(): 0 or an error of the filesystem. */
int wppk_stat(const struct path *path, struct kstat *st);
u64 wppk_mtime_ns(const struct kstat *st);
/* Device numbers as user space sees them. */
u64 wppk_dev(dev_t dev);
/* Does the name lead to this file? @follow: as stat(), else as lstat(). */
bool wppk_is_named(const char *name, const struct kstat *st, bool follow);
bool wppk_is_deleted_name(const char *name);

/* The memory object of a file, added when it is new; ERR_PTR. Name: without " (deleted)". */
struct wppk_memobj *wppk_memobj_get(struct wppk_capture *c, u32 kind, struct file *file,
				    const char *name, size_t name_len);
void wppk_memobj_records(struct wppk_capture *c);
void wppk_memobjs_free(struct wppk_capture *c);

/* Text of a file's show_fdinfo(), NUL-terminated; kvfree() it. ERR_PTR. */
char *wppk_fdinfo(struct file *file);

/* What the process wrote to a file becomes durable. */
int wppk_sync_file(struct wppk_capture *c, struct file *file);
/* capture_regions.c: reads the mappings, and makes what was written through them durable. */
int wppk_sync_mappings(struct wppk_capture *c);
/* files_table.c */
int wppk_sync_descriptors(struct wppk_capture *c);

/* It stays as long as its owner runs, who asks. */
static inline struct sighand_struct *wppk_own_sighand(void)
{
	return rcu_dereference_protected(current->sighand, true);
}

#endif
