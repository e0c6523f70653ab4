/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Terminals, and standard streams whose other side isn't ours to make: the one
 * who recreates gives new ones. A terminal gets the settings that the old one had.
 */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files/files.h"

static bool is_tty(const struct file *f)
{
	const char *slash = strrchr(f->link, '/');

	return S_ISCHR(f->st.st_mode) && isatty(f->fd) && slash && strcmp(slash, "/ptmx");
}

/* ---- Settings ---- */

static int collect_tty(struct files *fs, struct file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_tty rec = { 0 };
	struct termios2 settings;
	struct winsize size;

	(void)ofd;
	if (!is_tty(f) || ioctl(f->fd, TCGETS2, &settings))
		return 0;
	if (ioctl(f->fd, TIOCGWINSZ, &size) == 0) {
		rec.rows = size.ws_row;
		rec.cols = size.ws_col;
	}
	WPPI_REC(&fs->m->tree->pcb, TTY, 0, f->id, &rec, &settings, sizeof(settings));
	return 0;
}

/* A window of another size is told as the terminal would tell it. */
static int finish_tty(struct rebuild *b, struct ofd *o)
{
	struct termios2 settings;
	struct wpp_rec_tty tty;
	struct winsize size;
	struct wpp_rec rec;

	if (!isatty(o->fd) || !wppi_shared_find(b->m->tree, WPP_REC_TTY, o->id, &rec) ||
	    rec.tail_len != sizeof(settings))
		return 0;
	wpp_rec_get(&rec, (uint64_t *)&tty, WPP_REC_NR(tty));
	memcpy(&settings, rec.tail, sizeof(settings));
	if (ioctl(o->fd, TCSETS2, &settings))
		return -errno;
	if (ioctl(o->fd, TIOCGWINSZ, &size) == 0 &&
	    (size.ws_row != tty.rows || size.ws_col != tty.cols))
		kill(getpid(), SIGWINCH);
	return 0;
}

/* ---- Standard streams ---- */

static bool match_stdio(struct files *fs, const struct file *f)
{
	if (f->num > STDERR_FILENO)
		return false;
	return is_tty(f) || wppi_pipe_outside(fs, f) || wppi_unix_outside(fs, f);
}

static int collect_stdio(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	rec->aux = (uint64_t)f->num;
	return collect_tty(fs, f, rec);
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
	return finish_tty(b, o);
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
		wppi_child_note(b->m, WPP_NOTE_INFO, "tty",
				"the terminal %s isn't there: /dev/null takes its place", o->path);
		fd = open("/dev/null", flags);
	}
	return wppi_ofd_put(b, o, fd);
}

const struct file_kind wppi_file_tty = {
	.kind = WPP_OFD_TTY,
	.match = match_tty,
	.collect = collect_tty,
	.open = open_tty,
	.finish = finish_tty,
};
