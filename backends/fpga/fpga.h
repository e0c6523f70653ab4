/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FPGA as a medium: struct wpp_backend on the rings. Freestanding; who
 * embeds it brings the memory and the environment.
 *
 *	struct fpga f;
 *	err = wppi_fpga_init(&f, &env, mem);
 *	err = f.be.ops->probe(&f.be, &medium);
 *	...
 *	f.be.ops->close(&f.be);		stops the device, then env.release()
 *
 * Moves of up to 64 MiB; one that is longer than the device's transfer, or not
 * contiguous on the bus, becomes several commands. WPP_IO_PHYS: pa is a bus
 * address and the whole move is contiguous there.
 *
 * When the medium is lost (poll() is negative), f.ring.fault says why. Buffers
 * are the caller's again only when f.ring.quiet.
 */
#ifndef WPP_FPGA_H
#define WPP_FPGA_H

#include <wpp/backend.h>
#include "fpga_ring.h"

#define FPGA_IO_MAX (64u << 20)

/* Moves in submit order; [oldest .. posting) have all their commands in the ring. */
struct fpga_flow {
	struct wpp_io *oldest;
	struct wpp_io *newest;
	struct wpp_io *posting;
	uint32_t nr;
};

struct fpga {
	struct wpp_backend be;
	struct fpga_ring ring;
	struct fpga_flow flow[FPGA_QUEUES];
	struct fpga_env env;
	struct fpga_mem mem[FPGA_QUEUES];
	uint64_t size;
	uint32_t depth;
	bool lost;
};

/**
 * wppi_fpga_init() - make a backend; the device is not touched before probe()
 * @env: copied. @mem: [FPGA_QUEUES], copied; the memory is the device's until close().
 * Return: 0 or WPP_EINVAL.
 */
WPP_MUST_CHECK int wppi_fpga_init(struct fpga *f, const struct fpga_env *env,
				  const struct fpga_mem mem[FPGA_QUEUES]);

enum fpga_selftest_step {
	FPGA_TEST_SAVE = 0, /* read what lies there */
	FPGA_TEST_WRITE,    /* write a pattern and flush */
	FPGA_TEST_READ,	    /* read it back */
	FPGA_TEST_COMPARE,  /* different: @off, @expected, @found */
	FPGA_TEST_RESTORE,  /* write back what lay there and flush */
	FPGA_TEST_DONE,
};

/* How far it came. */
struct fpga_selftest {
	uint64_t off;
	uint32_t step;
	uint8_t expected;
	uint8_t found;
};

/**
 * wppi_fpga_selftest() - the thesis' Debug handler: write, read back, compare
 * @f:   probed, nothing in flight.
 * @off: where on the medium; what lies there is saved and put back, unless power fails meanwhile.
 * @buf: [3 * @len] bytes, aligned to 64.
 * @len: multiple of 64, at most FPGA_IO_MAX / 4.
 *
 * Two patterns, the second the inverse of the first; both depend on the address.
 * Return: 0; WPP_EIO: @res says where; the move's error.
 */
WPP_MUST_CHECK int wppi_fpga_selftest(struct fpga *f, uint64_t off, void *buf, uint32_t len,
				      struct fpga_selftest *res);

#endif
