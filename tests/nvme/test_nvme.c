/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* test_nvme ENGINE DIR [BLOCK]: the nvme backend over a file in DIR, or a loop device on it. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/conformance.h"
#include <wpp/media.h>
#include "loop.h"

#define SIZE (16u << 20)

static const char *engine, *dir;
static unsigned int block; /* 0: no loop device */
static char file[4096], path[4096];
static int loop = -1;
static struct wpp_conf *conf;
static struct wpp_media_error err;

static const struct wpp_backend_type *nvme(void)
{
	const struct wpp_backend_type *type = wpp_backend_type_find("nvme");

	assert_non_null(type);
	return type;
}

static struct wpp_backend *open_medium(uint32_t flags)
{
	struct wpp_backend *be = NULL;

	if (nvme()->open(conf, path, flags, &be, &err))
		fail_msg("%s", err.text);
	return be;
}

static void set(const char *section, const char *key, const char *value)
{
	if (wpp_conf_set(conf, section, key, value, &err))
		fail_msg("%s", err.text);
}

static int make(void **state)
{
	char device[64];
	int fd;

	(void)state;
	snprintf(file, sizeof(file), "%s/wpp-nvme-XXXXXX", dir);
	fd = mkstemp(file);
	assert_true(fd >= 0);
	close(fd);
	conf = wpp_conf_new();
	set("wpp", "backend", "nvme");
	set("wpp", "path", file);
	set("nvme", "engine", engine);
	if (nvme()->create(conf, file, SIZE, NULL, NULL, &err))
		fail_msg("%s", err.text);
	snprintf(path, sizeof(path), "%s", file);
	if (!block)
		return 0;
	loop = loop_attach(file, block, device);
	assert_true(loop >= 0);
	snprintf(path, sizeof(path), "%s", device);
	set("wpp", "path", path);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	wpp_conf_free(conf);
	if (loop >= 0)
		close(loop);
	loop = -1;
	return unlink(file);
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

static int setup_shallow(void **state)
{
	make(state);
	set("nvme", "depth", "1");
	return conformance_begin(state, open_medium(0));
}

static int setup_deep(void **state)
{
	make(state);
	set("nvme", "depth", "256");
	return conformance_begin(state, open_medium(0));
}

static void facts_are_the_devices(void **state)
{
	struct conformance *c = *state;

	assert_int_equal(c->m.size, SIZE);
	assert_int_equal(c->m.io_align, block ? block : 4096);
	assert_non_null(nvme()->how(c->be));
	if (!strcmp(engine, "sync"))
		assert_non_null(strstr(nvme()->how(c->be), "without io_uring"));
	else
		assert_null(strstr(nvme()->how(c->be), "without"));
	if (block)
		assert_non_null(strstr(nvme()->how(c->be), "block device"));
}

static void every_block_is_written(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(file, &st), 0);
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

/* More is lent than there are places, and longer than the kernel registers: no, and no harm. */
static void lends_within_limits(void **state)
{
	struct conformance *c = *state;
	const struct wpp_backend_ops *ops = c->be->ops;
	void *lent[32];
	int nr = 0;

	if (!WPP_BACKEND_HAS(ops, lend))
		skip();
	assert_null(ops->lend(c->be, 2ull << 30));
	assert_null(ops->lend(c->be, 4097));
	while (nr < 32 && (lent[nr] = ops->lend(c->be, 65536)) != NULL)
		memset(lent[nr++], 1, 65536);
	assert_true(nr > 0 && nr < 32);
	for (int i = 0; i < nr; i++)
		ops->give_back(c->be, lent[i], 65536);
	lent[0] = ops->lend(c->be, 131072);
	assert_non_null(lent[0]);
	assert_int_equal(wpp_io_run(c->be, WPP_IO_READ, 0, lent[0], 131072), 0);
	ops->give_back(c->be, lent[0], 131072);
}

static void what_is_no_medium_is_refused(void **state)
{
	struct wpp_backend *be;

	(void)state;
	assert_int_equal(nvme()->open(conf, dir, WPP_MEDIA_RDONLY, &be, &err), WPP_EINVAL);
	assert_non_null(strstr(err.text, "neither a file nor a device"));
	assert_int_equal(nvme()->open(conf, "/dev/zero", 0, &be, &err), WPP_EINVAL);
	assert_non_null(strstr(err.text, "no NVMe namespace"));
	assert_int_equal(nvme()->open(conf, "/dev/wpp-is-not-there", 0, &be, &err), WPP_ENOENT);
	assert_null(be);
}

/* May this process have loop devices with such blocks? */
static bool loop_works(void)
{
	char device[64];
	int fd;

	snprintf(file, sizeof(file), "%s/wpp-loop-XXXXXX", dir);
	fd = mkstemp(file);
	if (fd < 0 || ftruncate(fd, 1 << 20))
		return false;
	close(fd);
	fd = loop_attach(file, block, device);
	unlink(file);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(setup, teardown),
		CONFORMANCE_TEST(queue_fills_and_drains, setup_shallow, teardown),
		CONFORMANCE_TEST(done_may_submit, setup_shallow, teardown),
		CONFORMANCE_TEST(queue_fills_and_drains, setup_deep, teardown),
		cmocka_unit_test_setup_teardown(facts_are_the_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(every_block_is_written, make, unmake),
		cmocka_unit_test_setup_teardown(survives_reopening, make, unmake),
		cmocka_unit_test_setup_teardown(lends_within_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_medium_is_refused, make, unmake),
	};

	if (argc < 3) {
		fprintf(stderr, "usage: test_nvme ENGINE DIR [BLOCK]\n");
		return 2;
	}
	engine = argv[1];
	dir = argv[2];
	block = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	if (block && !loop_works()) {
		fprintf(stderr, "skipped: no loop device of %u byte blocks: %s\n", block,
			strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
