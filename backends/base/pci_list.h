/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* PCI functions of this machine by libpci, with what the kernel does with them. */
#ifndef WPP_PCI_LIST_H
#define WPP_PCI_LIST_H

#include <wpp/conf.h>

#define WPPI_PCI_ADDRESS_MAX 16

struct wppi_pci {
	char address[WPPI_PCI_ADDRESS_MAX]; /* 0000:00:05.0 */
	uint16_t vendor, device;
	uint16_t class_code; /* base and sub class */
	uint8_t interface;
	char driver[64]; /* "": none */
	int iommu_group; /* -1: none */
	bool guarded;	 /* by an IOMMU: it reaches only what was mapped for it */
};

/* Calls @each for every function, in bus order, until it returns false. 0 or an error. */
int wppi_pci_scan(bool (*each)(void *arg, const struct wppi_pci *pci), void *arg,
		  struct wpp_media_error *err);

#endif
