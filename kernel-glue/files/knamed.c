/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Files that a name leads to: regular files, directories, O_PATH, and those of
 * /proc and /sys; devices that are the same everywhere; a process' pidfd of itself.
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/pid.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"
#include "track/proc.h"
#include "record/filesystem.h"

/* ---- Regular files, directories, O_PATH ---- */

/* Of a process that triggers itself. The recreator opens it by its name as a file of /proc. */
static bool is_trigger(const struct wppk_file *f)
{
	return S_ISCHR(f->st.mode) && !strcmp(f->link, WPP_KO_TRIGGER);
}

static bool match_reg(struct wppk_member *m, const struct wppk_file *f)
{
	return is_trigger(f) || (S_ISREG(f->st.mode) && f->link[0] == '/' &&
				 (wppr_fs_is_pseudo(wppk_file_fs(f)) || wppk_file_named(f)));
}

static bool match_dir(struct wppk_member *m, const struct wppk_file *f)
{
	return S_ISDIR(f->st.mode) && (wppr_fs_is_pseudo(wppk_file_fs(f)) || wppk_file_named(f));
}

static bool match_path(struct wppk_member *m, const struct wppk_file *f)
{
	return f->flags & O_PATH && wppk_file_named(f);
}

static int collect_named(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	if (wppr_fs_is_pseudo(wppk_file_fs(f)) || is_trigger(f))
		rec->aux = WPP_AUX_PSEUDO;
	return 0;
}

const struct wppk_file_kind wppk_file_reg = {
	.kind = WPP_OFD_REG,
	.match = match_reg,
	.collect = collect_named,
};

const struct wppk_file_kind wppk_file_dir = {
	.kind = WPP_OFD_DIR,
	.match = match_dir,
	.collect = collect_named,
};

const struct wppk_file_kind wppk_file_path = {
	.kind = WPP_OFD_PATH,
	.match = match_path,
	.collect = collect_named,
};

/* ---- /dev/null and its kin ---- */

static bool match_chr(struct wppk_member *m, const struct wppk_file *f)
{
	return S_ISCHR(f->st.mode) && wppr_memory_device(MAJOR(f->st.rdev), MINOR(f->st.rdev));
}

const struct wppk_file_kind wppk_file_chr = {
	.kind = WPP_OFD_CHR,
	.match = match_chr,
};

/* ---- A process' descriptor of itself ---- */

static bool match_pidfd(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[pidfd]");
}

static int check_pidfd(struct wppk_member *m, struct wppk_file *f)
{
	struct pid *pid = wppk_pidfd_pid(f->file);

	if (pid != m->proc->pid)
		wppk_file_drop(m, f, "pidfd", "is a pidfd of process %d", pid_nr(pid));
	return 0;
}

const struct wppk_file_kind wppk_file_pidfd = {
	.kind = WPP_OFD_PIDFD,
	.match = match_pidfd,
	.check = check_pidfd,
};
