/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The self-test of wpp/devices.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wpp/devices.h>
#include "base/media_lock.h"
#include "registry.h"
#include "base/fail.h"
#include "fpga-user/fpga_user.h"

#define SMALL	 4096u
#define LARGE	 (1u << 20)
#define NR_SMALL 64u
#define NR_LARGE 64u
#define DEPTH	 16u
#define BUF_LEN	 (3 * LARGE)

struct trial {
	struct wpp_conf *conf;
	struct fpga_user *user;
	wpp_selftest_fn step;
	void *arg;
	struct wpp_media_error *err;
	uint8_t *buf; /* BUF_LEN */
	uint64_t since;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A step went well; the next one begins. */
static void passed(struct trial *t, const char *what, uint64_t bytes)
{
	struct wpp_selftest step = { .what = what, .ns = now_ns() - t->since, .bytes = bytes };

	t->step(t->arg, &step);
	t->since = now_ns();
}

static int broken(const struct trial *t, int code, const struct fpga_selftest *res)
{
	static const char *const where[] = {
		[FPGA_TEST_SAVE] = "self-test: reading",
		[FPGA_TEST_WRITE] = "self-test: writing",
		[FPGA_TEST_READ] = "self-test: reading back",
		[FPGA_TEST_COMPARE] = "self-test: comparing",
		[FPGA_TEST_RESTORE] = "self-test: putting back what lay there",
	};

	if (res->step == FPGA_TEST_COMPARE)
		return wppi_fail(t->err, code,
				 "self-test: byte %llu: wrote 0x%02x, read back 0x%02x",
				 (unsigned long long)res->off, res->expected, res->found);
	return wppi_fpga_fail(t->err, code, where[res->step],
			      &wppi_fpga_user_driver(t->user)->ring);
}

static int write_and_read(struct trial *t, uint32_t len, const char *what)
{
	struct fpga *f = wppi_fpga_user_driver(t->user);
	struct fpga_selftest res = { 0 };
	int code;

	if (f->size < len)
		return 0;
	code = wppi_fpga_selftest(f, f->size - len, t->buf, len, &res);
	if (code)
		return broken(t, code, &res);
	passed(t, what, 6ull * len); /* there and back, with both patterns, and the old bytes */
	return 0;
}

struct burst {
	uint32_t pending;
	int err;
};

static void moved(struct wpp_io *io, int err)
{
	struct burst *b = io->owner;

	b->pending--;
	if (err && !b->err)
		b->err = err;
}

/* Reads, @depth at a time; nobody looks at the buffers. */
static int read_burst(struct trial *t, uint32_t len, uint32_t nr, uint32_t depth, const char *what)
{
	struct fpga *f = wppi_fpga_user_driver(t->user);
	struct wpp_io io[DEPTH];
	struct burst b = { 0 };
	uint32_t posted = 0;

	/* Also behind an error: what is in flight still uses the buffers. */
	while (b.pending || (!b.err && posted < nr)) {
		if (!b.err && posted < nr && b.pending < depth) {
			struct wpp_io *next = &io[posted % depth];

			*next = (struct wpp_io){ .op = WPP_IO_READ,
						 .len = len,
						 .off = posted * (uint64_t)len % f->size,
						 .buf = t->buf + posted % 3 * len,
						 .done = moved,
						 .owner = &b };
			b.err = f->be.ops->submit(&f->be, next);
			posted += !b.err;
			b.pending += !b.err;
		} else if (f->be.ops->poll(&f->be) < 0) {
			b.err = WPP_EIO;
			break;
		}
	}
	if (b.err)
		return broken(t, b.err, &(struct fpga_selftest){ .step = FPGA_TEST_SAVE });
	passed(t, what, (uint64_t)nr * len);
	return 0;
}

static int run(struct trial *t)
{
	int code = write_and_read(t, SMALL, "4 KiB: write, read back, put back");

	if (!code)
		code = write_and_read(t, LARGE, "1 MiB: write, read back, put back");
	if (!code)
		code = read_burst(t, SMALL, NR_SMALL, 1, "64 reads of 4 KiB, one by one");
	if (!code && wppi_fpga_user_driver(t->user)->size % LARGE == 0)
		code = read_burst(t, LARGE, NR_LARGE, DEPTH, "64 reads of 1 MiB, 16 at a time");
	return code;
}

static int with_memory(struct trial *t)
{
	struct wpp_backend *be = wppi_fpga_user_backend(t->user);
	int code;

	t->buf = be->ops->lend(be, BUF_LEN);
	if (!t->buf)
		return wppi_fail(t->err, WPP_ENOMEM,
				 "self-test: no memory that the device reaches; without an IOMMU: "
				 "sysctl vm.nr_hugepages=40");
	t->since = now_ns();
	code = run(t);
	be->ops->give_back(be, t->buf, BUF_LEN);
	return code;
}

static int locked(struct trial *t)
{
	struct wpp_backend *be;
	int code = wppi_fpga_user_open(t->conf, 0, &t->user, t->err);

	if (code)
		return code;
	passed(t, "activate: map, identify, reset, rings", 0);
	code = with_memory(t);
	be = wppi_fpga_user_backend(t->user);
	be->ops->close(be);
	return code;
}

static int find_and_lock(struct trial *t)
{
	char path[64];
	int fd, code = wppi_fpga_type.locate(t->conf, path, sizeof(path), t->err);

	if (!code)
		code = wppi_media_lock(path, path, 0, &fd, t->err);
	if (code)
		return code;
	passed(t, "discover", 0);
	code = locked(t);
	close(fd);
	return code;
}

int wpp_device_selftest(const char *address, wpp_selftest_fn step, void *arg,
			struct wpp_media_error *err)
{
	struct trial t = { .conf = wpp_conf_new(), .step = step, .arg = arg, .err = err };
	int code = 0;

	if (err)
		*err = (struct wpp_media_error){ 0 };
	if (!t.conf)
		return wppi_fail(err, WPP_ENOMEM, "out of memory");
	t.since = now_ns();
	if (address)
		code = wpp_conf_set(t.conf, "wpp", "path", address, err);
	if (!code)
		code = find_and_lock(&t);
	wpp_conf_free(t.conf);
	return code;
}
