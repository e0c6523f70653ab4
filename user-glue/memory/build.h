/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A new process while it is built: its address space is empty but for a hole in
 * which the executor of scripts lies. Memory comes first, then threads.
 */
#ifndef WPP_BUILD_H
#define WPP_BUILD_H

#include <sys/mman.h>

#include "base/tree.h"
#include "stop/script.h"

/* Bytes of a place, in which page spaces count (FORMAT.md 1.1); 64 bits wide. */
#define PLACE ((uint64_t)WPP_PAGE_SIZE)

/* The hole: the executor with its calls, then the parked vdso. */
#define AREA_LEN (32u << 20) /* for a hundred thousand signals of a thread; touched as used */
#define ROOM_LEN (AREA_LEN + (1u << 20))

/* A file that the address space maps, opened by the caller after it was compared. */
struct map_file {
	char *path; /* owned */
	bool writable;
	int fd;	    /* ours */
	int remote; /* in the new process, while its mappings are made; -1 */
};

/* A mapping to be made. */
struct mapping {
	uint64_t start, end, off;
	uint64_t object;
	uint64_t advice;
	uint32_t kind;	/* enum wpp_region_kind */
	uint32_t flags; /* for mmap() */
	int prot;
	int file;		/* index, -1: none */
	bool filled;		/* has pages of its own in the image */
	bool tried, registered; /* with userfaultfd, while it is filled */
};

/* May the process write to it, now or after mprotect()? */
static inline bool wppi_may_write(const struct mapping *m)
{
	return (m->advice & WPP_ADVICE_MAYWRITE) || (m->prot & PROT_WRITE);
}

/* A thread of the new process. */
struct new_thread {
	uint32_t tid; /* in the image */
	pid_t outer;  /* in our pid namespace; 0: not made yet */
};

/* How the vdso is brought back. */
enum vdso_mode {
	VDSO_NONE,  /* the image has none */
	VDSO_SAME,  /* same build: ours is moved to its address */
	VDSO_PATCH, /* another build: the old code is kept and led to ours */
};

struct vdso_part {
	uint64_t start, len;
};

struct vdso {
	enum vdso_mode mode;
	struct wpp_rec_vdso rec;
	struct vdso_part part[4]; /* of the new process: vvar pages, then the vdso */
	unsigned int nr_parts;
	uint64_t own; /* address of the new process' vdso code now */
	uint64_t own_len;
	const uint8_t *id; /* build-id of the image's */
	size_t id_len;
	uint64_t span; /* bytes from the first part to the end of the last */
};

struct build {
	struct member *m;
	int peer;	/* our end of the control socket */
	pid_t pid;	/* in our pid namespace; 0: none yet */
	bool trap_safe; /* SIGTRAP can end scripts */
	uint64_t room;	/* start of the hole that is free in both layouts */
	struct script_area area;
	struct script s; /* being built */

	struct mapping *maps; /* ascending */
	size_t nr_maps;
	struct map_file *files;
	size_t nr_files;
	int *remote;	     /* of each memory object: its number in the new process */
	size_t nr_told;	     /* of them, whose numbers are known */
	uint64_t exe_object; /* the deleted executable is this memory object; 0: is not deleted */
	uint64_t exe_mtime_ns;
	int exe; /* index of the executable in files, -1 */
	struct vdso vdso;
	int uffd, remote_uffd; /* userfaultfd of the new process: ours, its number there; -1 */

	struct new_thread *threads; /* the leader first */
	size_t nr_threads;
};

/* Runs b->s on the leader and empties it. The note says what failed: @what. */
int wppi_build_run(struct build *b, const char *what);
int wppi_build_run_on(struct build *b, pid_t tid, const char *what);
/* The same when the script is nearly full. */
int wppi_build_run_full(struct build *b, const char *what);
/* Reads pages of the image and verifies them; what is damaged is noted. */
int wppi_runs_read(struct tree *t, const struct wpp_run *run, uint32_t nr, void *buf);
/* Says where an image is damaged. Returns @err. */
int wppi_damaged(struct tree *t, const struct wpp_diag *diag, int err);

#endif
