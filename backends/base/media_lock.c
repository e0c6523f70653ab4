/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One writer, or many readers, per medium: flock(2) on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/media_lock.h"

/* Who holds a lock on it? 0: unknown. */
static int holder(const struct stat *st)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int major_nr, minor_nr;
	unsigned long long ino;
	int pid = 0, found = 0;
	char line[256];

	if (!locks)
		return 0;
	while (!found && fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_nr, &minor_nr,
			   &ino) != 4)
			continue;
		if (ino == st->st_ino && major_nr == major(st->st_dev) &&
		    minor_nr == minor(st->st_dev))
			found = pid;
	}
	fclose(locks);
	return found > 0 ? found : 0;
}

static void command_of(int pid, char *name, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(name, size, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, (int)size, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

static int busy(int fd, const char *name, struct wpp_media_error *err)
{
	char command[32];
	struct stat st;
	int pid = fstat(fd, &st) ? 0 : holder(&st);

	if (!pid)
		return wppi_fail(err, WPP_EBUSY,
				 "%s: another process uses this medium; try again when it is done",
				 name);
	command_of(pid, command, sizeof(command));
	return wppi_fail(err, WPP_EBUSY,
			 "%s: process %d (%s) uses this medium; try again when it is done", name,
			 pid, command);
}

static int open_failed(int code, const char *name, struct wpp_media_error *err)
{
	int failed = wppi_from_errno(code);

	if (failed == WPP_ENOENT)
		return wppi_fail(err, failed, "%s: there is no medium yet", name);
	if (failed == WPP_EPERM)
		return wppi_fail(err, failed,
				 "%s: not permitted; become its owner, or set path in [wpp] of "
				 "wpp.conf",
				 name);
	return wppi_fail(err, failed, "%s: can't be opened: %s", name, strerror(code));
}

static int lock(int fd, const char *name, uint32_t flags, struct wpp_media_error *err)
{
	int op = (flags & WPP_MEDIA_RDONLY ? LOCK_SH : LOCK_EX) |
		 (flags & WPP_MEDIA_WAIT ? 0 : LOCK_NB);

	if (flags & WPP_MEDIA_NOLOCK || !flock(fd, op))
		return 0;
	if (errno == EWOULDBLOCK)
		return busy(fd, name, err);
	return wppi_fail(err, wppi_from_errno(errno), "%s: can't be locked: %s", name,
			 strerror(errno));
}

/* A medium that was just made anew is another file under the same name. */
static bool is_still_there(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int wppi_media_lock(const char *path, const char *name, uint32_t flags, int *fd,
		    struct wpp_media_error *err)
{
	int mode = (flags & WPP_MEDIA_RDONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK, code;

	for (;;) {
		*fd = open(path, mode);
		if (*fd < 0)
			return open_failed(errno, name, err);
		code = lock(*fd, name, flags, err);
		if (!code && is_still_there(*fd, path))
			return 0;
		close(*fd);
		*fd = -1;
		if (code)
			return code;
	}
}

bool wppi_media_is_blank(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	return !st.st_size || (lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO);
}
