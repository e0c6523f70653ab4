/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* PCI devices that were given to us. */
#ifndef WPPK_BUS_H
#define WPPK_BUS_H

#include <wpp/module.h>

struct pci_dev;

/* @unplug: the device is about to go, and nobody uses it any more when this returns. */
int wppk_bus_init(void (*unplug)(struct pci_dev *pdev));
void wppk_bus_exit(void);

/* The device at @address if one of our drivers has it; a reference. NULL: none. */
struct pci_dev *wppk_bus_find(enum wpp_ko_kind kind, const char *address);

#endif
