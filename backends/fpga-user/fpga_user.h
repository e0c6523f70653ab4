/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FPGA driven from user space. BAR0 and DMA memory come from VFIO where an
 * IOMMU guards the device, else from libpciaccess and huge pages; fpga.h does
 * the rest.
 */
#ifndef WPP_FPGA_USER_H
#define WPP_FPGA_USER_H

#include <wpp/media.h>
#include "base/pci_list.h"
#include "fpga/fpga.h"

/* ---- fpga_user.c ---- */

struct fpga_user;

/* The device, running; closed by its backend's close(). @flags: WPP_MEDIA_RDONLY. */
int wppi_fpga_user_open(const struct wpp_conf *conf, uint32_t flags, struct fpga_user **out,
			struct wpp_media_error *err);
struct fpga *wppi_fpga_user_driver(struct fpga_user *u);
struct wpp_backend *wppi_fpga_user_backend(struct fpga_user *u);

/* Fails with @code: what the driver says of the device. @what: where it happened. */
int wppi_fpga_fail(struct wpp_media_error *err, int code, const char *what,
		   const struct fpga_ring *ring);

/* How the device is reached. */
enum fpga_route {
	FPGA_BY_PAGES, /* libpciaccess; huge pages at their physical addresses */
	FPGA_BY_VFIO,  /* VFIO; memory where the IOMMU maps it */
};

/* ---- fpga_find.c ---- */

bool wppi_fpga_is_ours(const struct wppi_pci *pci);

/* The device that "path" names, or the only one. */
int wppi_fpga_find(const struct wpp_conf *conf, struct wppi_pci *pci, struct wpp_media_error *err);

/* Can it be driven from here? WPP_EPERM or WPP_EBUSY: @err says what stands against it. */
int wppi_fpga_route(const struct wppi_pci *pci, enum fpga_route *route,
		    struct wpp_media_error *err);

/* ---- fpga_vfio.c ---- */

struct fpga_vfio {
	int container, group, device;
	uint64_t config_off; /* of the config space in @device */
	volatile uint32_t *regs;
};

int wppi_fpga_vfio_open(struct fpga_vfio *v, const struct wppi_pci *pci,
			struct wpp_media_error *err);
void wppi_fpga_vfio_close(struct fpga_vfio *v);
void wppi_fpga_vfio_bus_master(const struct fpga_vfio *v, bool on);
/* 0 or -errno */
int wppi_fpga_vfio_map(const struct fpga_vfio *v, void *mem, uint64_t bus, uint64_t len);
void wppi_fpga_vfio_unmap(const struct fpga_vfio *v, uint64_t bus, uint64_t len);

/* ---- fpga_bar.c: by libpciaccess ---- */

struct fpga_bar {
	struct pci_device *pci;
	volatile uint32_t *regs;
};

int wppi_fpga_bar_open(struct fpga_bar *bar, const struct wppi_pci *pci,
		       struct wpp_media_error *err);
void wppi_fpga_bar_close(struct fpga_bar *bar);
void wppi_fpga_bar_bus_master(const struct fpga_bar *bar, bool on);

/* ---- fpga_dma.c: memory that the device reaches ---- */

#define FPGA_HUGE_PAGE	2097152u
#define FPGA_AREAS_MAX	16
#define FPGA_AREA_PAGES 256 /* huge pages, 512 MiB */

/* Contiguous here; on the bus each huge page by itself. */
struct fpga_area {
	uint8_t *mem; /* NULL: free */
	uint32_t nr_pages;
	uint64_t bus[FPGA_AREA_PAGES];
};

struct fpga_dma {
	const struct fpga_vfio *vfio; /* NULL: by physical address */
	uint64_t next_bus;	      /* free addresses for the IOMMU */
	struct fpga_area area[FPGA_AREAS_MAX];
};

/* @bus_limit: last address that the device reaches. */
void wppi_fpga_dma_init(struct fpga_dma *dma, const struct fpga_vfio *vfio, uint64_t bus_limit);
/* @len: rounded up to huge pages; zeroed. WPP_ENOMEM: too few; WPP_EPERM: addresses are hidden. */
int wppi_fpga_dma_alloc(struct fpga_dma *dma, uint64_t len, void **mem);
void wppi_fpga_dma_free(struct fpga_dma *dma, void *mem);
/* As fpga_env.to_bus. */
uint64_t wppi_fpga_dma_bus(const struct fpga_dma *dma, const void *buf, uint32_t len,
			   uint32_t *contig);

#endif
