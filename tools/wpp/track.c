/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tracked processes of this machine, unless the module tracks them: one small file a name in a
 * directory that belongs to this boot. A process is named by pid and start time, so an entry whose
 * process is gone (or whose pid is somebody else's now) is stale.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"

bool image_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > WPP_IMAGE_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	}
	return true;
}

void image_name_of(const char *program, char name[WPP_IMAGE_NAME_MAX + 1])
{
	const char *base = strrchr(program, '/');
	size_t len;

	snprintf(name, WPP_IMAGE_NAME_MAX + 1, "%.*s", WPP_IMAGE_NAME_MAX,
		 base ? base + 1 : program);
	len = strlen(name);
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			name[i] = '_';
	}
	if (!image_name_ok(name))
		strcpy(name, "process");
}

uint64_t process_start_time(pid_t pid)
{
	char path[64], stat[1024];
	unsigned long long start = 0;
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	p = strrchr(stat, ')'); /* comm may hold anything, spaces and brackets too */
	if (!p || p[1] != ' ' || p[2] == 'Z')
		return 0;
	/* after comm: field 3 is the state, field 22 the start time */
	if (sscanf(p + 2,
		   "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu",
		   &start) != 1)
		return 0;
	return start;
}

/* The directory of this boot: below $XDG_RUNTIME_DIR, or /run for root. Made when missing. */
static int track_dir(char *dir, size_t cap)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	const char *set = getenv("WPP_RUN_DIR");
	struct stat st;
	int len;

	if (set && *set)
		len = snprintf(dir, cap, "%s", set);
	else if (geteuid() == 0)
		len = snprintf(dir, cap, "/run/wpp");
	else if (xdg && *xdg)
		len = snprintf(dir, cap, "%s/wpp", xdg);
	else
		len = snprintf(dir, cap, "/tmp/wpp-%u", (unsigned int)geteuid());
	if (len < 0 || (size_t)len >= cap)
		return -ENAMETOOLONG;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	/* in /tmp anybody could have made it */
	if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return WPP_EPERM;
	return 0;
}

static int track_path(const char *name, char *path, size_t cap)
{
	char dir[3800];
	int err;

	if (!image_name_ok(name))
		return WPP_EINVAL;
	err = track_dir(dir, sizeof(dir));
	if (err)
		return err;
	return snprintf(path, cap, "%s/%s", dir, name) < (int)cap ? 0 : -ENAMETOOLONG;
}

static int entry_write(const char *name, pid_t pid)
{
	char path[4096], temporary[4096 + 16];
	FILE *f;
	int err;

	err = track_path(name, path, sizeof(path));
	if (err)
		return err;
	snprintf(temporary, sizeof(temporary), "%s.%d~", path, getpid());
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	fprintf(f, "%d %llu\n", pid, (unsigned long long)process_start_time(pid));
	if (fclose(f) != 0 || rename(temporary, path) != 0) {
		err = -errno;
		unlink(temporary);
	}
	return err;
}

int track_add(const struct tool *t, const char *name, pid_t pid, bool inherit)
{
	return kernel_is_used(t) ? kernel_track(t, name, pid, inherit) : entry_write(name, pid);
}

void track_remove(const struct tool *t, const char *name)
{
	char path[4096];

	if (kernel_is_used(t)) {
		kernel_untrack(name);
		return;
	}
	if (track_path(name, path, sizeof(path)) == 0)
		unlink(path);
}

static int entry_read(const char *name, struct tracked *out)
{
	unsigned long long start;
	char path[4096];
	int err, pid, n;
	FILE *f;

	err = track_path(name, path, sizeof(path));
	if (err)
		return err;
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? WPP_ENOENT : -errno;
	n = fscanf(f, "%d %llu", &pid, &start);
	fclose(f);
	if (n != 2 || pid <= 0 || !start || process_start_time(pid) != start) {
		unlink(path);
		return WPP_ENOENT;
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->pid = pid;
	out->start_time = start;
	return 0;
}

int track_find(const struct tool *t, const char *name, struct tracked *out)
{
	return kernel_is_used(t) ? kernel_find(name, out) : entry_read(name, out);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tracked *)a)->name, ((const struct tracked *)b)->name);
}

static int entries_read(struct tracked **out, size_t *nr)
{
	struct tracked *list = NULL, *bigger, one;
	struct dirent *entry;
	char dir[3800];
	size_t n = 0;
	DIR *d;
	int err;

	*out = NULL;
	*nr = 0;
	err = track_dir(dir, sizeof(dir));
	if (err)
		return err;
	d = opendir(dir);
	if (!d)
		return -errno;
	while ((entry = readdir(d))) {
		if (!image_name_ok(entry->d_name) || entry_read(entry->d_name, &one) != 0)
			continue;
		bigger = realloc(list, (n + 1) * sizeof(*list));
		if (!bigger) {
			free(list);
			closedir(d);
			return WPP_ENOMEM;
		}
		list = bigger;
		list[n++] = one;
	}
	closedir(d);
	*out = list;
	*nr = n;
	return 0;
}

int track_list(const struct tool *t, struct tracked **out, size_t *nr)
{
	int err = kernel_is_used(t) ? kernel_list(out, nr) : entries_read(out, nr);

	if (!err && *nr)
		qsort(*out, *nr, sizeof(**out), by_name);
	return err;
}
