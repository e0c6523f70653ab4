/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The suite over the media in memory; pmem runs it over files in tests/pmem. */
#include "backend/conformance.h"
#include <wpp/fault.h>
#include <wpp/sim.h>
#include "backend_ram.h"

#define BYTES (8u << 20)

static struct wpp_backend *ram(void)
{
	struct wpp_backend *be;

	assert_int_equal(backend_ram_open(BYTES, &be), 0);
	return be;
}

static int setup_ram(void **state)
{
	return conformance_begin(state, ram());
}

static int setup_fault(void **state)
{
	struct wpp_backend *be;

	assert_int_equal(wpp_fault_wrap(ram(), &be), 0);
	return conformance_begin(state, be);
}

static int setup_sim(void **state, struct wpp_sim_cfg cfg)
{
	struct wpp_backend *be;

	cfg.size = sizeof(cfg);
	cfg.bytes = BYTES;
	cfg.seed = 1;
	assert_int_equal(wpp_sim_open(&cfg, &be), 0);
	return conformance_begin(state, be);
}

static int setup_disk(void **state)
{
	struct wpp_sim_cfg cfg = { .flags = WPP_SIM_DEFER,
				   .caps = WPP_CAP_DURABLE | WPP_CAP_POWERSAFE | WPP_CAP_FUA,
				   .io_align = 4096,
				   .buf_align = 4096,
				   .io_max = 1u << 20,
				   .queue_depth = 32 };

	return setup_sim(state, cfg);
}

static int setup_memory(void **state)
{
	struct wpp_sim_cfg cfg = { .caps = WPP_CAP_DURABLE | WPP_CAP_DIRECT | WPP_CAP_EMERGENCY,
				   .io_align = 8,
				   .tear = 8,
				   .atomic_len = 8 };

	return setup_sim(state, cfg);
}

int main(void)
{
	const struct CMUnitTest on_ram[] = { CONFORMANCE_TESTS(setup_ram, conformance_end) };
	const struct CMUnitTest on_fault[] = { CONFORMANCE_TESTS(setup_fault, conformance_end) };
	const struct CMUnitTest on_disk[] = { CONFORMANCE_TESTS(setup_disk, conformance_end) };
	const struct CMUnitTest on_memory[] = { CONFORMANCE_TESTS(setup_memory, conformance_end) };
	int failed = 0;

	failed += cmocka_run_group_tests_name("ram", on_ram, NULL, NULL);
	failed += cmocka_run_group_tests_name("fault over ram", on_fault, NULL, NULL);
	failed += cmocka_run_group_tests_name("sim as a disk", on_disk, NULL, NULL);
	failed += cmocka_run_group_tests_name("sim as memory", on_memory, NULL, NULL);
	return failed;
}
