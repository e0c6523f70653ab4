/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Plays a QEMU, a correct one and hostile ones, against the device's side of the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../../backends/fpga/fpga_regs.h"
#include "proxy.h"
#include "proxy_wire.h"

#define MEDIUM_SIZE (4u << 20)
#define RAM_SIZE    (4u << 20)
#define BAR	    0xfebf0000u
/* Two sections side by side, the first half of the file behind the second one. */
#define RAM_AT	   0x100000000ull
#define HALF	   (RAM_SIZE / 2)
#define RING_AT	   RAM_AT
#define DATA_AT	   (RAM_AT + HALF - 8192) /* across both */
#define DATA_LEN   16384u
#define DEADLINE_S 60 /* only against hangs */

static struct {
	struct proxy proxy;
	uint8_t *medium;
	uint8_t *ram;
	int ram_fd, sock, result, nr_fds;
	pthread_t thread;
	bool running;
} t;

static int dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	return proxy_dma_read(ctx, bus, buf, len);
}

static int dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	return proxy_dma_write(ctx, bus, buf, len);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static int make_ram(uint64_t size, bool seal)
{
	int fd = memfd_create("ram", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (seal)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static void *serve(void *arg)
{
	(void)arg;
	t.result = proxy_serve(&t.proxy);
	proxy_power_cut(&t.proxy);
	close(t.proxy.sock);
	return NULL;
}

static void start(const struct fpga_model_knobs *knobs)
{
	struct fpga_model_bus bus = { .ctx = &t.proxy,
				      .dma_read = dma_read,
				      .dma_write = dma_write,
				      .medium = t.medium,
				      .medium_size = MEDIUM_SIZE };
	struct timeval deadline = { .tv_sec = DEADLINE_S };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	t.sock = pair[0];
	setsockopt(t.sock, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	t.proxy = (struct proxy){ .sock = pair[1], .model = fpga_model_new(&bus, knobs) };
	assert_non_null(t.proxy.model);
	t.running = true;
	assert_int_equal(pthread_create(&t.thread, NULL, serve, NULL), 0);
}

/* The QEMU goes. What the session ended with. */
static int finish(void)
{
	close(t.sock);
	pthread_join(t.thread, NULL);
	t.running = false;
	fpga_model_free(t.proxy.model);
	return t.result;
}

static int setup(void **state)
{
	(void)state;
	t.nr_fds = count_fds();
	t.medium = calloc(1, MEDIUM_SIZE);
	t.ram_fd = make_ram(RAM_SIZE, true);
	t.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t.ram_fd, 0);
	return t.medium && t.ram != MAP_FAILED ? 0 : -1;
}

static int teardown(void **state)
{
	int nr;

	(void)state;
	if (t.running)
		(void)finish();
	munmap(t.ram, RAM_SIZE);
	close(t.ram_fd);
	free(t.medium);
	nr = count_fds();
	if (nr != t.nr_fds)
		fail_msg("%d descriptors were left open", nr - t.nr_fds);
	return 0;
}

/* ---- What a QEMU says ---------------------------------------------------------------------- */

static void send_fds(const void *data, size_t len, const int *fds, int nr)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(32 * sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (nr) {
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE((size_t)nr * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)nr * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)nr * sizeof(int));
	}
	(void)!sendmsg(t.sock, &h, MSG_NOSIGNAL); /* it may have hung up already */
}

static void say(int32_t cmd, const void *payload, uint64_t size, const int *fds, int nr)
{
	struct {
		struct wire_header header;
		char payload[512];
	} m = { .header = { .cmd = cmd, .size = size } };
	size_t len = size < sizeof(m.payload) ? (size_t)size : sizeof(m.payload);

	if (payload)
		memcpy(m.payload, payload, len);
	send_fds(&m, sizeof(m.header) + (payload ? len : 0), fds, nr);
}

static uint64_t answer(void)
{
	struct {
		struct wire_header header;
		uint64_t value;
	} ret;

	assert_int_equal(recv(t.sock, &ret, sizeof(ret), MSG_WAITALL), sizeof(ret));
	assert_int_equal(ret.header.cmd, WIRE_RET);
	assert_int_equal(ret.header.size, 8);
	return ret.value;
}

static uint64_t cfg(bool write, uint32_t addr, uint32_t val, int32_t len)
{
	struct wire_cfg m = { .addr = addr, .val = val, .len = len };

	say(write ? WIRE_CFG_WRITE : WIRE_CFG_READ, &m, sizeof(m), NULL, 0);
	return answer();
}

static uint64_t bar(bool write, uint64_t addr, uint64_t val, uint32_t size)
{
	struct wire_bar m = { .addr = addr, .val = val, .size = size, .memory = 1 };

	say(write ? WIRE_BAR_WRITE : WIRE_BAR_READ, &m, sizeof(m), NULL, 0);
	return answer();
}

static uint32_t get_reg(uint32_t reg)
{
	return (uint32_t)bar(false, BAR + reg, 0, 4);
}

static void set_reg(uint32_t reg, uint32_t val)
{
	(void)bar(true, BAR + reg, val, 4);
}

/* Guest memory in two sections, swapped in the file. */
static void sync_ram(void)
{
	struct wire_sysmem m = { .gpa = { RAM_AT, RAM_AT + HALF },
				 .size = { HALF, HALF },
				 .off = { HALF, 0 } };
	int fds[2] = { t.ram_fd, t.ram_fd };

	say(WIRE_SYNC_SYSMEM, &m, sizeof(m), fds, 2);
}

static uint8_t *guest(uint64_t gpa)
{
	return t.ram + (gpa - RAM_AT + HALF) % RAM_SIZE;
}

static void bring_up(void)
{
	cfg(true, 0x10, BAR, 4);
	cfg(true, 0x04, 6, 2);
	sync_ram();
	set_reg(FPGA_CONTROL, FPGA_CONTROL_RESET);
	while (!(get_reg(FPGA_STATUS) & FPGA_STATUS_READY))
		;
	for (uint32_t q = 0; q < 2; q++) {
		uint32_t reg = q ? FPGA_READ_QUEUE : FPGA_WRITE_QUEUE;

		set_reg(reg + FPGA_BASE_LO, (uint32_t)(RING_AT + q * 4096));
		set_reg(reg + FPGA_BASE_HI, (uint32_t)(RING_AT >> 32));
		set_reg(reg + FPGA_SLOTS, 128);
		set_reg(reg + FPGA_PRODUCER, 0);
	}
	set_reg(FPGA_CONTROL, FPGA_CONTROL_ENABLE);
	assert_int_equal(get_reg(FPGA_STATUS) & 7, FPGA_STATUS_READY | FPGA_STATUS_ENABLED);
}

static volatile uint32_t *post(bool read, uint32_t index, uint64_t host, uint64_t device,
			       uint32_t len)
{
	struct fpga_command c = { .host = host,
				  .device = device,
				  .len = len,
				  .op = read ? FPGA_OP_READ : FPGA_OP_WRITE };
	uint8_t *slot = guest(RING_AT + (read ? 4096 : 0) + index * sizeof(c));

	memcpy(slot, &c, sizeof(c));
	set_reg((read ? FPGA_READ_QUEUE : FPGA_WRITE_QUEUE) + FPGA_PRODUCER, index + 1);
	return (volatile uint32_t *)(void *)(slot + offsetof(struct fpga_command, status));
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t wait_status(volatile uint32_t *status)
{
	uint64_t end = now_ns() + DEADLINE_S * 1000000000ull;

	while (!*status && now_ns() < end)
		;
	return *status;
}

/* ---- A correct one -------------------------------------------------------------------------- */

static void config_space_is_read_and_sized(void **state)
{
	(void)state;
	start(NULL);
	assert_int_equal(cfg(false, 0, 0, 4), FPGA_PCI_VENDOR | FPGA_PCI_DEVICE << 16);
	cfg(true, 0x10, 0xffffffff, 4);
	assert_int_equal(cfg(false, 0x10, 0, 4), ~(FPGA_BAR0_SIZE - 1));
	cfg(true, 0x14, 0xffffffff, 4);
	assert_int_equal(cfg(false, 0x14, 0, 4), 0);
	cfg(true, 0x10, BAR, 4);
	assert_int_equal(cfg(false, 0x10, 0, 4), BAR);
	cfg(true, 0x04, 2, 2);
	assert_int_equal(get_reg(FPGA_MAGIC), FPGA_MAGIC_VALUE);
	assert_int_equal(finish(), 0);
}

static void data_moves_across_sections(void **state)
{
	(void)state;
	start(NULL);
	bring_up();
	for (uint32_t i = 0; i < DATA_LEN; i++)
		*guest(DATA_AT + i) = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(wait_status(post(false, 0, DATA_AT, 4096, DATA_LEN)), FPGA_DONE);
	for (uint32_t i = 0; i < DATA_LEN; i++)
		assert_int_equal(t.medium[4096 + i], (uint8_t)(i * 7 + i / 256));
	t.medium[4096] ^= 0xff;
	assert_int_equal(wait_status(post(true, 0, DATA_AT + 65536, 4096, DATA_LEN)), FPGA_DONE);
	for (uint32_t i = 1; i < DATA_LEN; i++)
		assert_int_equal(*guest(DATA_AT + 65536 + i), *guest(DATA_AT + i));
	assert_int_equal(*guest(DATA_AT + 65536), *guest(DATA_AT) ^ 0xff);
	assert_int_equal(finish(), 0);
}

static void no_memory_is_a_fault_of_the_command(void **state)
{
	(void)state;
	start(NULL);
	bring_up();
	assert_int_equal(wait_status(post(false, 0, RAM_AT + RAM_SIZE - 64, 0, 128)),
			 FPGA_DMA_FAULT);
	assert_int_equal(wait_status(post(false, 1, RAM_AT - 64, 0, 128)), FPGA_DMA_FAULT);
	assert_int_equal(wait_status(post(false, 2, UINT64_MAX - 63, 0, 128)), FPGA_DMA_FAULT);
	assert_int_equal(wait_status(post(false, 3, RAM_AT, 0, 128)), FPGA_DONE);
	assert_int_equal(finish(), 0);
}

static void the_map_is_replaced_as_a_whole(void **state)
{
	struct wire_sysmem m = { .gpa = { 0 }, .size = { 4096 } };

	(void)state;
	start(NULL);
	bring_up();
	say(WIRE_SYNC_SYSMEM, &m, sizeof(m), &t.ram_fd, 1);
	post(false, 0, RAM_AT, 0, 64);
	while (!(get_reg(FPGA_STATUS) & FPGA_STATUS_HALTED))
		;
	assert_int_equal(get_reg(FPGA_ERROR) & FPGA_ERROR_CODE_MASK, FPGA_RING_FAULT);
	sync_ram();
	cfg(true, 0x10, 0, 4);
	bring_up();
	assert_int_equal(wait_status(post(false, 0, RAM_AT, 0, 64)), FPGA_DONE);
	assert_int_equal(finish(), 0);
}

static void a_bus_reset_clears_the_bar(void **state)
{
	(void)state;
	start(NULL);
	bring_up();
	say(WIRE_DEVICE_RESET, NULL, 0, NULL, 0);
	answer();
	assert_int_equal(cfg(false, 0x10, 0, 4), 0);
	assert_int_equal(cfg(false, 0x04, 0, 2), 0);
	bring_up();
	assert_int_equal(finish(), 0);
}

static void bytes_come_one_by_one(void **state)
{
	struct {
		struct wire_header header;
		struct wire_cfg cfg;
	} m = { { .cmd = WIRE_CFG_READ, .size = sizeof(m.cfg) }, { .addr = 0, .len = 2 } };

	(void)state;
	start(NULL);
	for (size_t i = 0; i < sizeof(m.header) + sizeof(m.cfg); i++) {
		assert_int_equal(send(t.sock, (char *)&m + i, 1, 0), 1);
		usleep(100);
	}
	assert_int_equal(answer(), FPGA_PCI_VENDOR);
	assert_int_equal(finish(), 0);
}

static void interrupts_are_taken_and_never_raised(void **state)
{
	int fds[2] = { eventfd(0, 0), eventfd(0, 0) };

	(void)state;
	start(NULL);
	say(WIRE_SET_IRQFD, NULL, 0, fds, 2);
	assert_int_equal(cfg(false, 0, 0, 2), FPGA_PCI_VENDOR);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(finish(), 0);
}

/* A bound from below only: a machine may be slow, the device must not be fast. */
static void bandwidth_takes_its_time(void **state)
{
	struct fpga_model_knobs knobs = { .bandwidth = 10u << 20 };
	uint64_t begin;

	(void)state;
	start(&knobs);
	bring_up();
	begin = now_ns();
	assert_int_equal(wait_status(post(false, 0, RAM_AT + 65536, 0, 1u << 20)), FPGA_DONE);
	assert_true(now_ns() - begin >= 95000000);
	assert_int_equal(finish(), 0);
}

static void a_dead_device_reads_as_ones(void **state)
{
	struct fpga_model_knobs knobs = { .die_at = 2 };

	(void)state;
	start(&knobs);
	bring_up();
	assert_int_equal(wait_status(post(false, 0, RAM_AT + 65536, 0, 4096)), FPGA_DONE);
	post(false, 1, RAM_AT + 65536, 8192, 4096);
	while (get_reg(FPGA_MAGIC) != UINT32_MAX)
		;
	assert_int_equal(finish(), 0);
}

/* ---- Hostile ones --------------------------------------------------------------------------- */

static void strange_accesses_are_answered(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t size;
	} bad[] = {
		{ BAR - 1, 4 },
		{ BAR + FPGA_BAR0_SIZE, 4 },
		{ BAR + FPGA_BAR0_SIZE - 2, 4 },
		{ 0, 4 },
		{ UINT64_MAX, 1 },
		{ BAR, 0 },
		{ BAR, 3 },
		{ BAR, 16 },
		{ BAR, UINT32_MAX },
		{ BAR + (1ull << 32), 4 },
	};

	(void)state;
	start(NULL);
	bring_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bar(true, bad[i].addr, UINT64_MAX, bad[i].size);
		assert_int_not_equal(bar(false, bad[i].addr, 0, bad[i].size), FPGA_MAGIC_VALUE);
	}
	for (uint32_t addr = 250; addr < 262; addr++) {
		cfg(true, addr, UINT32_MAX, 4);
		cfg(false, addr, 0, 4);
	}
	assert_int_equal(cfg(false, 256, 0, 4), UINT32_MAX);
	assert_int_equal(cfg(false, UINT32_MAX, 0, 4), UINT32_MAX);
	assert_int_equal(cfg(false, 0, 0, -1), UINT32_MAX);
	assert_int_equal(cfg(false, 0, 0, 0), UINT32_MAX);
	assert_int_equal(cfg(false, 0, 0, INT32_MAX), UINT32_MAX);
	assert_int_equal(get_reg(FPGA_MAGIC), FPGA_MAGIC_VALUE);
	assert_int_equal(finish(), 0);
}

static void memory_that_may_shrink_is_not_mapped(void **state)
{
	struct wire_sysmem m = { .gpa = { 0, 4096, 8192, 1ull << 63, 3ull << 62, 0, 5000 },
				 .size = { 4096, 4096, RAM_SIZE + 1ull, 1ull << 63, 1ull << 62, 0,
					   4096 },
				 .off = { 0, -4096, 0, 0, INT64_MAX - 4095, 0, 100 } };
	int unsealed = make_ram(RAM_SIZE, false);
	int fds[7] = { unsealed, t.ram_fd, t.ram_fd, t.ram_fd, t.ram_fd, t.ram_fd, t.ram_fd };

	(void)state;
	start(NULL);
	say(WIRE_SYNC_SYSMEM, &m, sizeof(m), fds, 7);
	cfg(false, 0, 0, 4);
	assert_int_equal(t.proxy.refused, 7);
	fds[0] = eventfd(0, 0);
	say(WIRE_SYNC_SYSMEM, &m, sizeof(m), fds, 1);
	cfg(false, 0, 0, 4);
	assert_int_equal(t.proxy.refused, 1);
	close(fds[0]);
	close(unsealed);
	assert_int_equal(finish(), 0);
}

/* Says one thing; the session has to end in an error, with all descriptors closed. */
static void must_end(int32_t cmd, const void *payload, uint64_t size, int nr)
{
	int fds[32];

	for (int i = 0; i < 32; i++)
		fds[i] = t.ram_fd;
	start(NULL);
	say(cmd, payload, size, fds, nr);
	shutdown(t.sock, SHUT_WR);
	assert_int_equal(finish(), -EPROTO);
	assert_int_equal(count_fds(), t.nr_fds + 1);
}

static void broken_messages_end_the_session(void **state)
{
	char payload[512] = { 0 };

	(void)state;
	must_end(WIRE_SYNC_SYSMEM, payload, sizeof(struct wire_sysmem), 0);
	must_end(WIRE_SYNC_SYSMEM, payload, sizeof(struct wire_sysmem), 9);
	must_end(WIRE_SYNC_SYSMEM, payload, sizeof(struct wire_sysmem), 32);
	must_end(WIRE_SYNC_SYSMEM, payload, sizeof(struct wire_sysmem) - 8, 1);
	must_end(WIRE_SYNC_SYSMEM, payload, 512, 1);
	must_end(WIRE_CFG_READ, payload, sizeof(struct wire_cfg), 1);
	must_end(WIRE_CFG_READ, payload, sizeof(struct wire_cfg) + 4, 0);
	must_end(WIRE_BAR_READ, payload, 0, 0);
	must_end(WIRE_BAR_WRITE, payload, UINT64_MAX, 0);
	must_end(WIRE_SET_IRQFD, NULL, 0, 1);
	must_end(WIRE_SET_IRQFD, NULL, 0, 3);
	must_end(WIRE_DEVICE_RESET, payload, 8, 0);
	must_end(WIRE_RET, payload, 8, 0);
	must_end(8, payload, 0, 0);
	must_end(-1, payload, 0, 0);
	must_end(INT32_MIN, payload, 0, 0);
}

static void closing_inside_a_message_is_an_error(void **state)
{
	struct {
		struct wire_header header;
		struct wire_bar bar;
	} m = { { .cmd = WIRE_BAR_READ, .size = sizeof(m.bar) }, { .addr = 0, .size = 4 } };

	(void)state;
	for (size_t len = 0; len < sizeof(m.header) + sizeof(m.bar); len++) {
		start(NULL);
		if (len)
			assert_int_equal(send(t.sock, &m, len, 0), len);
		assert_int_equal(finish(), len ? -EPROTO : 0);
	}
}

/* A QEMU that is killed does not read its answers. */
static void closing_before_the_answer_is_no_error(void **state)
{
	struct wire_cfg m = { .addr = 0, .len = 4 };

	(void)state;
	start(NULL);
	for (int i = 0; i < 10; i++)
		say(WIRE_CFG_READ, &m, sizeof(m), NULL, 0);
	assert_int_equal(finish(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(config_space_is_read_and_sized, setup, teardown),
		cmocka_unit_test_setup_teardown(data_moves_across_sections, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_is_a_fault_of_the_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_map_is_replaced_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bus_reset_clears_the_bar, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_come_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts_are_taken_and_never_raised, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bandwidth_takes_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_device_reads_as_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(strange_accesses_are_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_that_may_shrink_is_not_mapped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(broken_messages_end_the_session, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_inside_a_message_is_an_error, setup,
						teardown),
		cmocka_unit_test_setup_teardown(closing_before_the_answer_is_no_error, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
