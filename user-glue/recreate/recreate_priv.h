/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of the recreate driver share; classes see recreate.h only. */
#ifndef WPP_RECREATE_PRIV_H
#define WPP_RECREATE_PRIV_H

#include <sys/mman.h>
#include <sys/user.h>

#include "recreate/recreate.h"

#define PAGE	 4096ull
#define ADDR_MAX 0x00fffffffffff000ull /* end of the largest user address space, 57 bits */

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

/* A memory object; r.objs has the descriptor. */
struct object {
	struct wpp_rec_memobj rec;
	char *name; /* owned */
	int remote; /* its number in the new process */
	bool made;  /* a named file that was not there before */
};

struct build {
	struct recreate r; /* what the classes see */
	struct wpp_recreate how;
	struct wpp_store *store;
	struct wpp_generation generation;
	uint32_t mm_space;
	struct mapping *maps; /* ascending */
	size_t nr_maps;
	struct map_file *files;
	size_t nr_files;
	struct object *objs; /* as r.objs */
	size_t nr_told;	     /* of them, whose numbers in the new process are known */
	uint64_t exe_object; /* the deleted executable is this memory object; 0: is not deleted */
	uint64_t exe_mtime_ns;
	int exe;		    /* index of the executable in files, -1 */
	struct new_thread *threads; /* the leader first */
	size_t nr_threads;
	uint64_t boot_shift_ns; /* CLOCK_BOOTTIME, as r.clock_shift_ns */

	int peer;	/* our end of the control socket */
	pid_t pid;	/* in our pid namespace; 0: none yet */
	bool trap_safe; /* SIGTRAP can end scripts */
	uint64_t room;	/* start of the hole that is free in both layouts */
	struct script_area area;
	struct script s; /* being built */
	struct vdso vdso;
	int uffd, remote_uffd; /* userfaultfd of the new process: ours, its number there; -1 */
	uint64_t nr_pages;
	uint64_t read_ns; /* spent in reading and verifying */
};

/* The hole: the executor with its calls, then the parked vdso. */
#define AREA_LEN (32u << 20) /* for a hundred thousand signals of a thread; touched as used */
#define ROOM_LEN (AREA_LEN + (1u << 20))

/* All classes, NULL-terminated, in the order of their calls. */
extern const struct recreate_class *const wppi_recreate_classes[];

/* ---- recreate_image.c ---- */
int wppi_image_open(struct build *b, struct wpp_store *st, const char *image);
void wppi_image_close(struct build *b);
/* Reads pages and verifies them; what is damaged is noted. */
int wppi_runs_read(struct build *b, const struct wpp_run *run, uint32_t nr, void *buf);
/* The fields of a record, native. */
#define WPPI_GET(rec, x) wpp_rec_get((rec), (uint64_t *)(x), WPP_REC_NR(*(x)))

/* ---- recreate_regions.c ---- */
int wppi_regions_prepare(struct build *b);
void wppi_regions_free(struct build *b);
int wppi_file_add(struct build *b, const char *name, bool writable, int fd);
bool wppi_may_write(const struct mapping *m);
/* The mapping that covers @addr, or NULL. */
struct mapping *wppi_mapping_at(struct build *b, uint64_t addr);

/* ---- recreate_changed.c: files against what was recorded ---- */
struct was_file {
	const char *what; /* "mapped", "executable" */
	const char *path;
	uint64_t ino, size, mtime_ns;
};
/* Compares an open file; 0, or WPP_EREFUSED (counted in the notes by strict). */
int wppi_file_compare(struct recreate *r, const struct was_file *was, int fd);

/* ---- recreate_objects.c ---- */
int wppi_objects_make(struct build *b);
/* After all mappings are made: what would have hindered them. */
int wppi_objects_seal(struct build *b);
/* Descriptor number of an object in the new process, or -1. */
int wppi_object_remote(const struct build *b, uint64_t id);
/* Closes our descriptors of them. */
void wppi_objects_close(struct build *b);
/* @failed: files that were made are removed again. */
void wppi_objects_free(struct build *b, bool failed);

/* ---- recreate_start.c: the new process, until it stops for us ---- */
int wppi_process_start(struct build *b);
/* Says whose the id is, and what to do. */
void wppi_pid_taken(pid_t pid, char *text, size_t cap);

/* ---- recreate_child.c: in the new process ---- */
_Noreturn void wppi_child_main(struct build *b);

/* Messages on the control socket. */
enum message_type {
	MESSAGE_PID = 1, /* value: pid of the new process; sent by its maker */
	MESSAGE_GO,	 /* from us: traced, go on */
	MESSAGE_NOTE,	 /* value: enum wpp_note_kind */
	MESSAGE_FAILED,	 /* value: error */
	MESSAGE_OBJECT,	 /* value: number of the next memory object */
	MESSAGE_READY,	 /* value: number of the control socket; the process stops itself now */
};
struct message {
	uint32_t type;
	int32_t value;
	char name[64];
	char text[960];
};
int wppi_message_send(int sock, uint32_t type, int value, const char *name, const char *text);

/* ---- recreate_memory.c ---- */
int wppi_memory_replace(struct build *b);
int wppi_memory_protect(struct build *b);
int wppi_memory_finish(struct build *b);

/* ---- recreate_locks.c ---- */
int wppi_locks_again(struct build *b);

/* ---- recreate_fill.c ---- */
int wppi_memory_fill(struct build *b);

/* ---- recreate_put.c ---- */
int wppi_put_begin(struct build *b);
/* Bytes of whole pages that lie in one mapping. May run on another thread than the tracer's. */
int wppi_put(struct build *b, struct mapping *m, uint64_t addr, const uint8_t *buf, uint64_t len);
int wppi_put_end(struct build *b);

/* ---- recreate_threads.c ---- */
int wppi_threads_prepare(struct build *b);
int wppi_threads_check_free(struct build *b);
int wppi_threads_make(struct build *b);
int wppi_threads_restore(struct build *b);
int wppi_threads_release(struct build *b);

/* ---- vdso.c ---- */
int wppi_vdso_prepare(struct build *b);
struct vma_list;
int wppi_vdso_find(struct build *b, const struct vma_list *own);
void wppi_vdso_park(struct build *b);
int wppi_vdso_place(struct build *b);

/* ---- timens.c ---- */
int wppi_timens_prepare(struct build *b);
/* In the maker: its next child runs with the shifted clocks. */
int wppi_timens_enter(const struct build *b);

/* ---- pidns.c ---- */
/*
 * In the maker: its next child lives in a new pid namespace, whose first process stands ready.
 * A byte written to *@init tells it that the child is there; the end of the pipe, that it failed.
 */
int wppi_pidns_enter(const struct build *b, int *init);
/* In the new process: /proc shows the new namespace. */
void wppi_pidns_mount(struct build *b);
/* Our numbers of the threads that the namespace counts by its own. */
int wppi_pidns_translate(struct build *b);

/* Runs b->s on the leader and empties it. The note says what failed: @what. */
int wppi_build_run(struct build *b, const char *what);
int wppi_build_run_on(struct build *b, pid_t tid, const char *what);
/* The same when the script is nearly full. */
int wppi_build_run_full(struct build *b, const char *what);

#endif
