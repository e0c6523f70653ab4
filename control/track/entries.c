/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tracked processes of this machine, unless the module tracks them: one small file a name in a
 * directory that belongs to this boot. A process is named by pid and start time, so an entry whose
 * process is gone (or whose pid is somebody else's now) is stale. Everything is looked up below a
 * descriptor of the directory, and changed while it is locked: nobody removes as stale what
 * somebody else has just put in its place.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/text.h"
#include "control/track/entries.h"
#include "control/track/list.h"

/* The directory of this boot: below $XDG_RUNTIME_DIR, or /run for root. */
static int dir_path(char *dir, size_t cap)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *set = getenv("WPP_RUN_DIR");
	int len;

	if (set && *set)
		len = snprintf(dir, cap, "%s", set);
	else if (geteuid() == 0)
		len = snprintf(dir, cap, "/run/wpp");
	else if (xdg && *xdg)
		len = snprintf(dir, cap, "%s/wpp", xdg);
	else
		len = snprintf(dir, cap, "/tmp/wpp-%u", (unsigned int)geteuid());
	return len < 0 || (size_t)len >= cap ? -ENAMETOOLONG : 0;
}

/* Made when missing. A descriptor, or an error. */
static int dir_open(void)
{
	struct stat st;
	char dir[4096];
	int fd, err;

	err = dir_path(dir, sizeof(dir));
	if (err)
		return err;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? WPP_EPERM : -errno;
	/* in /tmp anybody could have made it */
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid()) {
		close(fd);
		return WPP_EPERM;
	}
	return fd;
}

/* Until the descriptor is closed. @how: LOCK_NB for who can do without. */
static int dir_open_locked(int how)
{
	int fd = dir_open(), err;

	while (fd >= 0 && flock(fd, LOCK_EX | how) != 0) {
		err = -errno;
		if (err == -EINTR)
			continue;
		close(fd);
		return err;
	}
	return fd;
}

/* ---- One entry ----------------------------------------------------------------------------- */

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : WPP_ENOSPC;
}

static int write_and_rename(int dir, const char *name, const char *text)
{
	char temporary[WPP_IMAGE_NAME_MAX + 24];
	int fd, err;

	snprintf(temporary, sizeof(temporary), "%s.%d~", name, getpid());
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, strlen(text));
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(dir, temporary, dir, name) != 0)
		err = -errno;
	if (err)
		unlinkat(dir, temporary, 0);
	return err;
}

int wppc_entry_add(const char *name, pid_t pid)
{
	uint64_t start;
	char text[64];
	int dir, err;

	if (!wppc_name_ok(name))
		return WPP_EINVAL;
	err = wppc_process_start(pid, &start);
	if (err)
		return err;
	dir = dir_open_locked(0);
	if (dir < 0)
		return dir;
	snprintf(text, sizeof(text), "%d %llu\n", pid, (unsigned long long)start);
	err = write_and_rename(dir, name, text);
	close(dir);
	return err;
}

/* The text of a regular file. WPP_ENOENT: there is none, or something else. */
static int entry_text(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? WPP_ENOENT : -errno;
	if (fstat(fd, &st) != 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = WPP_ENOENT;
	n = err ? 0 : read(fd, text, size - 1);
	if (n < 0)
		err = -errno;
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return err;
}

/* "PID START". */
static bool parse_entry(char *text, struct wppc_tracked *out)
{
	char *start = strchr(text, ' '), *end = strchr(text, '\n');
	uint64_t pid;

	if (!start || !end || end[1])
		return false;
	*start++ = '\0';
	*end = '\0';
	if (!wppc_parse_number(text, INT32_MAX, &pid) || !pid ||
	    !wppc_parse_number(start, UINT64_MAX, &out->start_time))
		return false;
	out->pid = (pid_t)pid;
	return true;
}

/* WPP_ENOENT: no such entry, or @stale. Other errors: nobody knows whether it is. */
static int entry_read(int dir, const char *name, struct wppc_tracked *out, bool *stale)
{
	uint64_t start;
	char text[64];
	int err;

	*stale = false;
	if (!wppc_name_ok(name))
		return WPP_EINVAL;
	snprintf(out->name, sizeof(out->name), "%s", name);
	err = entry_text(dir, name, text, sizeof(text));
	if (err)
		return err;
	*stale = true;
	if (!parse_entry(text, out))
		return WPP_ENOENT;
	err = wppc_process_start(out->pid, &start);
	*stale = err ? err == WPP_ENOENT : start != out->start_time;
	return *stale ? WPP_ENOENT : err;
}

/* Looks again now that nobody changes it. A stale entry that stays misleads nobody. */
static void remove_if_stale(const char *name)
{
	int dir = dir_open_locked(LOCK_NB);
	struct wppc_tracked one;
	bool stale;

	if (dir < 0)
		return;
	(void)entry_read(dir, name, &one, &stale);
	if (stale)
		unlinkat(dir, name, 0);
	close(dir);
}

static int entry_look(int dir, const char *name, struct wppc_tracked *out)
{
	bool stale;
	int err = entry_read(dir, name, out, &stale);

	if (stale)
		remove_if_stale(name);
	return err;
}

int wppc_entry_find(const char *name, struct wppc_tracked *out)
{
	int dir = dir_open(), err;

	if (dir < 0)
		return dir;
	err = entry_look(dir, name, out);
	close(dir);
	return err;
}

int wppc_entry_remove(const char *name)
{
	int dir, err = 0;

	if (!wppc_name_ok(name))
		return WPP_EINVAL;
	dir = dir_open_locked(0);
	if (dir < 0)
		return dir;
	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		err = -errno;
	close(dir);
	return err;
}

/* ---- All of them --------------------------------------------------------------------------- */

/* The first error, behind all entries that could be read. */
static int read_entries(DIR *d, struct wppc_list *list)
{
	const struct dirent *entry;
	struct wppc_tracked one;
	int err, first = 0;

	while ((errno = 0, entry = readdir(d))) {
		if (!wppc_name_ok(entry->d_name))
			continue;
		err = entry_look(dirfd(d), entry->d_name, &one);
		if (!err)
			err = wppc_list_append(list, &one);
		if (err && err != WPP_ENOENT && !first)
			first = err;
	}
	return first ? first : -errno;
}

int wppc_entry_list(struct wppc_tracked **out, size_t *nr)
{
	struct wppc_list list = { 0 };
	int fd = dir_open(), err;
	DIR *d;

	*out = NULL;
	*nr = 0;
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		err = -errno;
		close(fd);
		return err;
	}
	err = read_entries(d, &list);
	closedir(d);
	*out = list.at;
	*nr = list.nr;
	return err;
}
