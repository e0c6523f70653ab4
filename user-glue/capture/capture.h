/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capturing a process. capture.c drives; each class of state is one file with
 * a check (before anything is stopped) and a collect (all threads stopped).
 */
#ifndef WPP_CAPTURE_H
#define WPP_CAPTURE_H

#include <sys/user.h>

#include "base/base.h"
#include "stop/script.h"

struct thread {
	pid_t tid;
	struct user_regs_struct live; /* as it was stopped: what it gets back */
	struct user_regs_struct regs; /* of the image, with system call restart worked in */
	uint8_t *xsave;
	size_t xsave_len;
	uint64_t sigmask;
	int64_t syscall;   /* number of the call it was blocked in, or -1 */
	int64_t restarted; /* number of the call that restart_syscall() goes on with, or 0 */
	int restart; /* 512, 513 or 514: how the kernel would restart that call; 0: not at all */
	struct script asked; /* the calls it made for us, with their results */
	char *status;	     /* wppi_thread_status() keeps it here */
};

enum vma_trait {
	VMA_HUGETLB = 1u << 0,
	VMA_DEVICE = 1u << 1, /* memory of a device */
	VMA_SHADOW_STACK = 1u << 2,
	VMA_USERFAULT = 1u << 3, /* registered with a userfaultfd */
	VMA_GUARDED = 1u << 4,	 /* has pages of MADV_GUARD_INSTALL */
};

/* A mapping, as /proc/PID/maps and smaps tell. */
struct vma {
	uint64_t start, end, off;
	uint64_t dev, ino; /* as maps tells; some file systems tell stat() something else */
	uint32_t prot;	   /* PROT_* */
	uint32_t flags;	   /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE */
	uint64_t advice;   /* enum wpp_region_advice */
	uint32_t traits;   /* enum vma_trait */
	uint32_t kind;	   /* enum wpp_region_kind */
	uint32_t object;   /* memory object id, 0: none */
	uint64_t file_dev, file_ino, file_size, file_mtime_ns; /* as stat() tells */
	char *path;					       /* owned; "" for anonymous */
};

struct vma_list {
	struct vma *v;
	size_t nr, cap;
};

/* A memory object: shared memory or a file that only this process still knows. */
struct memobj {
	uint32_t id;	/* from 1 */
	uint32_t space; /* page space of its bytes */
	uint64_t dev, ino;
	uint32_t kind; /* enum wpp_memobj_kind */
	int fd;	       /* ours, readable; owned by the list */
	uint64_t size;
	char *name; /* owned */
};

/* A thread in restart_syscall() before the process was stopped. */
#define SLEEP_WCHAN_LEN 128
struct sleeper {
	pid_t tid;
	uint64_t sp, pc;
	char wchan[SLEEP_WCHAN_LEN]; /* where in the kernel it waited */
};

struct capture {
	pid_t pid;
	int pidfd;
	int mem; /* /proc/PID/mem, read and write */
	struct notes notes;
	bool no_sync;
	bool go_on; /* let it go on when it is copied; else it is killed when that is durable */
	uint64_t frozen_since_ns; /* 0: it is not stopped */
	uint64_t frozen_ns;
	uint64_t called_ns, sync_ns;
	struct buf pcb;	    /* WPP_STREAM_PCB */
	struct buf regions; /* WPP_STREAM_REGIONS */
	struct thread *threads;
	size_t nr_threads;
	struct sleeper *sleepers;
	size_t nr_sleepers;
	struct vma_list vmas;
	struct memobj *objs;
	size_t nr_objs;
	struct copier *copier;
	uint32_t mm_space; /* page space of the address space: WPP_SPACE_FIRST */
	int stop_signal;   /* it is stopped by this signal (group stop), or 0 */
	uint64_t blob;	   /* ask_blob.S in the process, or 0 */
	int mark;	   /* signal of its marks, or 0: stop at each call */
	/* What a class keeps between its calls: one pointer each, allocated and freed by the class.
	 */
	struct capture_signals_state *signals;
	struct capture_timers_state *timers;
	struct capture_process_state *process;
	struct capture_files_state *files;
};

/* ---- freeze.c: stopping and letting go ---- */

/*
 * Stops all threads of c->pid and lists them in c->threads, the leader first. 0, WPP_EPERM,
 * WPP_ENOENT, WPP_EBUSY (a thread does not stop; the note says which): then none is left stopped.
 */
int wppi_freeze(struct capture *c);
/* Lets all threads go on, if they are stopped. */
void wppi_thaw(struct capture *c);
/* Kills the stopped process and waits until it is gone; a child of ours is left for us to reap. */
void wppi_kill(struct capture *c);
/* The thread, stopped or running in a call, is stopped in the trap of PTRACE_INTERRUPT. */
int wppi_interrupt(struct capture *c, pid_t tid);
/* A stopped thread runs into the trap of PTRACE_INTERRUPT: nothing of the process is executed. */
int wppi_trap(struct capture *c, pid_t tid);
/* Waits for a stop of @tid, which executes nothing that blocks. 0; -ESRCH when it is gone. */
int wppi_stop_wait(pid_t tid, int *status);

/* A real-time priority for this thread, while a process is stopped. May not be allowed. */
void wppi_urgency_raise(void);
/* A thread without signals that has it from its start, when that is allowed. 0 or -errno. */
int wppi_urgent_thread(pthread_t *thread, void *(*run)(void *), void *arg);
#define WPPI_URGENT_PRIORITY 10

/* ---- capture_threads.c ---- */

/* Registers of all stopped threads, into c->threads. */
int wppi_threads_read(struct capture *c);
uint64_t wppi_xcr0(const struct thread *t);

/* The kernel's own error numbers for "restart this call". */
#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

/* How a stop at a system call shows, with PTRACE_O_TRACESYSGOOD. */
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* ---- sleep.c ---- */

/* While the process runs: what its threads wait for, so that it need not be found out later. */
void wppi_sleep_look(struct capture *c);
/*
 * Finds t->restarted of a stopped thread. One that was not seen asleep before is let into its call
 * for that, so t->live is read anew; nothing of the process is executed.
 */
int wppi_sleep_find(struct capture *c, struct thread *t);

/* ---- ask.c ---- */

/*
 * Lets stopped thread @t make the calls of t->asked. Its registers and signal mask are as before
 * afterwards; should we die in the middle, it finds back to them by itself.
 */
int wppi_ask(struct capture *c, struct thread *t);
/*
 * A tracer before us may have died while it asked @t: the thread gets the registers and the mask
 * that it was on its way back to. To be called with t->live and t->sigmask read.
 */
int wppi_ask_finish(struct capture *c, struct thread *t);

/* ---- vma.c ---- */

/* All mappings of a process, ascending; @file is "maps", or "smaps" to know their flags too. */
int wppi_vmas_read(pid_t pid, const char *file, struct vma_list *l);
void wppi_vmas_free(struct vma_list *l);
/* Flags and advice of the same mappings in @from. False: some are not the same, smaps is needed. */
bool wppi_vmas_adopt_flags(struct vma_list *l, const struct vma_list *from);

/* ---- capture_memory.c ---- */

/* The mappings of the process now that it is stopped. */
int wppi_memory_refresh(struct capture *c);
/* Records of the memory objects, once all classes have named theirs. */
void wppi_memobj_records(struct capture *c);
void wppi_memobjs_free(struct capture *c);

/* ---- copy.c: from the frozen process into the open generation ---- */

/* Memory to copy through is made meanwhile; the store is ours until wppi_copy_await(). */
int wppi_copy_begin(struct capture *c, struct wpp_store *st);
int wppi_copy_await(struct capture *c);
/* Before the freeze. */
int wppi_copy_prepare(struct capture *c, struct wpp_writer *w);
/* Copies all pages; the process is let go as soon as they are in our hands, if it is to go on. */
int wppi_pages_copy(struct capture *c, uint64_t *nr_pages);
/* Not before the writer has settled or is gone. */
void wppi_copy_free(struct capture *c);

/* ---- check.c: the process as a whole, by /proc ---- */

int wppi_check_process(struct capture *c);
/* The part that could have changed until it was stopped. */
int wppi_check_frozen(struct capture *c);

/* ---- clocks.c ---- */

/* CLOCK_MONOTONIC and CLOCK_BOOTTIME as the process sees them. */
void wppi_clocks_of(pid_t pid, uint64_t *monotonic_ns, uint64_t *boottime_ns);
/* Zeros when it can't be read. */
void wppi_boot_id(uint64_t *hi, uint64_t *lo);

/* ---- sync.c ---- */

/* Makes what the process wrote to its files durable. */
int wppi_files_sync(struct capture *c);

/* ---- memobj.c ---- */

/* Before a writer begins: drops old generations of the image when a full one would not fit. */
int wppi_make_room(struct capture *c, struct wpp_store *st, const char *image);

/* The memory object of a file, added when it is new. Takes ownership of @fd. NULL: out of memory.
 * The pointer is good until the next call.
 */
struct memobj *wppi_capture_memobj(struct capture *c, uint32_t kind, int fd, const char *name);

/*
 * The call of @t->asked with this number and first argument: ret is its result, its other arguments
 * are the tokens that were passed. NULL: it was not asked. Saves a class from remembering indices.
 */
const struct script_call *wppi_answer(const struct thread *t, long nr, uint64_t arg0);
/* Its result alone; -ENOSYS when it was not asked. */
int64_t wppi_answer_ret(const struct thread *t, long nr, uint64_t arg0);
/* /proc/PID/task/TID/status of the stopped thread, read once. NULL: it can't be read. */
const char *wppi_thread_status(const struct capture *c, struct thread *t);

/*
 * A class of state. Each callback may be NULL.
 *
 *   check    /proc only, nothing is stopped; refuses by wppi_refuse()
 *   ask      all threads are stopped; adds the system calls that thread @t has to make for us to
 *            @s (wppi_script_call); called once a thread, the first one is the leader. Only calls
 *            that neither block nor change anything. Remember indices and tokens in your state,
 *            or use wppi_answer().
 *   collect  all threads are stopped and have answered: wppi_script_ret(&t->asked, index),
 *            wppi_script_result(&t->asked, token); appends records to c->pcb
 *   done     frees the class' state; also runs after an error in any of the others
 *
 * They return 0 or a negative code that ends the capture; a refusal is not an error code, it is
 * counted in c->notes.
 */
struct capture_class {
	const char *name;
	int (*check)(struct capture *c);
	int (*ask)(struct capture *c, struct thread *t, struct script *s);
	int (*collect)(struct capture *c);
	void (*done)(struct capture *c);
};

extern const struct capture_class
	wppi_capture_threads; /* registers, rseq, robust lists, altstack */
extern const struct capture_class wppi_capture_signals; /* actions, masks, pending */
extern const struct capture_class wppi_capture_timers;	/* itimers, POSIX timers */
extern const struct capture_class wppi_capture_limits;	/* resource limits */
extern const struct capture_class wppi_capture_creds;	/* credentials, capabilities */
extern const struct capture_class wppi_capture_sched;	/* policy, nice, affinity, ioprio, slack */
extern const struct capture_class
	wppi_capture_process; /* ids, session, cwd, umask, personality, exe */
extern const struct capture_class wppi_capture_files;  /* descriptors and all that is behind them */
extern const struct capture_class wppi_capture_memory; /* regions, memory objects, mm, vdso */

#endif
