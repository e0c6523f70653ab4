/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is behind descriptors: one file for each kind, with its capture and its
 * recreation next to each other. file_capture.c and file_rebuild.c drive and know
 * the kinds by the list in file_kinds.c; file_table.c and file_ofd.c are what the
 * kinds build on.
 */
#ifndef WPP_FILES_H
#define WPP_FILES_H

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/child.h"
#include "base/class.h"

struct file_kind;
struct build;

/* A descriptor; @file is the index of its open file description. */
struct fd_num {
	int num;
	bool cloexec;
	size_t file;
};

/* ---- Capture ---- */

struct file {
	uint64_t id; /* of the open file description, from 1 */
	const struct file_kind *kind;
	int num; /* lowest descriptor in the process */
	int fd;	 /* the same open file description, ours, while check and collect run */
	uint64_t flags;
	int64_t pos;
	struct stat st;
	char *link; /* what /proc/PID/fd/NUM leads to */
	char *info; /* /proc/PID/fdinfo/NUM */
};

struct files {
	struct member *m;
	bool frozen;
	struct file *v;
	size_t nr;
	struct fd_num *nums; /* ascending */
	size_t nr_nums;
	struct unix_table *unix_table; /* sock_diag's answer, read when first needed */
	size_t nr_reset;	       /* TCP connections that will be reset */
	char first_reset[256];
};

int wppi_files_scan(struct files *fs, struct member *m);
void wppi_files_free(struct files *fs);
/* A note that is said once, before the freeze. */
#define wppi_files_info(fs, ...)                                                      \
	do {                                                                          \
		if (!(fs)->frozen)                                                    \
			wppi_note(&(fs)->m->tree->notes, WPP_NOTE_INFO, __VA_ARGS__); \
	} while (0)
/* A value of fdinfo in the given base; @def when absent. */
uint64_t wppi_file_info(const struct file *f, const char *key, int base, uint64_t def);
/* Lines of fdinfo that start with @prefix: (*pos = f->info first) the text after it, or NULL. */
const char *wppi_file_line(const char **pos, const char *prefix);
/* Opens the file anew through /proc; -errno. */
int wppi_file_reopen(const struct files *fs, const struct file *f, int flags);
/* Another description of the same pipe or FIFO with access mode @acc; NULL: none. */
const struct file *wppi_pipe_end(const struct files *fs, const struct file *f, int acc);
/* Is the other end held by somebody else only? */
bool wppi_pipe_outside(struct files *fs, const struct file *f);
bool wppi_unix_outside(struct files *fs, const struct file *f);
int wppi_locks_check(struct files *fs, struct file *f);
void wppi_locks_collect(struct files *fs, struct file *f);
/* The name and reason to refuse a file that no kind takes. */
bool wppi_file_refuse(struct files *fs, const struct file *f);

/* ---- Recreate ---- */

struct ofd {
	uint64_t id;
	struct wpp_rec_ofd rec;
	const struct file_kind *kind;
	char *path;		   /* the tail, NUL-terminated */
	size_t first_num, nr_nums; /* in rebuild.nums */
	int fd;			   /* in the child: its lowest number; -1: not made yet */
};

struct rebuild {
	struct member *m;
	struct ofd *v; /* ascending ids */
	size_t nr;
	struct fd_num *nums; /* by file, ascending in each */
	size_t nr_nums;
	int top;      /* above the highest number */
	int gap;      /* first of the numbers where what isn't of the image may be */
	int stdio[3]; /* of how */
};

/* Words for one of our codes or an errno value. */
const char *wppi_why(int err);
/* For qsort(): by id. */
int wppi_ofd_compare(const void *a, const void *b);
struct ofd *wppi_ofd_find(struct rebuild *b, uint64_t id);
/* Moves a new descriptor out of the way of the image's. The new number or -errno; @fd is used up.
 */
int wppi_hoist(struct rebuild *b, int fd);
/* Gives @fd, which may be -1 with errno set, all the numbers of @o. 0 or -errno. */
int wppi_ofd_put(struct rebuild *b, struct ofd *o, int fd);
/* Makes another open file description of @fd's file. */
int wppi_fd_reopen(int fd, uint64_t flags);
/* Flags for open(): without what only counts when a file is made. */
int wppi_open_flags(uint64_t flags);
/* Takes the locks of the image; all else is in place. */
int wppi_locks_recreate(struct rebuild *b);
/* POSIX locks once more, when nothing closes a descriptor any more. */
int wppi_locks_again(struct build *b);

static inline struct flock wppi_lock_of(const struct wpp_rec_lock *l)
{
	return (struct flock){
		.l_type = (short)l->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)l->start,
		.l_len = (off_t)l->len,
	};
}

/*
 * A kind of file. Each callback but @match and @open may be NULL. They return 0 or a negative code.
 *
 *   match    is this file of the kind?
 *   check    refuses what it can't carry; runs before the freeze and again in it
 *   collect  completes the OFD record and adds those of the kind
 *   prepare  in the caller: compares with what is there now
 *   open     in the child: makes the file, and may make its partners too (wppi_ofd_put)
 *   finish   all descriptors have their numbers
 */
struct file_kind {
	uint32_t kind; /* enum wpp_ofd_kind */
	bool (*match)(struct files *fs, const struct file *f);
	int (*check)(struct files *fs, struct file *f);
	int (*collect)(struct files *fs, struct file *f, struct wpp_rec_ofd *rec);
	int (*prepare)(struct rebuild *b, struct ofd *o);
	int (*open)(struct rebuild *b, struct ofd *o);
	int (*finish)(struct rebuild *b, struct ofd *o);
};

extern const struct file_kind wppi_file_stdio, wppi_file_tty, wppi_file_path, wppi_file_memobj,
	wppi_file_reg, wppi_file_dir, wppi_file_chr, wppi_file_pipe, wppi_file_fifo,
	wppi_file_socket, wppi_file_eventfd, wppi_file_timerfd, wppi_file_signalfd,
	wppi_file_inotify, wppi_file_epoll, wppi_file_pidfd;
/* In the order in which they are asked to match and to finish. */
extern const struct file_kind *const wppi_file_kinds[];
extern const size_t wppi_nr_file_kinds;

extern const struct capture_class wppi_capture_files;
extern const struct recreate_class wppi_recreate_files;

#endif
