/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Terminals, and standard streams whose other side isn't ours to make: the one
 * who recreates gives new ones. The settings of a terminal are kept.
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/uaccess.h>
#include <asm/termbits.h>

#include "files/kfiles.h"

struct wppk_tty {
	struct termios2 settings;
	struct winsize size;
};

/* ---- Settings ---- */

static int ask(struct file *file, unsigned int cmd, void __user *page, void *to, size_t len)
{
	long err = file->f_op->unlocked_ioctl(file, cmd, (unsigned long)page);

	if (err)
		return err;
	return copy_from_user(to, page, len) ? -EFAULT : 0;
}

struct wppk_tty *wppk_tty_look(struct wppk_member *m, struct file *file)
{
	struct inode *inode = file_inode(file);
	struct wppk_tty *tty;
	void __user *page;

	if (!S_ISCHR(inode->i_mode) || MAJOR(inode->i_rdev) == 1 || file->f_mode & FMODE_PATH ||
	    !file->f_op->unlocked_ioctl)
		return NULL;
	page = wppk_files_page(m);
	tty = kzalloc(sizeof(*tty), GFP_KERNEL_ACCOUNT);
	if (!page || !tty) {
		kfree(tty);
		return ERR_PTR(-ENOMEM);
	}
	if (ask(file, TCGETS2, page, &tty->settings, sizeof(tty->settings))) {
		kfree(tty);
		return NULL;
	}
	ask(file, TIOCGWINSZ, page, &tty->size, sizeof(tty->size));
	return tty;
}

static int collect_tty(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_tty rec = { 0 };

	if (!f->tty)
		return 0;
	rec.rows = f->tty->size.ws_row;
	rec.cols = f->tty->size.ws_col;
	WPPK_REC_SHARED(m, TTY, f->id, &rec, &f->tty->settings, sizeof(f->tty->settings));
	return 0;
}

/* ---- The kinds ---- */

static bool is_tty(const struct wppk_file *f)
{
	const char *slash = strrchr(f->link, '/');

	return f->tty && slash && strcmp(slash, "/ptmx");
}

static bool match_stdio(struct wppk_member *m, const struct wppk_file *f)
{
	return f->num <= 2 && (is_tty(f) || wppk_pipe_outside(m, f) || wppk_unix_outside(m, f));
}

static int collect_stdio(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	rec->aux = f->num;
	return collect_tty(m, f, rec);
}

const struct wppk_file_kind wppk_file_stdio = {
	.kind = WPP_OFD_STDIO,
	.match = match_stdio,
	.collect = collect_stdio,
};

static bool match_tty(struct wppk_member *m, const struct wppk_file *f)
{
	return is_tty(f);
}

const struct wppk_file_kind wppk_file_tty = {
	.kind = WPP_OFD_TTY,
	.match = match_tty,
	.collect = collect_tty,
};
