/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the old process' connections leave behind: sockets in TIME_WAIT and the like that nobody
 * owns any more, which keep a port busy for a minute after a process was killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/socket/socket.h"

#define OVER_STATES                                                                               \
	(1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2 | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE_WAIT | \
	 1u << TCP_LAST_ACK | 1u << TCP_CLOSING)

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

static int ask(int fd, struct request *m, int type, int flags)
{
	m->head.nlmsg_len = sizeof(*m);
	m->head.nlmsg_type = (uint16_t)type;
	m->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return send(fd, m, sizeof(*m), 0) == (ssize_t)sizeof(*m) ? 0 : -errno;
}

static void keep_orphan(const struct nlmsghdr *h, uint16_t port, struct buf *out)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);

	if (!msg->idiag_inode && msg->id.idiag_sport == htons(port))
		wppi_buf_add(out, msg, sizeof(*msg));
}

/* 1: the dump is complete. */
static int read_answer(int fd, void *room, size_t cap, uint16_t port, struct buf *out)
{
	ssize_t n = recv(fd, room, cap, 0);
	int len = (int)n;

	if (n <= 0)
		return n ? -errno : -EIO;
	for (struct nlmsghdr *h = room; len > 0 && NLMSG_OK(h, (unsigned int)len);
	     h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		keep_orphan(h, port, out);
	}
	return 0;
}

static void destroy(int fd, const struct inet_diag_msg *msg)
{
	struct request m = {
		.req = { .sdiag_family = msg->idiag_family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .id = msg->id },
	};

	ask(fd, &m, SOCK_DESTROY, 0);
}

int wppi_tcp_free_port(int family, uint16_t port)
{
	struct request m = {
		.req = { .sdiag_family = (uint8_t)family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = OVER_STATES },
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), err;
	struct buf orphans = { 0 };
	size_t cap = 65536;
	void *room = malloc(cap);

	if (fd < 0 || !room)
		err = fd < 0 ? -errno : WPP_ENOMEM;
	else
		err = ask(fd, &m, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	while (!err)
		err = read_answer(fd, room, cap, port, &orphans);
	for (size_t i = 0; i < orphans.len / sizeof(struct inet_diag_msg); i++)
		destroy(fd, (const struct inet_diag_msg *)orphans.data + i);
	wppi_buf_free(&orphans);
	free(room);
	if (fd >= 0)
		close(fd);
	return err < 0 ? err : 0;
}
