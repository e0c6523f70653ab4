/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is on a device, by libblkid: file systems, partition tables, RAID, LVM, swap. */
#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/device.h"
#include "base/fail.h"

#define EDGE (1u << 20)

/* A descriptor of its own: others may have set O_DIRECT on theirs. */
static int open_again(int fd)
{
	char name[WPPI_DEVICE_NAME_MAX], node[128];
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	if (S_ISCHR(st.st_mode) && wppi_device_name(&st, name))
		snprintf(node, sizeof(node), "/dev/%s", name);
	else
		snprintf(node, sizeof(node), "/proc/self/fd/%d", fd);
	return open(node, O_RDONLY | O_CLOEXEC);
}

static void name_content(blkid_probe probe, char *what, size_t size)
{
	const char *value;

	if (!blkid_probe_lookup_value(probe, "TYPE", &value, NULL))
		snprintf(what, size, "%s", value);
	else if (!blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL))
		snprintf(what, size, "a partition table (%s)", value);
	else
		snprintf(what, size, "more than one kind of data");
}

static int ask_blkid(int fd, char *what, size_t size)
{
	blkid_probe probe = blkid_new_probe();
	int ret;

	if (!probe)
		return WPP_ENOMEM;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_enable_partitions(probe, 1);
	ret = blkid_probe_set_device(probe, fd, 0, 0);
	if (!ret)
		ret = blkid_do_safeprobe(probe);
	if (ret == 0 || ret == -2)
		name_content(probe, what, size);
	blkid_free_probe(probe);
	return ret == -1 ? WPP_EIO : 0;
}

static bool is_zero(int fd, off_t off, size_t len, int *err)
{
	char *buf = malloc(len);
	ssize_t n = buf ? pread(fd, buf, len, off) : -1;
	bool zero = n == (ssize_t)len && !buf[0] && !memcmp(buf, buf + 1, len - 1);

	if (n != (ssize_t)len)
		*err = buf ? WPP_EIO : WPP_ENOMEM;
	free(buf);
	return zero;
}

static bool is_blank(int fd, int *err)
{
	off_t end = lseek(fd, 0, SEEK_END);
	size_t edge = end > (off_t)EDGE ? EDGE : (size_t)(end > 0 ? end : 0);

	if (!edge)
		return false;
	return is_zero(fd, 0, edge, err) && is_zero(fd, end - (off_t)edge, edge, err);
}

int wppi_device_content(int fd, char *what, size_t size, bool *blank)
{
	int own = open_again(fd), err;

	what[0] = '\0';
	*blank = false;
	if (own < 0)
		return wppi_from_errno(errno);
	err = ask_blkid(own, what, size);
	if (!err && !what[0])
		*blank = is_blank(own, &err);
	close(own);
	return err;
}
