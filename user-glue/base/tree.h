/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A tree is one act on one image: its members are saved together or recreated
 * together. What they share is the tree's: ids, page spaces, memory objects,
 * the record streams, the store; what each has for itself is the member's.
 */
#ifndef WPP_TREE_H
#define WPP_TREE_H

#include <record/ids.h>
#include <record/tree.h>
#include <wpp/store.h>

#include "base/notes.h"
#include "base/proc.h"
#include "base/records.h"
#include "base/vma.h"

/* Memory that no disk keeps: shared, or of a file that only the tree still knows. */
struct memobj {
	uint64_t id; /* from 1 */
	int fd;	     /* ours, readable; -1: closed */
	bool made;   /* recreation: a named file that was not there before */
	char *name;  /* owned */
	struct wpp_rec_memobj rec;
};

struct tree {
	struct wpp_store *store;
	struct notes notes;
	struct member *members; /* owned, the root first */
	size_t nr_members;
	struct memobj *objs; /* owned, ascending ids */
	size_t nr_objs;
	uint64_t nr_pages; /* copied or read so far */

	/* Saving. */
	struct wppr_ids ids;
	struct buf pcb, regions; /* the record streams as they grow */
	struct copier *copier;
	bool no_sync;
	bool go_on;	    /* let it go on when it is copied; else it is killed when durable */
	uint64_t called_ns; /* when all began */
	uint64_t frozen_since_ns; /* 0: it is not stopped */
	uint64_t frozen_ns;
	uint64_t sync_ns;

	/* Recreating. */
	struct wpp_recreate how;
	struct wpp_reader *reader;
	struct wpp_generation generation;
	struct records in_pcb, in_regions; /* the streams, verified */
	struct wpp_rec_machine machine;
	uint64_t clock_shift_ns; /* CLOCK_MONOTONIC of the image minus now, when a time namespace is
				    needed */
	uint64_t boot_shift_ns;	 /* CLOCK_BOOTTIME, likewise */
	uint64_t read_ns;	 /* spent in reading and verifying */
};

struct member {
	struct tree *tree;
	pid_t pid;	/* task of its records; when it is saved, in our pid namespace */
	uint32_t space; /* page space of its address space */

	/* Being saved. */
	int pidfd;
	int mem;		/* /proc/PID/mem, read and write */
	struct thread *threads; /* all of them, stopped (stop/stop.h); the leader first */
	size_t nr_threads;
	struct sleeper *sleepers;
	size_t nr_sleepers;
	struct vma_list vmas;
	int stop_signal; /* it is stopped by this signal (group stop), or 0 */
	uint64_t blob;	 /* code of arch.h in the process, or 0 */
	int mark;	 /* signal of its marks, or 0: stop at each call */

	/* Being recreated. */
	struct wpp_rec_process rec;
	int control;	     /* in the new process: socket to the caller; not for classes */
	struct build *build; /* what it is built with (memory/build.h) */
};

#define wppi_for_members(m, t) for ((m) = (t)->members; (m) < (t)->members + (t)->nr_members; (m)++)

/* ---- The records of an image, by whom they belong to ---- */

/* The member's own: of the process, its descriptors and regions. */
struct rec_cursor wppi_own(const struct member *m, uint16_t type);
/* What members share: open files, pipes, memory objects. With an id: those of this object. */
struct rec_cursor wppi_shared(const struct tree *t, uint16_t type);
struct rec_cursor wppi_shared_of(const struct tree *t, uint16_t type, uint64_t id);
/* The first of them. False: there is none. */
bool wppi_shared_find(const struct tree *t, uint16_t type, uint64_t id, struct wpp_rec *rec);
/* The first record of a type for the member or one of its threads. False: there is none. */
bool wppi_find(const struct member *m, uint16_t type, uint32_t task, struct wpp_rec *rec);
/* The descriptor of a memory object, or -1. */
int wppi_memobj_fd(const struct tree *t, uint64_t id);

#endif
