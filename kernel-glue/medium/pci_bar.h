/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The registers of a PCI device. */
#ifndef WPPK_PCI_BAR_H
#define WPPK_PCI_BAR_H

#include <linux/pci.h>
#include <linux/types.h>

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

#endif
