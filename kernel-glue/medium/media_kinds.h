/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kinds of media. Each is opened probed, with its facts in *@m. */
#ifndef WPPK_MEDIA_KINDS_H
#define WPPK_MEDIA_KINDS_H

#include <wpp/backend.h>
#include <wpp/module.h>

struct pci_dev;

int wppk_nvme_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out);
int wppk_fpga_open(struct pci_dev *pdev, const struct wpp_ko_attach *how, struct wpp_medium *m,
		   struct wpp_backend **out);
int wppk_memory_open(const struct wpp_ko_attach *how, struct wpp_medium *m,
		     struct wpp_backend **out);

#endif
