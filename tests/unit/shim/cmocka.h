/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The part of cmocka that the core's tests use, for targets without the
 * library (cross builds under qemu-user). Tests run in order, in one process.
 */
#ifndef WPP_SHIM_CMOCKA_H
#define WPP_SHIM_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SHIM_FAILED = 1, SHIM_SKIPPED = 2 };

static jmp_buf shim_out __attribute__((unused));

struct CMUnitTest {
	const char *name;
	void (*test_func)(void **state);
	int (*setup_func)(void **state);
	int (*teardown_func)(void **state);
	void *initial_state;
};

#define cmocka_unit_test(f)             \
	{                               \
#f, f, NULL, NULL, NULL \
	}
#define cmocka_unit_test_setup_teardown(f, s, t) \
	{                                        \
#f, f, s, t, NULL                \
	}
#define cmocka_unit_test_prestate(f, st) \
	{                                \
#f, f, NULL, NULL, st    \
	}

#define print_message(...) printf(__VA_ARGS__)
#define skip()		   longjmp(shim_out, SHIM_SKIPPED)
#define fail_msg(...)                                  \
	do {                                           \
		printf("%s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                   \
		putchar('\n');                         \
		longjmp(shim_out, SHIM_FAILED);        \
	} while (0)
#define fail() fail_msg("failed")

#define shim_check(cond, text)                \
	do {                                  \
		if (!(cond))                  \
			fail_msg("%s", text); \
	} while (0)
#define shim_compare(a, op, b)                                                         \
	do {                                                                           \
		uintmax_t shim_a = (uintmax_t)(a), shim_b = (uintmax_t)(b);            \
		if (!(shim_a op shim_b))                                               \
			fail_msg("%s %s %s: %#jx, %#jx", #a, #op, #b, shim_a, shim_b); \
	} while (0)

#define assert_true(c)		    shim_check(c, #c)
#define assert_false(c)		    shim_check(!(c), "not: " #c)
#define assert_null(p)		    shim_check((p) == NULL, #p " is NULL")
#define assert_non_null(p)	    shim_check((p) != NULL, #p " is not NULL")
#define assert_ptr_equal(a, b)	    shim_check((a) == (b), #a " == " #b)
#define assert_return_code(rc, err) shim_check((rc) >= 0, #rc " >= 0")
#define assert_int_equal(a, b)	    shim_compare(a, ==, b)
#define assert_int_not_equal(a, b)  shim_compare(a, !=, b)
#define assert_in_range(v, lo, hi)       \
	do {                             \
		shim_compare(v, >=, lo); \
		shim_compare(v, <=, hi); \
	} while (0)
#define assert_string_equal(a, b)	 shim_check(strcmp(a, b) == 0, #a " == " #b)
#define assert_string_not_equal(a, b)	 shim_check(strcmp(a, b) != 0, #a " != " #b)
#define assert_memory_equal(a, b, n)	 shim_check(memcmp(a, b, n) == 0, #a " == " #b)
#define assert_memory_not_equal(a, b, n) shim_check(memcmp(a, b, n) != 0, #a " != " #b)

/* 0: passed or skipped */
static int shim_run(const struct CMUnitTest *t)
{
	void *state = t->initial_state;
	int how;

	printf("[ RUN      ] %s\n", t->name);
	fflush(stdout);
	if (t->setup_func && t->setup_func(&state)) {
		printf("[  FAILED  ] %s: setup\n", t->name);
		return 1;
	}
	how = setjmp(shim_out);
	if (how == 0)
		t->test_func(&state);
	printf("[ %s ] %s\n",
	       how == 0		     ? "      OK"
	       : how == SHIM_SKIPPED ? " SKIPPED"
				     : " FAILED ",
	       t->name);
	if (t->teardown_func && t->teardown_func(&state))
		return 1;
	return how == SHIM_FAILED;
}

#define cmocka_run_group_tests(tests, setup, teardown) \
	shim_run_group(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

static inline int shim_run_group(const struct CMUnitTest *tests, size_t nr, int (*setup)(void **),
				 int (*teardown)(void **))
{
	void *state = NULL;
	int failed = 0;

	if (setup && setup(&state))
		return 1;
	for (size_t i = 0; i < nr; i++)
		failed += shim_run(&tests[i]);
	if (teardown && teardown(&state))
		failed++;
	return failed;
}

#endif
