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
	uint32_t mm_space;	 /* page space of the address space: WPP_SPACE_FIRST */
	struct script_area area; /* executor in the target, mapped while frozen */
};

/* The memory object of a file, added when it is new. Takes ownership of @fd. NULL: out of memory.
 */
struct memobj *wppi_capture_memobj(struct capture *c, uint32_t kind, int fd, const char *name);

/*
 * A class of state. @check: /proc only, nothing stopped; refuses by wppi_refuse(). @collect:
 * threads are stopped; appends records to c->pcb. Both return 0 or a negative code that ends the
 * capture; a refusal is not an error code, it is counted in c->notes.
 */
struct capture_class {
	const char *name;
	int (*check)(struct capture *c);
	int (*collect)(struct capture *c);
};

extern const struct capture_class
	wppi_capture_threads; /* registers, rseq, robust lists, altstack */
extern const struct capture_class wppi_capture_signals; /* actions, masks, pending */
extern const struct capture_class wppi_capture_timers;	/* itimers, POSIX timers */
extern const struct capture_class wppi_capture_creds; /* credentials, capabilities, limits, prctl */
extern const struct capture_class wppi_capture_sched; /* policy, nice, affinity, ioprio, slack */
extern const struct capture_class
	wppi_capture_process; /* ids, session, cwd, umask, personality, exe */
extern const struct capture_class wppi_capture_files;  /* descriptors and all that is behind them */
extern const struct capture_class wppi_capture_memory; /* regions, memory objects, mm, vdso */

#endif
