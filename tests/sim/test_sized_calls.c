/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Each call of the core and of sim that takes a struct with a size keeps to the rule of sized.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/plan.h>
#include <wpp/sim.h>
#include <wpp/sized.h>
#include <wpp/store.h>

#define MORE 64

static const struct wpp_medium medium = { .size = 8u << 20,
					  .io_align = 512,
					  .buf_align = 8,
					  .io_max = 65536,
					  .io_best = 65536,
					  .queue_depth = 1 };

static bool takes_store_cfg(const void *cfg)
{
	struct wpp_geometry geo;

	assert_int_equal(wpp_geometry_fit(&geo, medium.size), 0);
	return wpp_store_workspace(&geo, &medium, cfg) != 0;
}

static bool takes_plan_cfg(const void *cfg)
{
	struct wpp_plan plan;

	return wpp_plan_begin(&plan, cfg) == 0;
}

static bool budgets_plan_cfg(const void *cfg)
{
	return wpp_plan_budget(cfg) != 0;
}

static bool takes_sim_cfg(const void *cfg)
{
	struct wpp_backend *be;

	if (wpp_sim_open(cfg, &be))
		return false;
	be->ops->close(be);
	return true;
}

/* Flags lie behind the size in each of them. */
static const struct {
	bool (*takes)(const void *cfg);
	uint32_t size, first, flags;
	union {
		struct wpp_store_cfg store;
		struct wpp_plan_cfg plan;
		struct wpp_sim_cfg sim;
	} cfg;
} calls[] = {
	{ takes_store_cfg,
	  sizeof(struct wpp_store_cfg),
	  WPP_SIZE_UPTO(struct wpp_store_cfg, label_off),
	  WPP_STORE_RDONLY,
	  { .store = { 0 } } },
	{ takes_plan_cfg,
	  sizeof(struct wpp_plan_cfg),
	  WPP_SIZE_UPTO(struct wpp_plan_cfg, reserved),
	  WPP_PLAN_BY_SRC,
	  { .plan = { .medium = &medium } } },
	{ budgets_plan_cfg,
	  sizeof(struct wpp_plan_cfg),
	  WPP_SIZE_UPTO(struct wpp_plan_cfg, reserved),
	  WPP_PLAN_BY_SRC,
	  { .plan = { .medium = &medium } } },
	{ takes_sim_cfg,
	  sizeof(struct wpp_sim_cfg),
	  WPP_SIZE_UPTO(struct wpp_sim_cfg, reserved),
	  WPP_SIM_DEFER,
	  { .sim = { .bytes = 1u << 20 } } },
};

static void each_call_keeps_to_the_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		_Alignas(8) uint8_t bytes[sizeof(calls[0].cfg) + MORE] = { 0 };
		uint32_t *head = (uint32_t *)(void *)bytes, size = calls[i].size;

		memcpy(bytes, &calls[i].cfg, size);
		for (uint32_t n = 0; n <= size; n++) {
			head[0] = n;
			assert_int_equal(calls[i].takes(bytes), n >= calls[i].first);
		}
		head[0] = size + MORE; /* of a later release, which asks for nothing new */
		assert_true(calls[i].takes(bytes));
		bytes[size + MORE - 1] = 1;
		assert_false(calls[i].takes(bytes));
		head[0] = size;
		for (unsigned int bit = 0; bit < 32; bit++) {
			head[1] = 1u << bit;
			if (!(head[1] & calls[i].flags))
				assert_false(calls[i].takes(bytes));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_call_keeps_to_the_rule) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
