/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Descriptors and what is behind them: one file for each kind. The leader
 * copies its table; names and kinds are found by us, from our root; the records
 * are made by the leader, whose calls into a file may need its address space.
 */
#ifndef WPPK_KFILES_H
#define WPPK_KFILES_H

#include <linux/fcntl.h>
#include <linux/net.h>
#include <linux/stat.h>

#include "state/kmember.h"

struct wppk_file_kind;
struct wppk_tty;

/* An open file description. */
struct wppk_file {
	u64 id;	 /* from 1 */
	int num; /* lowest descriptor */
	struct file *file;
	const struct wppk_file_kind *kind; /* NULL: refused */
	u64 flags;
	struct kstat st;
	char *link;	      /* what /proc/PID/fd/NUM leads to */
	char *info;	      /* what its show_fdinfo() says */
	struct wppk_tty *tty; /* NULL: it is no terminal */
	void *state;	      /* of the kind, kvfree()d */
};

struct wppk_fd {
	int num;
	int first; /* lowest descriptor of the same description */
	bool cloexec;
	u32 index;	   /* of its description */
	struct file *file; /* a reference */
};

struct wppk_files {
	u32 nr, nr_fds;
	struct wppk_fd *fds; /* ascending */
	struct wppk_file *v;
	unsigned long page; /* a page of the process for calls that need one; 0: none yet */
};

/*
 * A kind of file. Each callback but @match may be NULL.
 *   match    is this file of the kind?
 *   check    by us: refuses what it can't carry by wppk_file_drop(), looks up names
 *   collect  by the leader: completes the OFD record and adds those of the kind
 */
struct wppk_file_kind {
	u32 kind; /* enum wpp_ofd_kind */
	bool (*match)(struct wppk_member *m, const struct wppk_file *f);
	int (*check)(struct wppk_member *m, struct wppk_file *f);
	int (*collect)(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec);
};

extern const struct wppk_file_kind wppk_file_path, wppk_file_stdio, wppk_file_tty, wppk_file_pidfd,
	wppk_file_memobj, wppk_file_reg, wppk_file_dir, wppk_file_chr, wppk_file_pipe,
	wppk_file_fifo, wppk_file_socket, wppk_file_eventfd, wppk_file_timerfd, wppk_file_signalfd,
	wppk_file_inotify, wppk_file_epoll;

/* kfiles.c */
extern const struct wppk_class wppk_class_files;
int wppk_sync_descriptors(struct wppk_member *m);

/* kfdtable.c: by the leader, its table as m->files. */
int wppk_files_copy(struct wppk_member *m);
void wppk_files_free(struct wppk_member *m);
const struct wppk_file *wppk_find_fd(const struct wppk_member *m, int num);

/* Refuses the file. */
#define wppk_file_drop(m, f, name, fmt, ...)                                         \
	do {                                                                         \
		(f)->kind = NULL;                                                    \
		wppk_refuse(&(m)->tree->notes, name, "descriptor %d " fmt, (f)->num, \
			    ##__VA_ARGS__);                                          \
	} while (0)

/* kfile.c */
unsigned long wppk_file_fs(const struct wppk_file *f);
bool wppk_file_named(const struct wppk_file *f);
/* Names a file for people: replaces f->link. */
__printf(2, 3) int wppk_file_describe(struct wppk_file *f, const char *fmt, ...);
/* Text of a file's show_fdinfo(), NUL-terminated; kvfree() it. ERR_PTR. */
char *wppk_fdinfo(struct file *file);
/* The value behind "key:" in fdinfo; @def when absent. */
u64 wppk_info_value(const struct wppk_file *f, const char *key, int base, u64 def);
/* The next line of fdinfo that starts with @prefix, behind it; *@pos = f->info at first. */
const char *wppk_info_line(const char **pos, const char *prefix);

/* lent_page.c: by the leader, a page of its memory; given back when the records are made. NULL. */
void __user *wppk_files_page(struct wppk_member *m);
void wppk_files_page_drop(struct wppk_files *fs);

/* Is the other end of the pipe or the peer held by somebody else only? */
bool wppk_pipe_outside(struct wppk_member *m, const struct wppk_file *f);
bool wppk_unix_outside(struct wppk_member *m, const struct wppk_file *f);
/* By the leader: settings of a terminal; NULL when it is none, ERR_PTR. */
struct wppk_tty *wppk_tty_look(struct wppk_member *m, struct file *file);
/* Leases are refused; other locks have records. */
void wppk_locks_check(struct wppk_member *m, struct wppk_file *f);
int wppk_locks_collect(struct wppk_member *m, const struct wppk_file *f);

#endif
