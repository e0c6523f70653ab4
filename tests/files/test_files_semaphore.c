/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What kernels before 6.5 don't tell of an eventfd is found out, and nothing of it changes. */
#include "round.h"

#include <errno.h>

#include "files/file_events.c"

static uint64_t count_of(int fd, bool semaphore)
{
	uint64_t v, sum = 0;

	while (read(fd, &v, sizeof(v)) == sizeof(v)) {
		assert_true(!semaphore || v == 1);
		sum += v;
	}
	assert_int_equal(errno, EAGAIN);
	return sum;
}

static void test_probe(void **state)
{
	static const uint64_t counts[] = { 0, 1, 2, 3, 100 };

	(void)state;
	for (int semaphore = 0; semaphore < 2; semaphore++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			int fd = eventfd((unsigned int)counts[i],
					 EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0));
			bool found = !semaphore;

			assert_int_equal(probe_semaphore(fd, counts[i], &found), 0);
			assert_int_equal(found, semaphore);
			assert_int_equal(count_of(fd, semaphore), counts[i]);
			close(fd);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_probe) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
