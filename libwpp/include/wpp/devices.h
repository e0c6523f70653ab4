/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which devices of this machine can hold images, and a test of the FPGA. Hosted. */
#ifndef WPP_DEVICES_H
#define WPP_DEVICES_H

#include <wpp/conf.h>

WPP_BEGIN_DECLS

/**
 * enum wpp_device_kind - what can hold images
 */
enum wpp_device_kind {
	WPP_DEVICE_FPGA = 0, /* the PCI device of docs/FPGA.md */
	WPP_DEVICE_NVME = 1, /* a namespace, or a controller without one */
	WPP_DEVICE_PMEM = 2, /* persistent memory: a block device (DAX) or devdax */
};

/**
 * struct wpp_device - one device
 * @kind:        what it is.
 * @usable:      could be the medium now, by who asks.
 * @backend:     for [wpp] in wpp.conf, with @path.
 * @path:        PCI address (0000:00:05.0) or file in /dev.
 * @address:     PCI address; "" when it has none.
 * @driver:      of the kernel; "" when none has it.
 * @iommu_group: -1: none.
 * @size:        bytes; 0 when that can't be told without using it.
 * @text:        how it is reached, or what stands against it and how to change that.
 */
struct wpp_device {
	enum wpp_device_kind kind;
	bool usable;
	const char *backend;
	char path[64];
	char address[16];
	char driver[64];
	int iommu_group;
	uint64_t size;
	char text[WPP_ERROR_TEXT_MAX];
};

typedef void (*wpp_device_fn)(void *arg, const struct wpp_device *device);

/**
 * wpp_devices_list() - every device that could keep images over a power loss
 * @each: called for one after the other; what it gets is borrowed for that call.
 * @arg:  for @each.
 * @err:  out, may be NULL.
 *
 * Nothing is opened for writing and no state is changed.
 * Context: any thread; allocates; sleeps. Without root some devices are listed as not usable.
 * Return:  0; WPP_EIO: PCI can't be listed (the others were).
 * Source:  DESIGN.md 4; wpp(1), device.
 */
WPP_API WPP_MUST_CHECK int wpp_devices_list(wpp_device_fn each, void *arg,
					    struct wpp_media_error *err);

/**
 * struct wpp_selftest - a step of the self-test that went well
 * @what:  a static phrase.
 * @ns:    that it took.
 * @bytes: that were moved; 0: none.
 */
struct wpp_selftest {
	const char *what;
	uint64_t ns;
	uint64_t bytes;
};

typedef void (*wpp_selftest_fn)(void *arg, const struct wpp_selftest *step);

/**
 * wpp_device_selftest() - find, activate, write and read back: does the FPGA work?
 * @address: PCI address; NULL: the only one.
 * @step:    called after each step that went well; what it gets is borrowed for that call.
 * @arg:     for @step.
 * @err:     out, may be NULL: what failed and where.
 *
 * The last bytes of the medium are saved, overwritten and put back; they are lost when power fails
 * in between. The device is locked as by wpp_media_open(), and closed afterwards.
 * Context: any thread; takes root or a device handed to VFIO; allocates; sleeps, at most 5 s while
 *          the device makes no progress.
 * Return:  0; WPP_EBUSY: somebody uses it; WPP_ENOENT, WPP_EINVAL: none, not ours, or more than
 *          one; WPP_EPERM; WPP_ENOMEM: no memory that the device reaches; WPP_EIO or another
 *          -errno.
 * Source:  docs/FPGA.md; DESIGN.md 4.2; wpp(1), device.
 */
WPP_API WPP_MUST_CHECK int wpp_device_selftest(const char *address, wpp_selftest_fn step, void *arg,
					       struct wpp_media_error *err);

WPP_END_DECLS
#endif
