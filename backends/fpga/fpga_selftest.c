/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The thesis' Debug handler (5.2.2): does the device keep what it is given? */
#include "fpga.h"
#include "plat.h"

/* Differs at each byte of the medium's first 64 KiB, and in each 64 KiB from the next. */
static uint8_t pattern(uint64_t at, uint8_t invert)
{
	uint64_t word = (at >> 3) * 0x9e3779b97f4a7c15ull;

	return (uint8_t)((uint8_t)(word >> (56 - 8 * (at & 3))) ^ (uint8_t)at ^ invert);
}

static int run(struct fpga *f, uint32_t op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int err = wpp_io_run(&f->be, op, off, buf, len);

	if (!err && op == WPP_IO_WRITE)
		err = wpp_io_run(&f->be, WPP_IO_FLUSH, 0, NULL, 0);
	return err;
}

static int compare(uint64_t off, const uint8_t *expected, const uint8_t *found, uint32_t len,
		   struct fpga_selftest *res)
{
	for (uint32_t i = 0; i < len; i++) {
		if (expected[i] == found[i])
			continue;
		res->off = off + i;
		res->expected = expected[i];
		res->found = found[i];
		return WPP_EIO;
	}
	return 0;
}

/* One pattern there and back; what is not overwritten by the device differs from it. */
static int pass(struct fpga *f, uint64_t off, uint8_t *out, uint8_t *in, uint32_t len,
		uint8_t invert, struct fpga_selftest *res)
{
	int err;

	for (uint32_t i = 0; i < len; i++) {
		out[i] = pattern(off + i, invert);
		in[i] = (uint8_t)~out[i];
	}
	res->step = FPGA_TEST_WRITE;
	err = run(f, WPP_IO_WRITE, off, out, len);
	if (err)
		return err;
	res->step = FPGA_TEST_READ;
	err = run(f, WPP_IO_READ, off, in, len);
	if (err)
		return err;
	res->step = FPGA_TEST_COMPARE;
	return compare(off, out, in, len, res);
}

int wppi_fpga_selftest(struct fpga *f, uint64_t off, void *buf, uint32_t len,
		       struct fpga_selftest *res)
{
	uint8_t *saved = buf;
	int err, err_restore;

	*res = (struct fpga_selftest){ .off = off, .step = FPGA_TEST_SAVE };
	if (!len || len > FPGA_IO_MAX / 4)
		return WPP_EINVAL;
	err = run(f, WPP_IO_READ, off, saved, len);
	if (err)
		return err;
	err = pass(f, off, saved + len, saved + 2 * (size_t)len, len, 0, res);
	if (!err)
		err = pass(f, off, saved + len, saved + 2 * (size_t)len, len, 0xff, res);
	err_restore = run(f, WPP_IO_WRITE, off, saved, len);
	if (err)
		return err;
	res->step = err_restore ? FPGA_TEST_RESTORE : FPGA_TEST_DONE;
	return err_restore;
}
