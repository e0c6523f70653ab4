/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Character devices that are the same everywhere, terminals, and the standard streams. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files.h"

/* ---- /dev/null and its kin ---- */

static const char *memory_device(uint64_t rdev)
{
	static const char *const names[] = { [3] = "/dev/null",
					     [5] = "/dev/zero",
					     [7] = "/dev/full",
					     [8] = "/dev/random",
					     [9] = "/dev/urandom" };

	if (major(rdev) != 1 || minor(rdev) >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[minor(rdev)];
}

static bool match_chr(struct files *fs, const struct file *f)
{
	(void)fs;
	return S_ISCHR(f->st.st_mode) && memory_device(f->st.st_rdev);
}

static int open_chr(struct rebuild *b, struct ofd *o)
{
	const char *name = memory_device(o->rec.rdev);

	if (!name)
		return WPP_ECORRUPT;
	return wppi_ofd_put(b, o, open(name, wppi_open_flags(o->rec.flags) & ~O_ASYNC));
}

const struct file_kind wppi_file_chr = {
	.kind = WPP_OFD_CHR,
	.match = match_chr,
	.open = open_chr,
};

/* ---- Standard streams whose other side isn't ours to make ---- */

static bool is_tty(const struct file *f)
{
	const char *slash = strrchr(f->link, '/');

	return S_ISCHR(f->st.st_mode) && isatty(f->fd) && slash && strcmp(slash, "/ptmx");
}

static bool match_stdio(struct files *fs, const struct file *f)
{
	if (f->num > STDERR_FILENO)
		return false;
	return is_tty(f) || wppi_pipe_outside(fs, f) || wppi_unix_outside(fs, f);
}

static int collect_stdio(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	(void)fs;
	rec->aux = (uint64_t)f->num;
	return 0;
}

/* The starter's stream itself: its flags and position are shared with the starter. */
static int open_stdio(struct rebuild *b, struct ofd *o)
{
	int given;

	if (o->rec.aux > STDERR_FILENO)
		return WPP_ECORRUPT;
	given = b->stdio[o->rec.aux];
	if (given >= 0)
		return wppi_ofd_put(b, o, dup(given));
	return wppi_ofd_put(b, o, open("/dev/null", O_RDWR | O_CLOEXEC));
}

/* Descriptors 0, 1 and 2 that shared one terminal may now be three different streams. */
static int finish_stdio(struct rebuild *b, struct ofd *o)
{
	for (size_t i = 0; i < o->nr_nums; i++) {
		const struct fd_num *n = &b->nums[o->first_num + i];

		if (n->num > STDERR_FILENO || b->stdio[n->num] < 0)
			continue;
		if (dup3(b->stdio[n->num], n->num, n->cloexec ? O_CLOEXEC : 0) < 0)
			return -errno;
	}
	return 0;
}

const struct file_kind wppi_file_stdio = {
	.kind = WPP_OFD_STDIO,
	.match = match_stdio,
	.collect = collect_stdio,
	.open = open_stdio,
	.finish = finish_stdio,
};

/* ---- Terminals besides the standard streams ---- */

static bool match_tty(struct files *fs, const struct file *f)
{
	(void)fs;
	return is_tty(f);
}

/* The new terminal is the one that recreation was started from. */
static int open_tty(struct rebuild *b, struct ofd *o)
{
	int flags = wppi_open_flags(o->rec.flags) & ~O_ASYNC, fd = -1;

	for (int i = 0; i < 3 && fd < 0; i++) {
		if (b->stdio[i] >= 0 && isatty(b->stdio[i]))
			fd = wppi_fd_reopen(b->stdio[i], o->rec.flags);
	}
	if (fd < 0) {
		wppi_child_note(b->r, WPP_NOTE_INFO, "tty",
				"the terminal %s isn't there: /dev/null takes its place", o->path);
		fd = open("/dev/null", flags);
	}
	return wppi_ofd_put(b, o, fd);
}

const struct file_kind wppi_file_tty = {
	.kind = WPP_OFD_TTY,
	.match = match_tty,
	.open = open_tty,
};

/* ---- A process' descriptor of itself ---- */

static bool match_pidfd(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[pidfd]");
}

static int check_pidfd(struct files *fs, struct file *f)
{
	long pid = (long)wppi_file_info(f, "Pid", 10, 0);

	if (pid == fs->c->pid)
		return 0;
	wppi_refuse(&fs->c->notes, "pidfd", "descriptor %d is a pidfd of process %ld", f->num, pid);
	f->kind = NULL;
	return 0;
}

static int open_pidfd(struct rebuild *b, struct ofd *o)
{
	return wppi_ofd_put(b, o,
			    (int)syscall(SYS_pidfd_open, getpid(), o->rec.flags & O_NONBLOCK));
}

const struct file_kind wppi_file_pidfd = {
	.kind = WPP_OFD_PIDFD,
	.match = match_pidfd,
	.check = check_pidfd,
	.open = open_pidfd,
};
