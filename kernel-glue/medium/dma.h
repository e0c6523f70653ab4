/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Moves of kernel memory on a backend that takes bus addresses. */
#ifndef WPPK_DMA_H
#define WPPK_DMA_H

#include <wpp/backend.h>

struct device;

/* @inner: probed, as @m says; closed with the new one. *@m becomes the new one's. */
int wppk_dma_open(struct device *dev, struct wpp_backend *inner, struct wpp_medium *m,
		  struct wpp_backend **out);
/* The device goes away: close the inner backend; every later call fails with WPP_EIO. */
void wppk_dma_unplug(struct wpp_backend *be);

#endif
