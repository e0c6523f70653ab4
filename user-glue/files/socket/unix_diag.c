/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* All unix sockets of our network namespace, which is that of the process, from sock_diag. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/socket/socket.h"

static int ask(int fd)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} m = {
		.head = { .nlmsg_len = sizeof(m),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.req = { .sdiag_family = AF_UNIX,
			 .udiag_states = UINT32_MAX,
			 .udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN },
	};

	return send(fd, &m, sizeof(m), 0) == sizeof(m) ? 0 : -errno;
}

static void add_socket(const struct nlmsghdr *h, struct buf *out)
{
	const struct unix_diag_msg *msg = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(msg + 1);
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	struct unix_sock s = { .ino = msg->udiag_ino };

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		const void *data = RTA_DATA(a);
		const struct unix_diag_rqlen *q = data;

		if (a->rta_type == UNIX_DIAG_PEER)
			memcpy(&s.peer, data, sizeof(s.peer));
		else if (a->rta_type == UNIX_DIAG_SHUTDOWN)
			s.shutdown = *(const uint8_t *)data;
		else if (a->rta_type == UNIX_DIAG_RQLEN) {
			s.queued = q->udiag_rqueue;
			s.backlog = q->udiag_wqueue;
		}
	}
	wppi_buf_add(out, &s, sizeof(s));
}

/* 1: the dump is complete. */
static int read_answer(int fd, void *room, size_t cap, struct buf *out)
{
	ssize_t n = recv(fd, room, cap, 0);
	int len = (int)n;

	if (n <= 0)
		return n ? -errno : -EIO;
	for (struct nlmsghdr *h = room; len > 0 && NLMSG_OK(h, (unsigned int)len);
	     h = NLMSG_NEXT(h, len)) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return e->error ? e->error : -EIO;
		add_socket(h, out);
	}
	return 0;
}

static int compare_inodes(const void *a, const void *b)
{
	uint32_t x = ((const struct unix_sock *)a)->ino, y = ((const struct unix_sock *)b)->ino;

	return (x > y) - (x < y);
}

static int load(struct files *fs)
{
	size_t cap = 65536;
	void *room = malloc(cap);
	struct buf list = { 0 };
	struct unix_table *t = wppi_buf_reserve(&list, sizeof(*t));
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int err = fd < 0 ? -errno : room && t ? ask(fd) : WPP_ENOMEM;

	while (!err)
		err = read_answer(fd, room, cap, &list);
	free(room);
	if (fd >= 0)
		close(fd);
	if (err < 0 || list.failed) {
		wppi_buf_free(&list);
		return err < 0 ? err : WPP_ENOMEM;
	}
	t = (struct unix_table *)list.data;
	t->nr = (list.len - sizeof(*t)) / sizeof(t->v[0]);
	if (t->nr)
		qsort(t->v, t->nr, sizeof(t->v[0]), compare_inodes);
	fs->unix_table = t;
	return 0;
}

const struct unix_sock *wppi_unix_find(struct files *fs, uint64_t ino, int *err)
{
	struct unix_sock key = { .ino = (uint32_t)ino };

	*err = fs->unix_table ? 0 : load(fs);
	if (*err || !fs->unix_table->nr)
		return NULL;
	return bsearch(&key, fs->unix_table->v, fs->unix_table->nr, sizeof(key), compare_inodes);
}
