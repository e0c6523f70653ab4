/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The device through VFIO: BAR0, config space, and memory mapped by the IOMMU. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fail.h"
#include "fpga_user.h"

static int failed(const struct wppi_pci *pci, const char *what, struct wpp_media_error *err)
{
	return wppi_fail(err, wppi_from_errno(errno), "%s: VFIO: %s: %s", pci->address, what,
			 strerror(errno));
}

static int open_group(struct fpga_vfio *v, const struct wppi_pci *pci, struct wpp_media_error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci->iommu_group);
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return failed(pci, "/dev/vfio/vfio", err);
	if (ioctl(v->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return wppi_fail(err, WPP_EFORMAT, "%s: VFIO: this kernel's version is unknown",
				 pci->address);
	if (ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return wppi_fail(err, WPP_ENOENT, "%s: VFIO: no IOMMU: modprobe vfio_iommu_type1",
				 pci->address);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		return failed(pci, path, err);
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		return failed(pci, "group status", err);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return wppi_fail(err, WPP_EBUSY,
				 "%s: VFIO: IOMMU group %d is not viable: a driver uses another "
				 "device of it",
				 pci->address, pci->iommu_group);
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container) ||
	    ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return failed(pci, "IOMMU", err);
	return 0;
}

static int region(const struct fpga_vfio *v, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, info);
}

static int map_device(struct fpga_vfio *v, const struct wppi_pci *pci, struct wpp_media_error *err)
{
	struct vfio_region_info config, bar;
	void *regs;

	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, pci->address);
	if (v->device < 0)
		return failed(pci, "device", err);
	if (region(v, VFIO_PCI_CONFIG_REGION_INDEX, &config) ||
	    region(v, VFIO_PCI_BAR0_REGION_INDEX, &bar))
		return failed(pci, "regions", err);
	if (!(bar.flags & VFIO_REGION_INFO_FLAG_MMAP) || bar.size < FPGA_BAR0_SIZE)
		return wppi_fail(err, WPP_EFORMAT, "%s: VFIO: BAR0 can't be mapped", pci->address);
	regs = mmap(NULL, FPGA_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
		    (off_t)bar.offset);
	if (regs == MAP_FAILED)
		return failed(pci, "BAR0", err);
	v->regs = regs;
	v->config_off = config.offset;
	return 0;
}

void wppi_fpga_vfio_bus_master(const struct fpga_vfio *v, bool on)
{
	off_t at = (off_t)(v->config_off + PCI_COMMAND);
	uint16_t command;

	if (pread(v->device, &command, sizeof(command), at) != sizeof(command))
		return;
	command |= PCI_COMMAND_MEMORY;
	command = (uint16_t)(on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER);
	/* A device that is gone ignores it, and makes no access any more. */
	(void)!pwrite(v->device, &command, sizeof(command), at);
}

int wppi_fpga_vfio_open(struct fpga_vfio *v, const struct wppi_pci *pci,
			struct wpp_media_error *err)
{
	int code;

	*v = (struct fpga_vfio){ .container = -1, .group = -1, .device = -1 };
	code = open_group(v, pci, err);
	if (!code)
		code = map_device(v, pci, err);
	if (code)
		wppi_fpga_vfio_close(v);
	return code;
}

void wppi_fpga_vfio_close(struct fpga_vfio *v)
{
	if (v->regs)
		munmap((void *)(uintptr_t)v->regs, FPGA_BAR0_SIZE);
	if (v->device >= 0)
		close(v->device);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	v->regs = NULL;
}

int wppi_fpga_vfio_map(const struct fpga_vfio *v, void *mem, uint64_t bus, uint64_t len)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem,
		.iova = bus,
		.size = len,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

void wppi_fpga_vfio_unmap(const struct fpga_vfio *v, uint64_t bus, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
						    .iova = bus,
						    .size = len };

	(void)ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}
