/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The device's side of QEMU's multi-process protocol: whatever a QEMU says,
 * and whatever its guest has in memory, the device answers or hangs up.
 *
 * The input is a list of parts: one byte that says what, one how many
 * descriptors, then its bytes. See part().
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy.h"
#include "proxy_wire.h"

#define INPUT_MAX   4096u /* the answers to so much fit into the socket */
#define MEDIUM_SIZE (64u << 10)
#define RAM_SIZE    (64u << 10)
#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static int descriptors[4]; /* sealed memory, unsealed memory, an eventfd, a file */
static uint8_t *ram;
static uint8_t medium[MEDIUM_SIZE];

static void make_descriptors(void)
{
	if (ram)
		return;
	descriptors[0] = memfd_create("sealed", MFD_ALLOW_SEALING);
	descriptors[1] = memfd_create("unsealed", MFD_ALLOW_SEALING);
	descriptors[2] = eventfd(0, 0);
	descriptors[3] = open("/dev/null", O_RDWR);
	for (int i = 0; i < 4; i++)
		CHECK(descriptors[i] >= 0);
	CHECK(!ftruncate(descriptors[0], RAM_SIZE) && !ftruncate(descriptors[1], RAM_SIZE));
	CHECK(!fcntl(descriptors[0], F_ADD_SEALS, F_SEAL_SHRINK));
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[0], 0);
	CHECK(ram != MAP_FAILED);
}

static void send_part(int sock, const void *data, size_t len, uint32_t nr_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(16 * sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (nr_fds) {
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		for (uint32_t i = 0; i < nr_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &descriptors[i % 4], sizeof(int));
	}
	CHECK(sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len);
}

/* Up to @max bytes of the input, the rest zeros. */
static size_t take(struct input *in, void *to, size_t max)
{
	size_t len = in->size < max ? in->size : max;

	memset(to, 0, max);
	memcpy(to, in->data, len);
	in->data += len;
	in->size -= len;
	return len;
}

/* 0-7: a message of that kind with the length it should have; 8: guest memory; else: raw bytes. */
static void part(int sock, struct input *in)
{
	static const uint8_t size[8] = { sizeof(struct wire_sysmem),
					 8,
					 sizeof(struct wire_cfg),
					 sizeof(struct wire_cfg),
					 sizeof(struct wire_bar),
					 sizeof(struct wire_bar),
					 0,
					 0 };
	struct {
		struct wire_header header;
		uint8_t payload[256];
	} m;
	uint8_t head[2];
	uint16_t off;

	take(in, head, sizeof(head));
	if (head[0] % 10 == 9) {
		send_part(sock, m.payload, take(in, m.payload, head[1] % 64 + 1u), head[1] / 16u);
	} else if (head[0] % 10 == 8) {
		take(in, &off, sizeof(off));
		take(in, ram + off % (RAM_SIZE - 256), head[1]);
	} else {
		m.header = (struct wire_header){ .cmd = head[0] % 10, .size = size[head[0] % 10] };
		take(in, m.payload, size[head[0] % 10]);
		send_part(sock, &m, sizeof(m.header) + size[head[0] % 10], head[1] % 16);
	}
}

static int dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	return proxy_dma_read(ctx, bus, buf, len);
}

static int dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	return proxy_dma_write(ctx, bus, buf, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size < INPUT_MAX ? size : INPUT_MAX };
	struct proxy p = { .sock = -1 };
	struct fpga_model_bus bus = { .ctx = &p,
				      .dma_read = dma_read,
				      .dma_write = dma_write,
				      .medium = medium,
				      .medium_size = MEDIUM_SIZE };
	int pair[2], room = 4 << 20;

	make_descriptors();
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	for (int i = 0; i < 2; i++)
		CHECK(!setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
		      !setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	while (in.size)
		part(pair[0], &in);
	CHECK(!shutdown(pair[0], SHUT_WR));
	p.sock = pair[1];
	p.model = fpga_model_new(&bus, NULL);
	CHECK(p.model);
	(void)proxy_serve(&p);
	proxy_power_cut(&p);
	fpga_model_free(p.model);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
