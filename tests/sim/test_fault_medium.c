/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* fault: each kind of fault hits the n-th operation and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/fault.h>
#include <wpp/sim.h>

#define BYTES (64u * 1024)

static _Alignas(4096) uint8_t buf[4096];

static struct wpp_backend *faulty(uint32_t flags)
{
	struct wpp_sim_cfg cfg = {
		.size = sizeof(cfg), .bytes = BYTES, .flags = flags, .caps = WPP_CAP_EMERGENCY
	};
	struct wpp_backend *sim, *be;

	assert_int_equal(wpp_sim_open(&cfg, &sim), 0);
	assert_int_equal(wpp_fault_wrap(sim, &be), 0);
	return be;
}

static int put(struct wpp_backend *be, uint8_t fill)
{
	memset(buf, fill, sizeof(buf));
	return wpp_io_run(be, WPP_IO_WRITE, 0, buf, sizeof(buf));
}

static int get(struct wpp_backend *be, uint8_t *first)
{
	int err;

	memset(buf, 0xee, sizeof(buf));
	err = wpp_io_run(be, WPP_IO_READ, 0, buf, sizeof(buf));
	*first = buf[0];
	return err;
}

static void without_a_rule_it_is_not_there(void **state)
{
	struct wpp_backend *be = faulty(WPP_SIM_DEFER);
	struct wpp_medium m;
	uint8_t b;

	(void)state;
	assert_int_equal(be->ops->probe(be, &m), 0);
	assert_int_equal(m.size, BYTES);
	assert_null(be->ops->direct);
	assert_non_null(be->ops->emergency_write);
	assert_int_equal(put(be, 1), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(get(be, &b), 0);
	assert_int_equal(b, 1);
	be->ops->close(be);
}

static void nth_and_nr(void **state)
{
	struct wpp_backend *be = faulty(0);
	struct wpp_fault_rule rule = { .kind = WPP_FAULT_DONE,
				       .ops = 1u << WPP_IO_WRITE,
				       .nth = 2,
				       .nr = 2,
				       .err = WPP_ENOMEM };
	uint8_t b;

	(void)state;
	wpp_fault_set(be, &rule);
	assert_int_equal(put(be, 1), 0);
	assert_int_equal(get(be, &b), 0);
	assert_int_equal(put(be, 2), WPP_ENOMEM);
	assert_int_equal(put(be, 3), WPP_ENOMEM);
	assert_int_equal(get(be, &b), 0);
	assert_int_equal(b, 1);
	assert_int_equal(put(be, 4), 0);
	assert_int_equal(wpp_fault_fired(be), 2);
	rule.nr = 0;
	rule.nth = 1;
	wpp_fault_set(be, &rule);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(be, 5), WPP_ENOMEM);
	wpp_fault_set(be, NULL);
	assert_int_equal(put(be, 6), 0);
	be->ops->close(be);
}

/* One write of 2 over 1 with a fault of @kind: what is reported, what is there afterwards? */
static int one_fault(enum wpp_fault_kind kind, uint32_t flags, uint8_t *b)
{
	struct wpp_backend *be = faulty(flags);
	struct wpp_fault_rule rule = { .kind = kind, .ops = WPP_FAULT_ANY, .nth = 1, .nr = 1 };
	int err;

	assert_int_equal(put(be, 1), 0);
	wpp_fault_set(be, &rule);
	err = put(be, 2);
	assert_int_equal(wpp_fault_fired(be), 1);
	assert_int_equal(get(be, b), 0);
	be->ops->close(be);
	return err;
}

static void each_kind(void **state)
{
	static const struct {
		enum wpp_fault_kind kind;
		int err;
		uint8_t b;
	} want[] = {
		{ WPP_FAULT_SUBMIT, WPP_EIO, 1 }, { WPP_FAULT_DONE, WPP_EIO, 1 },
		{ WPP_FAULT_LATE, WPP_EIO, 2 },	  { WPP_FAULT_LIE, 0, 1 },
		{ WPP_FAULT_BUSY, 0, 2 },
	};

	(void)state;
	for (uint32_t flags = 0; flags <= WPP_SIM_DEFER; flags++) {
		for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
			uint8_t b = 0;

			assert_int_equal(one_fault(want[i].kind, flags, &b), want[i].err);
			assert_int_equal(b, want[i].b);
		}
	}
}

static void emergency_counts_as_write(void **state)
{
	struct wpp_backend *be = faulty(0);
	struct wpp_fault_rule rule = {
		.kind = WPP_FAULT_DONE, .ops = 1u << WPP_IO_WRITE, .nth = 2, .nr = 1
	};

	(void)state;
	wpp_fault_set(be, &rule);
	assert_int_equal(be->ops->emergency_write(be, 0, buf, 512), 0);
	assert_int_equal(be->ops->emergency_write(be, 0, buf, 512), WPP_EIO);
	assert_int_equal(be->ops->emergency_write(be, 0, buf, 512), 0);
	be->ops->close(be);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_it_is_not_there),
		cmocka_unit_test(nth_and_nr),
		cmocka_unit_test(each_kind),
		cmocka_unit_test(emergency_counts_as_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
