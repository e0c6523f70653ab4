/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Block devices: who uses one, and what is on it. */
#ifndef WPP_DEVICE_H
#define WPP_DEVICE_H

#include <sys/stat.h>
#include <wpp/media.h>

#define WPPI_DEVICE_NAME_MAX 64

/*
 * Name in /sys/class/block of the device that @st is: its own, or that of the namespace behind an
 * NVMe character device (ng0n1 -> nvme0n1). False: it is none of these.
 */
bool wppi_device_name(const struct stat *st, char name[WPPI_DEVICE_NAME_MAX]);

/* A number from /sys/class/block/@name/@file; @otherwise when there is none. */
uint64_t wppi_device_number(const char *name, const char *file, uint64_t otherwise);

/*
 * Make the device of @fd ours as long as *@claim is open: no mount, swap or md may take it.
 * WPP_EBUSY names who has it or a part of it. *@claim is -1 when it is no block device.
 */
int wppi_device_claim(int fd, const char *path, int *claim, struct wpp_media_error *err);

/*
 * What do file or device @fd hold that others know? "" when nothing is known; *@blank then tells
 * whether a device begins and ends with zeros. Return: 0, WPP_EIO, WPP_ENOMEM.
 */
int wppi_device_content(int fd, char *what, size_t size, bool *blank);

#endif
