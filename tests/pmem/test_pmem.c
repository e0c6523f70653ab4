/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* test_pmem ACCESS DIR: the pmem backend over a file in DIR, reached by ACCESS. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "backend/conformance.h"
#include <wpp/media.h>

#define SIZE (8u << 20)

static const char *access_key, *dir;
static char path[4096];
static struct wpp_conf *conf;

static const struct wpp_backend_type *pmem(void)
{
	const struct wpp_backend_type *type = wpp_backend_type_find("pmem");

	assert_non_null(type);
	return type;
}

static struct wpp_backend *open_medium(uint32_t flags)
{
	struct wpp_backend *be = NULL;
	struct wpp_media_error err = { 0 };

	if (pmem()->open(conf, path, flags, &be, &err))
		fail_msg("%s", err.text);
	return be;
}

static int make(void **state)
{
	struct wpp_media_error err = { 0 };
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wpp-pmem-XXXXXX", dir);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	conf = wpp_conf_new();
	assert_int_equal(wpp_conf_set(conf, "wpp", "path", path, NULL), 0);
	assert_int_equal(wpp_conf_set(conf, "pmem", "access", access_key, NULL), 0);
	if (pmem()->create(conf, path, SIZE, NULL, NULL, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	wpp_conf_free(conf);
	return unlink(path);
}

static int setup(void **state)
{
	make(state);
	return conformance_begin(state, open_medium(0));
}

static int teardown(void **state)
{
	conformance_end(state);
	return unmake(state);
}

static void is_volatile_exactly_on_tmpfs(void **state)
{
	struct conformance *c = *state;
	struct statfs fs;

	assert_int_equal(statfs(path, &fs), 0);
	assert_int_equal(!(c->m.caps & WPP_CAP_DURABLE), fs.f_type == 0x01021994);
	assert_non_null(pmem()->how(c->be));
}

static void every_block_is_written(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_true((uint64_t)st.st_blocks * 512 >= SIZE);
}

static void survives_reopening(void **state)
{
	struct wpp_backend *be = open_medium(0);
	unsigned char *a = aligned_alloc(4096, 8192), *b = a + 4096;
	struct wpp_medium m;

	(void)state;
	conformance_fill(a, 4096, 3);
	assert_int_equal(be->ops->probe(be, &m), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 12288, a, 4096), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), 0);
	be->ops->close(be);
	be = open_medium(WPP_MEDIA_RDONLY);
	assert_int_equal(be->ops->probe(be, &m), 0);
	assert_int_equal(wpp_io_run(be, WPP_IO_READ, 12288, b, 4096), 0);
	assert_memory_equal(a, b, 4096);
	assert_int_equal(wpp_io_run(be, WPP_IO_WRITE, 12288, a, 4096), WPP_EROFS);
	assert_int_equal(wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0), WPP_EROFS);
	be->ops->close(be);
	free(a);
}

static void too_big_is_said_clearly(void **state)
{
	struct wpp_media_error err = { 0 };

	(void)state;
	assert_int_equal(pmem()->create(conf, path, 1ull << 42, NULL, NULL, &err), WPP_ENOSPC);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "4194304 MiB"));
	assert_non_null(strstr(err.text, "size"));
}

static void what_is_no_medium_is_refused(void **state)
{
	struct wpp_media_error err = { 0 };
	struct wpp_backend *be;

	(void)state;
	assert_int_equal(pmem()->open(conf, dir, WPP_MEDIA_RDONLY, &be, &err), WPP_EINVAL);
	assert_non_null(strstr(err.text, "neither a file nor a device"));
	assert_int_equal(pmem()->open(conf, "/dev/wpp-is-not-there", 0, &be, &err), WPP_ENOENT);
	assert_null(be);
}

struct progress {
	uint64_t last, calls;
};

static void note_progress(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;

	assert_true(done > p->last && done <= total);
	p->last = done;
	p->calls++;
}

static void progress_reaches_the_end(void **state)
{
	struct progress p = { 0 };

	(void)state;
	assert_int_equal(pmem()->create(conf, path, SIZE, note_progress, &p, NULL), 0);
	assert_int_equal(p.last, SIZE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(setup, teardown),
		cmocka_unit_test_setup_teardown(is_volatile_exactly_on_tmpfs, setup, teardown),
		cmocka_unit_test_setup_teardown(every_block_is_written, make, unmake),
		cmocka_unit_test_setup_teardown(survives_reopening, make, unmake),
		cmocka_unit_test_setup_teardown(too_big_is_said_clearly, make, unmake),
		cmocka_unit_test_setup_teardown(what_is_no_medium_is_refused, make, unmake),
		cmocka_unit_test_setup_teardown(progress_reaches_the_end, make, unmake),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: test_pmem ACCESS DIR\n");
		return 2;
	}
	access_key = argv[1];
	dir = argv[2];
	if (access(dir, W_OK)) {
		fprintf(stderr, "skipped: %s is not writable\n", dir);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
