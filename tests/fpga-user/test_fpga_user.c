/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What of the FPGA in user space needs no device: bounce buffers and bus addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fpga-user/fpga_bounce.h"
#include "fpga-user/fpga_user.h"

#define LEN    4096u
#define QUEUE  64
#define MEDIUM (64u * LEN)

/* A medium that does moves when it is told to, and only from the bounce buffers. */
static struct {
	struct wpp_backend be;
	uint8_t medium[MEDIUM];
	struct wpp_io *queue[QUEUE];
	uint32_t nr;
	int refuse, fail;
	bool at_once;
	uint32_t flags;
} inner;

static uint8_t *buffers;
static struct fpga_bounces pool;
static uint32_t nr_done;
static int last_err;

static void inner_do(struct wpp_io *io)
{
	if (inner.fail) {
		io->done(io, inner.fail);
		return;
	}
	if (io->op == WPP_IO_WRITE)
		memcpy(inner.medium + io->off, io->buf, io->len);
	else
		memcpy(io->buf, inner.medium + io->off, io->len);
	io->done(io, 0);
}

static int inner_submit(struct wpp_backend *be, struct wpp_io *io)
{
	uint64_t at = (uintptr_t)io->buf - (uintptr_t)buffers;

	(void)be;
	assert_true(at % LEN == 0 && at < FPGA_BOUNCES * LEN);
	inner.flags = io->flags;
	if (inner.refuse)
		return inner.refuse;
	if (inner.at_once)
		inner_do(io);
	else
		inner.queue[inner.nr++] = io;
	return 0;
}

/* The newest first: completion in any order. */
static void inner_run(void)
{
	while (inner.nr)
		inner_do(inner.queue[--inner.nr]);
}

static const struct wpp_backend_ops inner_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(inner_ops),
	.name = "inner",
	.submit = inner_submit,
};

static int setup(void **state)
{
	(void)state;
	memset(&inner, 0, sizeof(inner));
	inner.be.ops = &inner_ops;
	buffers = malloc(FPGA_BOUNCES * LEN);
	nr_done = 0;
	last_err = 1;
	wppi_fpga_bounces_init(&pool, &inner.be, buffers, LEN);
	return buffers ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(buffers);
	return 0;
}

static void on_done(struct wpp_io *io, int err)
{
	(void)io;
	nr_done++;
	last_err = err;
}

static struct wpp_io move(uint32_t op, uint64_t off, void *buf, uint32_t len)
{
	return (struct wpp_io){ .op = op, .off = off, .buf = buf, .len = len, .done = on_done };
}

static void as_many_as_there_are_buffers(void **state)
{
	static uint8_t data[FPGA_BOUNCES + 1][LEN];
	struct wpp_io io[FPGA_BOUNCES + 1];

	(void)state;
	for (uint32_t i = 0; i <= FPGA_BOUNCES; i++) {
		memset(data[i], (int)i + 1, LEN);
		io[i] = move(WPP_IO_WRITE, i * LEN, data[i], LEN);
	}
	for (uint32_t i = 0; i < FPGA_BOUNCES; i++) {
		assert_int_equal(wppi_fpga_bounce(&pool, &io[i]), 0);
		memset(data[i], 0xee, LEN); /* copied already */
	}
	assert_int_equal(wppi_fpga_bounce(&pool, &io[FPGA_BOUNCES]), WPP_EBUSY);
	assert_int_equal(nr_done, 0);
	inner_run();
	assert_int_equal(nr_done, FPGA_BOUNCES);
	assert_int_equal(last_err, 0);
	assert_int_equal(wppi_fpga_bounce(&pool, &io[FPGA_BOUNCES]), 0);
	inner_run();
	for (uint32_t i = 0; i <= FPGA_BOUNCES; i++)
		assert_int_equal(inner.medium[i * LEN + LEN - 1], i + 1);
}

static void a_read_arrives_and_no_more_than_it(void **state)
{
	uint8_t to[192] = { 0 };
	struct wpp_io io = move(WPP_IO_READ, 128, to + 64, 64);

	(void)state;
	memset(inner.medium, 0x5a, MEDIUM);
	assert_int_equal(wppi_fpga_bounce(&pool, &io), 0);
	assert_int_equal(to[64], 0);
	inner_run();
	for (int i = 0; i < 192; i++)
		assert_int_equal(to[i], i >= 64 && i < 128 ? 0x5a : 0);
}

static void a_refused_move_takes_no_buffer(void **state)
{
	uint8_t data[LEN];
	struct wpp_io io = move(WPP_IO_READ, 0, data, LEN), longer = io;

	(void)state;
	longer.len = 2 * LEN;
	assert_int_equal(wppi_fpga_bounce(&pool, &longer), WPP_EINVAL);
	inner.refuse = WPP_ERANGE;
	for (uint32_t i = 0; i < 3 * FPGA_BOUNCES; i++)
		assert_int_equal(wppi_fpga_bounce(&pool, &io), WPP_ERANGE);
	assert_int_equal(nr_done, 0);
	inner.refuse = 0;
	assert_int_equal(wppi_fpga_bounce(&pool, &io), 0);
}

static void a_failed_read_leaves_the_memory(void **state)
{
	uint8_t data[LEN];
	struct wpp_io io = move(WPP_IO_READ, 0, data, LEN);

	(void)state;
	memset(data, 7, LEN);
	inner.fail = WPP_EIO;
	for (uint32_t i = 0; i < 3 * FPGA_BOUNCES; i++) {
		assert_int_equal(wppi_fpga_bounce(&pool, &io), 0);
		inner_run();
		assert_int_equal(last_err, WPP_EIO);
	}
	assert_int_equal(data[0], 7);
}

static void resubmit(struct wpp_io *io, int err)
{
	last_err = err;
	if (++nr_done < 3 * FPGA_BOUNCES)
		assert_int_equal(wppi_fpga_bounce(&pool, io), 0);
}

static void done_may_submit_the_next(void **state)
{
	uint8_t data[LEN] = { 0 };
	struct wpp_io io = move(WPP_IO_WRITE, 0, data, LEN);

	(void)state;
	io.done = resubmit;
	io.flags = WPP_IO_FUA;
	inner.at_once = true;
	assert_int_equal(wppi_fpga_bounce(&pool, &io), 0);
	assert_int_equal(nr_done, 3 * FPGA_BOUNCES);
	assert_int_equal(inner.flags, WPP_IO_FUA);
}

/* Four huge pages; the second and third are neighbours on the bus. */
static struct fpga_dma *scattered(uint8_t *mem)
{
	static struct fpga_dma dma;
	static const uint64_t bus[] = { 8, 2, 3, 1 };

	dma = (struct fpga_dma){ .area[5] = { .mem = mem, .nr_pages = 4 } };
	for (int i = 0; i < 4; i++)
		dma.area[5].bus[i] = bus[i] * FPGA_HUGE_PAGE;
	return &dma;
}

static void bus_addresses_go_by_huge_page(void **state)
{
	uint8_t *mem = (uint8_t *)(uintptr_t)0x7f0000000000ull; /* never touched */
	const struct fpga_dma *dma = scattered(mem);
	const uint32_t page = FPGA_HUGE_PAGE;
	uint32_t contig;

	(void)state;
	assert_int_equal(wppi_fpga_dma_bus(dma, mem, 64, &contig), 8ull * page);
	assert_true(contig >= 64 && contig <= page);
	assert_int_equal(wppi_fpga_dma_bus(dma, mem + page - 64, 4096, &contig), 9ull * page - 64);
	assert_int_equal(contig, 64);
	assert_int_equal(wppi_fpga_dma_bus(dma, mem + page + 4096, 2 * page - 4096, &contig),
			 2ull * page + 4096);
	assert_int_equal(contig, 2 * page - 4096);
	assert_int_equal(wppi_fpga_dma_bus(dma, mem + page, 3 * page, &contig), 2ull * page);
	assert_int_equal(contig, 2 * page);
	assert_int_equal(wppi_fpga_dma_bus(dma, mem, 4 * page, &contig), 8ull * page);
}

static void what_is_not_all_inside_has_none(void **state)
{
	uint8_t *mem = (uint8_t *)(uintptr_t)0x7f0000000000ull;
	const struct fpga_dma *dma = scattered(mem);
	uint32_t contig;

	(void)state;
	assert_true(wppi_fpga_dma_bus(dma, mem - 64, 128, &contig) == FPGA_NO_BUS);
	assert_true(wppi_fpga_dma_bus(dma, mem + 4 * FPGA_HUGE_PAGE, 64, &contig) == FPGA_NO_BUS);
	assert_true(wppi_fpga_dma_bus(dma, mem + 4 * FPGA_HUGE_PAGE - 64, 128, &contig) ==
		    FPGA_NO_BUS);
	assert_true(wppi_fpga_dma_bus(dma, mem + 64, UINT32_MAX, &contig) == FPGA_NO_BUS);
	assert_true(wppi_fpga_dma_bus(dma, NULL, 64, &contig) == FPGA_NO_BUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_as_there_are_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_read_arrives_and_no_more_than_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_refused_move_takes_no_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_read_leaves_the_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(done_may_submit_the_next, setup, teardown),
		cmocka_unit_test(bus_addresses_go_by_huge_page),
		cmocka_unit_test(what_is_not_all_inside_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
