/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Character devices that are the same everywhere, and a process' descriptor of itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/files.h"
#include "record/filesystem.h"

/* ---- /dev/null and its kin ---- */

static bool match_chr(struct files *fs, const struct file *f)
{
	(void)fs;
	return S_ISCHR(f->st.st_mode) &&
	       wppr_memory_device(major(f->st.st_rdev), minor(f->st.st_rdev));
}

static int open_chr(struct rebuild *b, struct ofd *o)
{
	const char *name = wppr_memory_device(major(o->rec.rdev), minor(o->rec.rdev));

	if (!name)
		return WPP_ECORRUPT;
	return wppi_ofd_put(b, o, open(name, wppi_open_flags(o->rec.flags) & ~O_ASYNC));
}

const struct file_kind wppi_file_chr = {
	.kind = WPP_OFD_CHR,
	.match = match_chr,
	.open = open_chr,
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

	if (pid == fs->m->pid)
		return 0;
	wppi_refuse(fs->m, "pidfd", "descriptor %d is a pidfd of process %ld", f->num, pid);
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
