/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Errors of the kernel under the pool: said once, and nothing is durable after them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/types.h>
#include <unistd.h>

static int sync_error, write_error, write_limit, read_error;

static int test_fdatasync(int fd)
{
	(void)fd;
	errno = sync_error;
	sync_error = 0; /* as Linux: told once */
	return errno ? -1 : 0;
}

static ssize_t test_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	errno = write_error;
	if (errno)
		return -1;
	if (write_limit && len > (size_t)write_limit)
		len = (size_t)write_limit;
	return pwrite(fd, buf, len, off);
}

static ssize_t test_pread(int fd, void *buf, size_t len, off_t off)
{
	errno = read_error;
	return errno ? -1 : pread(fd, buf, len, off);
}

#define fdatasync test_fdatasync
#define pwrite	  test_pwrite
#define pread	  test_pread
#include "backends/base/fail.c"
#include "backends/pmem/pmem_pool.c"
#undef fdatasync
#undef pwrite
#undef pread

static struct wpp_backend *be;
static unsigned char *buf;

static int setup(void **state)
{
	char path[] = "wpp-fault-XXXXXX";
	struct wppi_pmem_file file = { .fd = mkstemp(path), .size = 1u << 20 };

	(void)state;
	sync_error = write_error = write_limit = read_error = 0;
	assert_true(file.fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(file.fd, 1 << 20), 0);
	buf = aligned_alloc(4096, 65536);
	memset(buf, 0x77, 65536);
	return wppi_pmem_pool_open(&file, false, 2, &be);
}

static int teardown(void **state)
{
	(void)state;
	free(buf);
	be->ops->close(be);
	return 0;
}

static void failed_flush_poisons(void **state)
{
	(void)state;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 4096), 0);
	sync_error = EIO;
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), WPP_EIO);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), WPP_EPOISON);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 4096), WPP_EPOISON);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 4096), 0);
}

static void failed_write_poisons(void **state)
{
	(void)state;
	write_error = ENOSPC;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 4096), WPP_ENOSPC);
	write_error = 0;
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), WPP_EPOISON);
}

static void failed_read_does_not(void **state)
{
	(void)state;
	read_error = EIO;
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 4096), WPP_EIO);
	read_error = 0;
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
}

static void short_writes_are_completed(void **state)
{
	unsigned char *back = calloc(1, 65536);

	(void)state;
	write_limit = 512;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 4096, buf, 65536), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 4096, back, 65536), 0);
	assert_memory_equal(buf, back, 65536);
	free(back);
}

static void truncated_file_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(pool_of(be)->file.fd, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 8192, buf, 4096), WPP_EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failed_flush_poisons, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_write_poisons, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_read_does_not, setup, teardown),
		cmocka_unit_test_setup_teardown(short_writes_are_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated_file_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
