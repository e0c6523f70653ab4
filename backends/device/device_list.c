/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Devices that could be a medium, as the kernel shows them in /sys. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wpp/devices.h>
#include "base/device.h"
#include "fpga-user/fpga_user.h"
#include "base/pci_list.h"

#define CLASS_NVME     0x0108
#define INTERFACE_NVME 0x02

struct listing {
	wpp_device_fn each;
	void *arg;
};

static void say(struct wpp_device *d, bool usable, const char *text)
{
	d->usable = usable;
	snprintf(d->text, sizeof(d->text), "%s", text);
}

static void describe_pci(struct wpp_device *d, const struct wppi_pci *pci)
{
	d->iommu_group = pci->iommu_group;
	snprintf(d->address, sizeof(d->address), "%s", pci->address);
	snprintf(d->path, sizeof(d->path), "%s", pci->address);
	snprintf(d->driver, sizeof(d->driver), "%s", pci->driver);
}

static void list_fpga(const struct listing *l, const struct wppi_pci *pci)
{
	struct wpp_device d = { .kind = WPP_DEVICE_FPGA, .backend = "fpga" };
	struct wpp_media_error err;
	enum fpga_route route;

	describe_pci(&d, pci);
	if (wppi_fpga_route(pci, &route, &err))
		say(&d, false, err.text);
	else
		say(&d, true,
		    route == FPGA_BY_VFIO ? "through the IOMMU (VFIO)"
					  : "no IOMMU: huge pages at their physical addresses");
	l->each(l->arg, &d);
}

/* Can the block device @path be ours? The kernel's claim on it decides. */
static void ask_kernel(struct wpp_device *d)
{
	struct wpp_media_error err = { 0 };
	int fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), claim = -1;
	char text[128];

	if (fd < 0) {
		snprintf(text, sizeof(text), "%s: %s", d->path, strerror(errno));
		say(d, false, text);
		return;
	}
	if (wppi_device_claim(fd, d->path, &claim, &err))
		say(d, false, err.text);
	else
		say(d, true, "not in use");
	if (claim >= 0)
		close(claim);
	close(fd);
}

static void describe_block(struct wpp_device *d, const char *name)
{
	snprintf(d->path, sizeof(d->path), "/dev/%.50s", name);
	d->size = wppi_device_number(name, "size", 0) * 512;
	ask_kernel(d);
}

/* nvme0c0n1 is one of several ways to nvme0n1. */
static void whole_name(char name[64])
{
	char *way = strchr(name + strlen("nvme"), 'c'), *ns = way ? strchr(way, 'n') : NULL;

	if (ns)
		memmove(way, ns, strlen(ns) + 1);
}

static void list_nvme(const struct listing *l, const struct wppi_pci *pci)
{
	struct wpp_device d = { .kind = WPP_DEVICE_NVME, .backend = "nvme" };
	char pattern[128], name[64];
	glob_t found = { 0 };

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/nvme/nvme*/nvme*n*",
		 pci->address);
	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			describe_pci(&d, pci);
			snprintf(name, sizeof(name), "%s", basename(found.gl_pathv[i]));
			whole_name(name);
			describe_block(&d, name);
			l->each(l->arg, &d);
		}
	} else {
		describe_pci(&d, pci);
		say(&d, false,
		    !pci->driver[0]		  ? "no driver: modprobe nvme"
		    : strcmp(pci->driver, "nvme") ? "another driver than nvme uses it"
						  : "it has no namespace");
		l->each(l->arg, &d);
	}
	globfree(&found);
}

static bool list_pci(void *arg, const struct wppi_pci *pci)
{
	const struct listing *l = arg;

	if (wppi_fpga_is_ours(pci))
		list_fpga(l, pci);
	else if (pci->class_code == CLASS_NVME && pci->interface == INTERFACE_NVME)
		list_nvme(l, pci);
	return true;
}

static void list_pmem(const struct listing *l, const char *path)
{
	struct wpp_device d = { .kind = WPP_DEVICE_PMEM, .backend = "pmem", .iommu_group = -1 };
	char name[256];

	snprintf(name, sizeof(name), "%s", path);
	snprintf(d.driver, sizeof(d.driver), "nd_pmem");
	describe_block(&d, basename(name));
	l->each(l->arg, &d);
}

static void list_dax(const struct listing *l, const char *path)
{
	struct wpp_device d = { .kind = WPP_DEVICE_PMEM, .backend = "pmem", .iommu_group = -1 };
	char link[512], target[512], name[256];
	unsigned long long size = 0;
	ssize_t len;
	FILE *file;

	snprintf(name, sizeof(name), "%s", path);
	snprintf(d.path, sizeof(d.path), "/dev/%.50s", basename(name));
	snprintf(link, sizeof(link), "%s/driver", path);
	len = readlink(link, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = '\0';
	snprintf(d.driver, sizeof(d.driver), "%.63s", len > 0 ? basename(target) : "");
	snprintf(link, sizeof(link), "%s/size", path);
	file = fopen(link, "re");
	if (file && fscanf(file, "%llu", &size) != 1)
		size = 0;
	if (file)
		fclose(file);
	d.size = size;
	if (!strcmp(d.driver, "kmem"))
		say(&d, false, "the kernel uses it as memory: daxctl reconfigure-device -m devdax");
	else if (access(d.path, R_OK | W_OK))
		say(&d, false, strerror(errno));
	else
		say(&d, true, "devdax, mapped");
	l->each(l->arg, &d);
}

static void list_matches(const struct listing *l, const char *pattern,
			 void (*list)(const struct listing *l, const char *path))
{
	glob_t found = { 0 };

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc; i++)
			list(l, found.gl_pathv[i]);
	globfree(&found);
}

int wpp_devices_list(wpp_device_fn each, void *arg, struct wpp_media_error *err)
{
	struct listing l = { each, arg };
	int code;

	if (err)
		*err = (struct wpp_media_error){ 0 };
	code = wppi_pci_scan(list_pci, &l, err);
	list_matches(&l, "/sys/class/block/pmem*", list_pmem);
	list_matches(&l, "/sys/bus/dax/devices/dax*", list_dax);
	return code;
}
