/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who uses a block device? The kernel's claim (O_EXCL) decides; the rest is to say it well. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/device.h"
#include "base/fail.h"

#define PARTS_MAX 128

/* The device and its partitions. */
struct family {
	dev_t dev[PARTS_MAX];
	size_t nr;
};

bool wppi_device_name(const struct stat *st, char name[WPPI_DEVICE_NAME_MAX])
{
	char path[64], target[512];
	const char *base;
	ssize_t len;

	if (!S_ISBLK(st->st_mode) && !S_ISCHR(st->st_mode))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/%s/%u:%u", S_ISBLK(st->st_mode) ? "block" : "char",
		 major(st->st_rdev), minor(st->st_rdev));
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	base = basename(target);
	if (S_ISBLK(st->st_mode))
		return snprintf(name, WPPI_DEVICE_NAME_MAX, "%s", base) < WPPI_DEVICE_NAME_MAX;
	if (strncmp(base, "ng", 2) != 0)
		return false;
	return snprintf(name, WPPI_DEVICE_NAME_MAX, "nvme%s", base + 2) < WPPI_DEVICE_NAME_MAX;
}

static bool read_line(const char *name, const char *file, char *line, int size)
{
	char path[512];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(line, size, f);
	fclose(f);
	return ok;
}

uint64_t wppi_device_number(const char *name, const char *file, uint64_t otherwise)
{
	unsigned long long number;
	char line[64];

	if (!read_line(name, file, line, sizeof(line)) || sscanf(line, "%llu", &number) != 1)
		return otherwise;
	return number;
}

static void family_add(struct family *f, const char *name)
{
	unsigned int maj, min;
	char line[64];

	if (f->nr < PARTS_MAX && read_line(name, "dev", line, sizeof(line)) &&
	    sscanf(line, "%u:%u", &maj, &min) == 2)
		f->dev[f->nr++] = makedev(maj, min);
}

static void family_of(const char *name, struct family *f)
{
	char path[128];
	struct dirent *d;
	DIR *dir;

	f->nr = 0;
	family_add(f, name);
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	dir = opendir(path);
	while (dir && (d = readdir(dir)) != NULL)
		if (!strncmp(d->d_name, name, strlen(name)))
			family_add(f, d->d_name);
	if (dir)
		closedir(dir);
}

static bool is_family(const struct family *f, const char *path)
{
	struct stat st;

	if (path[0] != '/' || stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	for (size_t i = 0; i < f->nr; i++)
		if (f->dev[i] == st.st_rdev)
			return true;
	return false;
}

/* Lines of @file whose word @from names one of the family; word @tell is what to say of it. */
static bool look_up(const struct family *f, const char *file, int from, int tell, char *text,
		    size_t size)
{
	FILE *lines = fopen(file, "re");
	char line[4096];
	bool found = false;

	while (lines && !found && fgets(line, sizeof(line), lines)) {
		const char *word[4] = { "", "", "", "" };
		char *rest = line;

		for (int i = 0; i < 4; i++) {
			char *w = strtok_r(rest, " \t\n", &rest);

			word[i] = w ? w : "";
		}
		found = is_family(f, word[from]);
		if (found)
			snprintf(text, size, "%s", word[tell]);
	}
	if (lines)
		fclose(lines);
	return found;
}

static bool first_holder(const char *name, char *holder, size_t size)
{
	char path[128];
	struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", name);
	dir = opendir(path);
	while (dir && !found && (d = readdir(dir)) != NULL) {
		found = d->d_name[0] != '.';
		if (found)
			snprintf(holder, size, "%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int in_use(const char *path, const char *name, struct wpp_media_error *err)
{
	char who[256];
	struct family f;

	family_of(name, &f);
	if (look_up(&f, "/proc/self/mounts", 0, 1, who, sizeof(who)))
		return wppi_fail(err, WPP_EBUSY,
				 "%s: it or a part of it is mounted on %s; nothing was changed. "
				 "Unmount it first, or set another path in [wpp] of wpp.conf",
				 path, who);
	if (look_up(&f, "/proc/swaps", 0, 0, who, sizeof(who)))
		return wppi_fail(err, WPP_EBUSY,
				 "%s: the kernel swaps to %s; nothing was changed. Try swapoff "
				 "first",
				 path, who);
	if (first_holder(name, who, sizeof(who)))
		return wppi_fail(
			err, WPP_EBUSY,
			"%s: it is a part of %s (device mapper, RAID); nothing was changed", path,
			who);
	return wppi_fail(err, WPP_EBUSY,
			 "%s: the kernel or another program uses it or a part of it; nothing was "
			 "changed",
			 path);
}

int wppi_device_claim(int fd, const char *path, int *claim, struct wpp_media_error *err)
{
	char name[WPPI_DEVICE_NAME_MAX], node[128];
	struct stat st;

	*claim = -1;
	if (fstat(fd, &st) || !wppi_device_name(&st, name))
		return 0;
	if (S_ISBLK(st.st_mode))
		snprintf(node, sizeof(node), "/proc/self/fd/%d", fd);
	else
		snprintf(node, sizeof(node), "/dev/%s", name);
	*claim = open(node, O_RDWR | O_EXCL | O_CLOEXEC);
	if (*claim >= 0)
		return 0;
	if (errno == EBUSY)
		return in_use(path, name, err);
	return wppi_fail(err, wppi_from_errno(errno),
			 "%s: can't be claimed, so nobody knows whether %s is in use: %s", path,
			 name, strerror(errno));
}
