/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Moves of memory that the device does not reach, through buffers that it does. */
#ifndef WPP_FPGA_BOUNCE_H
#define WPP_FPGA_BOUNCE_H

#include <wpp/backend.h>

#define FPGA_BOUNCES 8u

struct fpga_bounce {
	struct wpp_io io;
	struct wpp_io *owner;
	struct fpga_bounces *pool;
	struct fpga_bounce *next; /* free */
	void *mem;
};

struct fpga_bounces {
	struct wpp_backend *inner;
	uint32_t len; /* of each, the longest move */
	struct fpga_bounce bounce[FPGA_BOUNCES];
	struct fpga_bounce *free;
};

/* @mem: [FPGA_BOUNCES * @len], which @inner reaches; borrowed. */
void wppi_fpga_bounces_init(struct fpga_bounces *pool, struct wpp_backend *inner, void *mem,
			    uint32_t len);

/* As submit() of a backend, for reads and writes. WPP_EBUSY: all buffers are in flight. */
int wppi_fpga_bounce(struct fpga_bounces *pool, struct wpp_io *io);

#endif
