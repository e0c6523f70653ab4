/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A file as a block device, where the machine allows it. */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Attach @file with logical blocks of @block bytes; the device is @path and lasts as long as the
 * descriptor returned is open. -1: not here, errno tells.
 */
static inline int loop_attach(const char *file, unsigned int block, char path[64])
{
	struct loop_config config = { .block_size = block, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd = -1;
	int backing = open(file, O_RDWR | O_CLOEXEC);

	config.fd = (unsigned int)backing;
	for (int tries = 0; control >= 0 && backing >= 0 && fd < 0 && tries < 20; tries++) {
		int nr = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(path, 64, "/dev/loop%d", nr);
		fd = nr < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config)) {
			close(fd); /* somebody else was faster, or it is not allowed */
			fd = -1;
			if (errno != EBUSY)
				break;
		} else if (fd < 0 && errno != EBUSY) {
			break;
		}
	}
	if (control >= 0)
		close(control);
	if (backing >= 0)
		close(backing);
	return fd;
}

#endif
