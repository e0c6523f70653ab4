/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The backend keeps the contract of backend.h, on devices of several kinds. */
#include "backend/conformance.h"
#include "rig.h"

struct device {
	struct fpga f;
	struct rig *rig;
};

static void device_release(void *ctx)
{
	struct rig *rig = ctx;
	struct device *d = rig->owner;

	rig_free(rig);
	free(d);
}

static int setup(void **state, const struct rig_cfg *cfg)
{
	struct device *d = calloc(1, sizeof(*d));

	d->rig = rig_new(cfg, NULL);
	d->rig->owner = d;
	d->rig->env.release = device_release;
	assert_int_equal(wppi_fpga_init(&d->f, &d->rig->env, d->rig->mem), 0);
	return conformance_begin(state, &d->f.be);
}

static int setup_fast(void **state)
{
	return setup(state, &(struct rig_cfg){ .contiguous = true, .seed = 1 });
}

static int setup_slow(void **state)
{
	return setup(state, &(struct rig_cfg){ .knobs = { .bandwidth = 1000000000,
							  .latency_ns = 10000,
							  .max_inflight = 5,
							  .max_transfer = 8192 },
					       .nr_slots = 128,
					       .late = 50,
					       .step_max = 2,
					       .seed = 2 });
}

static int setup_cached(void **state)
{
	return setup(state, &(struct rig_cfg){ .knobs = { .cache_bytes = 1u << 20 },
					       .first_index = 0xffffff80,
					       .step_max = 3,
					       .seed = 3 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(setup_fast, conformance_end),
		CONFORMANCE_TESTS(setup_slow, conformance_end),
		CONFORMANCE_TESTS(setup_cached, conformance_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
