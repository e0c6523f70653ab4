/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Capturing a process. capture.c drives; each class of state is one file with
 * a check (before anything is stopped) and a collect (all threads stopped).
 */
#ifndef WPP_CAPTURE_H
#define WPP_CAPTURE_H

#include <sys/user.h>

#include "glue.h"
#include "script.h"

struct thread {
	pid_t tid;
	struct user_regs_struct regs; /* with system call restart already worked in */
	uint8_t *xsave;
	size_t xsave_len;
	uint64_t sigmask;
	int64_t syscall; /* number of the call it was blocked in, or -1 */
	bool restarted;
	struct script asked; /* the calls it made for us, with their results */
};

/* A mapping, as /proc/PID/maps and smaps tell. */
struct vma {
	uint64_t start, end, off;
	uint64_t dev, ino;
	uint32_t prot;	 /* PROT_* */
	uint32_t flags;	 /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, ... */
	uint64_t advice; /* wppi_advice bits */
	uint32_t kind;	 /* enum wpp_region_kind */
	uint32_t object; /* memory object id, 0: none */
	uint64_t object_off;
	char *path; /* owned; "" for anonymous */
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

struct capture {
	pid_t pid;
	int pidfd;
	struct notes notes;
	struct buf pcb;	    /* WPP_STREAM_PCB */
	struct buf regions; /* WPP_STREAM_REGIONS */
	struct thread *threads;
	size_t nr_threads;
	struct vma *vmas;
	size_t nr_vmas;
	struct memobj *objs;
	size_t nr_objs;
	uint32_t mm_space; /* page space of the address space: WPP_SPACE_FIRST */
	int stop_signal;   /* it is stopped by this signal (group stop), or 0 */
	/* What a class keeps between its calls: one pointer each, allocated and freed by the class.
	 */
	struct capture_signals_state *signals;
	struct capture_timers_state *timers;
	struct capture_process_state *process;
	struct capture_files_state *files;
};

/* The memory object of a file, added when it is new. Takes ownership of @fd. NULL: out of memory.
 */
struct memobj *wppi_capture_memobj(struct capture *c, uint32_t kind, int fd, const char *name);

/*
 * The call of @t->asked with this number and first argument: ret is its result, its other arguments
 * are the tokens that were passed. NULL: it was not asked. Saves a class from remembering indices.
 */
const struct script_call *wppi_answer(const struct thread *t, long nr, uint64_t arg0);
/* Its result alone; -ENOSYS when it was not asked. */
int64_t wppi_answer_ret(const struct thread *t, long nr, uint64_t arg0);

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
