/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Errors and short moves of the kernel under io_uring: said once, completed, or poison. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <liburing.h>
#include <sys/types.h>
#include <unistd.h>

static int sync_error, fake_res, nr_fakes, short_len, submit_error, init_error;

static int test_fdatasync(int fd)
{
	(void)fd;
	errno = sync_error;
	sync_error = 0; /* as Linux: told once */
	return errno ? -1 : 0;
}

/* What the kernel says of a finished move is changed; a short one was done in full all the same. */
static int test_peek(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	int err = io_uring_peek_cqe(ring, cqe);

	if (!err && nr_fakes && nr_fakes--)
		(*cqe)->res = fake_res;
	else if (!err && short_len && (*cqe)->res > short_len)
		(*cqe)->res = short_len;
	return err;
}

static int test_submit(struct io_uring *ring)
{
	int err = submit_error;

	submit_error = 0;
	return err ? err : io_uring_submit(ring);
}

static int test_init(unsigned int entries, struct io_uring *ring, struct io_uring_params *p)
{
	return init_error ? init_error : io_uring_queue_init_params(entries, ring, p);
}

#define fdatasync		   test_fdatasync
#define io_uring_peek_cqe	   test_peek
#define io_uring_submit		   test_submit
#define io_uring_queue_init_params test_init
#include "backends/base/fail.c"
#include "backends/base/file_facts.c"
#include "backends/base/device.c"
#include "backends/nvme/nvme_command.c"
#include "backends/nvme/nvme_lend.c"
#include "backends/nvme/nvme_look.c"
#include "backends/nvme/nvme_uring.c"
#undef fdatasync
#undef io_uring_peek_cqe
#undef io_uring_submit
#undef io_uring_queue_init_params

static struct wpp_backend *be;
static unsigned char *buf;

static int open_it(void)
{
	char path[] = "wpp-fault-XXXXXX";
	struct wppi_nvme_target t = { .fd = mkstemp(path), .io_max = 1u << 20, .io_align = 4096 };
	int err;

	assert_true(t.fd >= 0);
	unlink(path);
	t.size = 1u << 20;
	assert_int_equal(ftruncate(t.fd, 1 << 20), 0);
	err = wppi_nvme_uring_open(&t, 8, &be);
	if (err)
		close(t.fd);
	return err;
}

static int setup(void **state)
{
	(void)state;
	sync_error = fake_res = nr_fakes = short_len = submit_error = init_error = 0;
	buf = aligned_alloc(4096, 65536);
	memset(buf, 0x77, 65536);
	return open_it();
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
	fake_res = -ENOSPC;
	nr_fakes = 1;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 4096), WPP_ENOSPC);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), WPP_EPOISON);
}

static void failed_read_does_not(void **state)
{
	(void)state;
	fake_res = -EIO;
	nr_fakes = 1;
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 4096), WPP_EIO);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
}

static void nothing_written_is_an_error(void **state)
{
	(void)state;
	nr_fakes = 1; /* res 0 */
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 4096), WPP_EIO);
}

static void short_moves_are_completed(void **state)
{
	unsigned char *back = aligned_alloc(4096, 65536);

	(void)state;
	short_len = 4096;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 4096, buf, 65536), 0);
	memset(back, 0, 65536);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 4096, back, 65536), 0);
	assert_memory_equal(buf, back, 65536);
	free(back);
}

static void interrupted_moves_go_on(void **state)
{
	(void)state;
	fake_res = -EAGAIN;
	nr_fakes = 3;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 65536), 0);
	assert_int_equal(nr_fakes, 0);
}

static void full_kernel_is_asked_again(void **state)
{
	(void)state;
	submit_error = -EBUSY;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 65536), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
}

static void lost_ring_is_lost(void **state)
{
	(void)state;
	submit_error = -EBADF;
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 0, buf, 65536), WPP_EIO);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 0, buf, 65536), WPP_EIO);
}

static void ignore_done(struct wpp_io *io, int err)
{
	(void)err;
	++*(int *)io->owner;
}

/* The ring breaks with a move under way: it is awaited, and its done() does not run. */
static void lost_ring_waits_for_what_it_has(void **state)
{
	int nr_done = 0;
	struct wpp_io io = {
		.op = WPP_IO_READ, .len = 65536, .buf = buf, .done = ignore_done, .owner = &nr_done
	};
	struct wpp_io second = io;

	(void)state;
	assert_int_equal(be->ops->submit(be, &io), 0);
	submit_error = -EBADF;
	assert_int_equal(be->ops->submit(be, &second), 0);
	assert_int_equal(be->ops->poll(be), WPP_EIO);
	assert_int_equal(nvme_of(be)->in_flight, nvme_of(be)->unsubmitted);
	assert_int_equal(nr_done, 0);
	assert_int_equal(be->ops->poll(be), WPP_EIO);
	assert_int_equal(be->ops->submit(be, &io), WPP_EIO);
}

static void truncated_file_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(nvme_of(be)->target.fd, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 8192, buf, 4096), WPP_EIO);
}

static void forbidden_ring_is_said(void **state)
{
	struct wpp_backend *first = be;

	(void)state;
	init_error = -EPERM;
	assert_int_equal(open_it(), -EPERM);
	be = first;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failed_flush_poisons, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_write_poisons, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_read_does_not, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_written_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(short_moves_are_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted_moves_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(full_kernel_is_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_ring_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_ring_waits_for_what_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated_file_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(forbidden_ring_is_said, setup, teardown),
	};
	struct io_uring ring;
	int err = io_uring_queue_init(1, &ring, 0);

	if (err) {
		print_message("skipped: no io_uring here: %s\n", strerror(-err));
		return 77;
	}
	io_uring_queue_exit(&ring);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
