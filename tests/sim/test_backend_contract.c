/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What <wpp/backend.h> asks of every backend; the example that people copy must keep it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/fault.h>
#include <wpp/sim.h>

#include "backend_ram.h"

#define BYTES (256u * 1024)

static _Alignas(4096) uint8_t out[4096], in[4096];

static struct wpp_backend *open_ram(void)
{
	struct wpp_backend *be;

	assert_int_equal(backend_ram_open(BYTES, &be), 0);
	return be;
}

static struct wpp_backend *open_sim(uint32_t caps, uint32_t flags)
{
	struct wpp_sim_cfg cfg = {
		.size = sizeof(cfg), .bytes = BYTES, .caps = caps, .flags = flags, .queue_depth = 3
	};
	struct wpp_backend *be;

	assert_int_equal(wpp_sim_open(&cfg, &be), 0);
	return be;
}

static bool power_of_2(uint32_t x)
{
	return x && !(x & (x - 1)) && x <= 4096;
}

static void check_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	const struct wpp_backend_ops *ops = be->ops;

	assert_int_equal(ops->abi, WPP_BACKEND_ABI);
	assert_int_equal(ops->size, sizeof(*ops));
	assert_non_null(ops->name);
	memset(m, 0xff, sizeof(*m));
	assert_int_equal(ops->probe(be, m), 0);
	assert_true(power_of_2(m->io_align));
	assert_true(power_of_2(m->buf_align));
	assert_true(m->io_max && m->io_max % 4096 == 0);
	assert_true(m->io_best && m->io_best <= m->io_max);
	assert_true(m->queue_depth >= 1);
	assert_int_equal(m->caps & ~WPP_CAP_ALL, 0);
	assert_int_equal(m->reserved, 0);
	assert_int_equal(!ops->direct, !(m->caps & WPP_CAP_DIRECT));
	assert_int_equal(!ops->emergency_write, !(m->caps & WPP_CAP_EMERGENCY));
}

static void check_moves(struct wpp_backend *be, const struct wpp_medium *m)
{
	uint64_t last = m->size - 4096;

	memset(out, 0x5a, sizeof(out));
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, last, out, 4096), 0);
	memset(out, 0x11, sizeof(out));
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, last, out, m->io_align), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, last, in, 4096), 0);
	assert_memory_equal(in, out, m->io_align);
	for (uint32_t i = m->io_align; i < 4096; i++)
		assert_int_equal(in[i], 0x5a);
}

static void check_refusals(struct wpp_backend *be, const struct wpp_medium *m)
{
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, m->size, out, 4096), WPP_ERANGE);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, UINT64_MAX - 4095, in, 4096), WPP_ERANGE);
	assert_int_equal(wpp_io_run(be, 99, 0, in, 4096), WPP_EINVAL);
	if (m->io_align > 1)
		assert_int_equal(wpp_io_run(be, WPP_IO_READ, 1, in, 4096), WPP_EINVAL);
}

static void check_direct(struct wpp_backend *be, const struct wpp_medium *m)
{
	uint8_t *p;

	if (!be->ops->direct)
		return;
	assert_null(be->ops->direct(be, m->size, 4096));
	assert_null(be->ops->direct(be, 4096, UINT64_MAX));
	p = be->ops->direct(be, 4096, 4096);
	assert_non_null(p);
	assert_ptr_equal(p - 4096, be->ops->direct(be, 0, m->size));
	memset(p, 0x77, 4096);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 4096, p, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 4096, in, 4096), 0);
	assert_memory_equal(in, p, 4096);
}

static void count_done(struct wpp_io *io, int err)
{
	assert_int_equal(err, 0);
	++*(uint32_t *)io->owner;
}

/* Each accepted move is done exactly once, and poll() says how many it ran. */
static void check_completion(struct wpp_backend *be, const struct wpp_medium *m)
{
	static struct wpp_io io[64];
	uint32_t done = 0, accepted = 0, at_submit, polled = 0;

	for (uint32_t i = 0; i < 64 && i < m->size / 4096; i++) {
		io[i] = (struct wpp_io){ .op = WPP_IO_WRITE,
					 .len = 4096,
					 .off = i * 4096ull,
					 .buf = out,
					 .done = count_done,
					 .owner = &done };
		if (be->ops->submit(be, &io[i]))
			break;
		accepted++;
	}
	assert_true(accepted >= 1);
	at_submit = done;
	for (uint32_t i = 0; i < 100000 && done < accepted; i++)
		polled += (uint32_t)be->ops->poll(be);
	assert_int_equal(done, accepted);
	assert_int_equal(polled, accepted - at_submit);
	assert_int_equal(be->ops->poll(be), 0);
}

static void check_backend(struct wpp_backend *be)
{
	struct wpp_medium m;

	check_probe(be, &m);
	check_moves(be, &m);
	check_refusals(be, &m);
	check_direct(be, &m);
	check_completion(be, &m);
	if (be->ops->close)
		be->ops->close(be);
}

static void example_ram(void **state)
{
	struct wpp_backend *be;

	(void)state;
	check_backend(open_ram());
	assert_int_equal(backend_ram_open(0, &be), WPP_EINVAL);
	assert_int_equal(backend_ram_open(4097, &be), WPP_EINVAL);
}

static void sim_of_each_kind(void **state)
{
	(void)state;
	for (uint32_t caps = 0; caps <= WPP_CAP_ALL; caps++)
		for (uint32_t flags = 0; flags <= WPP_SIM_DEFER; flags++)
			check_backend(open_sim(caps, flags));
}

static void fault_around_each(void **state)
{
	struct wpp_backend *be;

	(void)state;
	assert_int_equal(wpp_fault_wrap(open_ram(), &be), 0);
	check_backend(be);
	assert_int_equal(wpp_fault_wrap(open_sim(WPP_CAP_DIRECT, WPP_SIM_DEFER), &be), 0);
	check_backend(be);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_ram),
		cmocka_unit_test(sim_of_each_kind),
		cmocka_unit_test(fault_around_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
