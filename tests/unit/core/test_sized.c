/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Structs that begin with their size: older callers, newer callers, and wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wpp/sized.h>

struct now {
	uint32_t size, first, second, third;
};
#define FIRST WPP_SIZE_UPTO(struct now, second)

/* As a later release would have it. */
struct later {
	struct now now;
	uint32_t fourth, fifth;
};

static struct later theirs(uint32_t size)
{
	return (struct later){ .now = { size, 1, 2, 3 } };
}

static void the_same_size_is_taken_whole(void **state)
{
	struct later in = theirs(sizeof(struct now));
	struct now got = { 0 };

	(void)state;
	assert_int_equal(wpp_sized_in(&got, sizeof(got), &in, FIRST), 0);
	assert_memory_equal(&got, &in, sizeof(got));
}

static void an_older_caller_gets_defaults(void **state)
{
	struct later in = theirs(FIRST);
	struct now got;

	(void)state;
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(wpp_sized_in(&got, sizeof(got), &in, FIRST), 0);
	assert_int_equal(got.size, sizeof(got));
	assert_int_equal(got.second, 2);
	assert_int_equal(got.third, 0);
}

static void a_newer_caller_must_not_ask_for_more(void **state)
{
	struct later in = theirs(sizeof(in));
	struct now got = { 0 }, untouched = { 0 };

	(void)state;
	assert_int_equal(wpp_sized_in(&got, sizeof(got), &in, FIRST), 0);
	assert_int_equal(got.size, sizeof(got));
	assert_int_equal(got.third, 3);
	memset(&got, 0, sizeof(got));
	for (uint32_t i = sizeof(struct now); i < sizeof(in); i++) {
		((uint8_t *)&in)[i] = 1;
		assert_int_equal(wpp_sized_in(&got, sizeof(got), &in, FIRST), WPP_EINVAL);
		((uint8_t *)&in)[i] = 0;
	}
	assert_memory_equal(&got, &untouched, sizeof(got));
}

static void less_than_the_first_release_is_refused(void **state)
{
	struct now got;

	(void)state;
	for (uint32_t size = 0; size < FIRST; size++) {
		struct later in = theirs(size);

		assert_int_equal(wpp_sized_in(&got, sizeof(got), &in, FIRST), WPP_EINVAL);
		assert_false(wpp_sized_fits(&in, FIRST));
	}
}

static void what_is_filled_ends_at_the_callers_size(void **state)
{
	const struct now ours = { sizeof(ours), 7, 8, 9 };
	struct later out;

	(void)state;
	memset(&out, 0xee, sizeof(out));
	out.now.size = FIRST;
	assert_true(wpp_sized_fits(&out, FIRST));
	wpp_sized_out(&out, &ours, sizeof(ours));
	assert_int_equal(out.now.size, FIRST);
	assert_int_equal(out.now.second, 8);
	assert_int_equal(out.now.third, 0xeeeeeeee);
	out.now.size = sizeof(out);
	wpp_sized_out(&out, &ours, sizeof(ours));
	assert_int_equal(out.now.size, sizeof(out));
	assert_int_equal(out.now.third, 9);
	assert_int_equal(out.fourth | out.fifth, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_size_is_taken_whole),
		cmocka_unit_test(an_older_caller_gets_defaults),
		cmocka_unit_test(a_newer_caller_must_not_ask_for_more),
		cmocka_unit_test(less_than_the_first_release_is_refused),
		cmocka_unit_test(what_is_filled_ends_at_the_callers_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
