/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of the media side: bus, dma, dma_nvme, dma_fpga, dma_memory, medium, save. */
#ifndef WPPK_MEDIA_H
#define WPPK_MEDIA_H

#include <linux/pci.h>
#include <linux/types.h>

#include "base/wppk.h"

/* ---- bus.c: PCI devices that were given to us, and their registers ------------------------ */

/* The device at @address if one of our drivers has it; a reference. NULL: none. */
struct pci_dev *wppk_bus_find(enum wpp_ko_kind kind, const char *address);
int wppk_bus_init(void);
void wppk_bus_exit(void);

/* An enabled device with BAR 0 mapped; the first argument of the drivers' environments. */
struct wppk_pci {
	struct pci_dev *pdev;
	void __iomem *bar;
	u64 bar_len;
};

int wppk_pci_open(struct wppk_pci *pci, struct pci_dev *pdev);
void wppk_pci_close(struct wppk_pci *pci);
uint32_t wppk_pci_read32(void *pci, uint32_t reg);
void wppk_pci_write32(void *pci, uint32_t reg, uint32_t val);
uint64_t wppk_pci_now_ns(void *pci);
void wppk_pci_relax(void *pci);
void wppk_pci_bus_master(void *pci, bool on);

/* ---- dma.c: moves of kernel memory on a backend that takes bus addresses ------------------ */

/* @inner: probed, as @m says; closed with the new one. *@m becomes the new one's. */
int wppk_dma_open(struct device *dev, struct wpp_backend *inner, struct wpp_medium *m,
		  struct wpp_backend **out);
/* The device goes away: close the inner backend; every later call fails with WPP_EIO. */
void wppk_dma_unplug(struct wpp_backend *be);

/* ---- The kinds of media: probed, facts in *@m --------------------------------------------- */

int wppk_nvme_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out);
int wppk_fpga_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out);
int wppk_memory_open(const struct wpp_ko_attach *how, struct wpp_medium *m,
		     struct wpp_backend **out);

/* ---- medium.c ------------------------------------------------------------------------------ */

/* @pdev is about to go: after this nobody uses it. */
void wppk_medium_unplug(struct pci_dev *pdev);

/* The armed store, for one save; -EBUSY, -ENODEV. Until wppk_medium_put() nobody else gets it. */
int wppk_medium_get(struct wpp_store **st);
void wppk_medium_put(void);
/* A failed write poisoned it: open it again. Between get and put. */
int wppk_medium_reopen(struct wpp_store **st);

#ifdef WPP_TEST
/* cut.c: @be behind a counter of device commands, where the machine can be switched off. */
int wppk_cut_wrap(struct wpp_backend *inner, struct wpp_backend **out);
#endif

#endif
