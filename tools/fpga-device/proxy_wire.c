/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proxy_wire.h"

/* What each command must look like; the payload's size is that of its struct. */
static const struct {
	uint32_t size, fds_min, fds_max;
} shape[] = {
	[WIRE_SYNC_SYSMEM] = { sizeof(struct wire_sysmem), 1, WIRE_FDS_MAX },
	[WIRE_RET] = { UINT32_MAX, 0, 0 }, /* ours to send, never to receive */
	[WIRE_CFG_WRITE] = { sizeof(struct wire_cfg), 0, 0 },
	[WIRE_CFG_READ] = { sizeof(struct wire_cfg), 0, 0 },
	[WIRE_BAR_WRITE] = { sizeof(struct wire_bar), 0, 0 },
	[WIRE_BAR_READ] = { sizeof(struct wire_bar), 0, 0 },
	[WIRE_SET_IRQFD] = { 0, 2, 2 },
	[WIRE_DEVICE_RESET] = { 0, 0, 0 },
};

void wire_close_fds(struct wire_message *m)
{
	while (m->nr_fds)
		close(m->fds[--m->nr_fds]);
}

static void take_fds(struct msghdr *h, struct wire_message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(m->fds, CMSG_DATA(c),
		       nr * sizeof(int)); /* the buffer has room for no more */
		m->nr_fds = (uint32_t)nr;
	}
}

/* The first bytes of a header, with the descriptors. As recv(), and -EPROTO: too many of them. */
static ssize_t receive_start(int sock, struct wire_header *header, struct wire_message *m)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(m->fds))];
	} control;
	struct iovec iov = { .iov_base = header, .iov_len = sizeof(*header) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf) };
	ssize_t n;

	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&h, m);
	return h.msg_flags & MSG_CTRUNC ? -EPROTO : n;
}

/* All of @len bytes; descriptors that come with them are dropped by the kernel. */
static int receive_rest(int sock, void *to, size_t len)
{
	char *at = to;

	while (len) {
		ssize_t n = recv(sock, at, len, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_valid(const struct wire_header *h, uint32_t nr_fds)
{
	if (h->cmd < 0 || (size_t)h->cmd >= sizeof(shape) / sizeof(shape[0]))
		return false;
	return h->size == shape[h->cmd].size && nr_fds >= shape[h->cmd].fds_min &&
	       nr_fds <= shape[h->cmd].fds_max;
}

static int receive(int sock, struct wire_message *m)
{
	struct wire_header header;
	ssize_t n = receive_start(sock, &header, m);
	int err;

	if (n <= 0)
		return (int)n;
	err = receive_rest(sock, (char *)&header + n, sizeof(header) - (size_t)n);
	if (err)
		return err;
	if (!is_valid(&header, m->nr_fds))
		return -EPROTO;
	m->cmd = (enum wire_cmd)header.cmd;
	err = receive_rest(sock, &m->sysmem, (size_t)header.size);
	return err ? err : 1;
}

int wire_receive(int sock, struct wire_message *m)
{
	int err;

	m->nr_fds = 0;
	err = receive(sock, m);
	if (err != 1)
		wire_close_fds(m);
	return err;
}

int wire_return(int sock, uint64_t value)
{
	struct {
		struct wire_header header;
		uint64_t value;
	} reply = { { .cmd = WIRE_RET, .size = sizeof(value) }, value };
	const char *at = (const char *)&reply;
	size_t len = sizeof(reply);

	while (len) {
		ssize_t n = send(sock, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
