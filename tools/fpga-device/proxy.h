/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The device's side of a session with QEMU: one socket, one device model, its view of RAM. */
#ifndef WPP_PROXY_H
#define WPP_PROXY_H

#include "guest_ram.h"
#include "model.h"

struct proxy {
	int sock;
	struct fpga_model *model;
	struct guest_ram ram;
	uint64_t messages;
	uint32_t refused; /* sections of the last memory map that could not be mapped */
};

/*
 * Serves until QEMU closes (0), breaks the protocol (-EPROTO) or the socket fails (another
 * -errno). Socket and model stay the caller's.
 */
int proxy_serve(struct proxy *p);

/* The power is cut: what the device has not done is not done; guest memory is gone. */
void proxy_power_cut(struct proxy *p);

/* For struct fpga_model_bus, with the struct proxy as ctx. */
int proxy_dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len);
int proxy_dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len);

#endif
