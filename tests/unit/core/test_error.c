/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/error.h>

_Static_assert(WPP_EPERM == -EPERM && WPP_ENOENT == -ENOENT && WPP_EIO == -EIO, "errno");
_Static_assert(WPP_ENOMEM == -ENOMEM && WPP_EBUSY == -EBUSY && WPP_EEXIST == -EEXIST, "errno");
_Static_assert(WPP_EINVAL == -EINVAL && WPP_ENOSPC == -ENOSPC && WPP_EROFS == -EROFS, "errno");
_Static_assert(WPP_ERANGE == -ERANGE, "errno");

static void every_code_has_its_own_sentence(void **state)
{
	static const int codes[] = {
		WPP_OK,	     WPP_EPERM,	  WPP_ENOENT,	WPP_EIO,     WPP_ENOMEM, WPP_EBUSY,
		WPP_EEXIST,  WPP_EINVAL,  WPP_ENOSPC,	WPP_EROFS,   WPP_ERANGE, WPP_ECORRUPT,
		WPP_EFORMAT, WPP_EPOISON, WPP_EREFUSED, WPP_EWINDOW,
	};
	size_t nr = sizeof(codes) / sizeof(codes[0]);

	(void)state;
	for (size_t i = 0; i < nr; i++) {
		assert_string_not_equal(wpp_strerror(codes[i]), "unknown error");
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(wpp_strerror(codes[i]), wpp_strerror(codes[j]));
	}
}

static void unknown_codes_are_said_to_be_unknown(void **state)
{
	(void)state;
	assert_string_equal(wpp_strerror(-EMFILE), "system error");
	assert_string_equal(wpp_strerror(-4095), "system error");
	assert_string_equal(wpp_strerror(-4096), "unknown error");
	assert_string_equal(wpp_strerror(1), "unknown error");
	assert_string_equal(wpp_strerror(INT_MIN), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_own_sentence),
		cmocka_unit_test(unknown_codes_are_said_to_be_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
