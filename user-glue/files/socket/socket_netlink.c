/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Netlink: the address and the groups; answers that are still queued are lost. */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/socket/socket.h"

#define GROUPS_MAX_WORDS 64 /* of 32 groups */

static int check_netlink(struct files *fs, struct file *f, struct sock *s)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	s->rec.state = WPP_SOCKET_PLAIN;
	snprintf(s->text, sizeof(s->text), "the netlink socket of protocol %d",
		 (int)s->rec.protocol);
	if (poll(&p, 1, 0) == 1 && p.revents & POLLIN)
		wppi_files_info(fs, "netlink-queued",
				"descriptor %d: netlink messages that are unread will be lost",
				f->num);
	return 0;
}

/* The groups are bits; they are kept as an option of their own. */
static int collect_netlink(struct files *fs, struct file *f, struct sock *s)
{
	uint32_t words[GROUPS_MAX_WORDS] = { 0 };
	socklen_t len = sizeof(words);
	struct wpp_rec_sockopt rec = { .level = SOL_NETLINK, .name = NETLINK_ADD_MEMBERSHIP };

	if (getsockopt(f->fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &len))
		return 0;
	s->peer.len = 0;
	for (uint32_t g = 0; g < 32 * GROUPS_MAX_WORDS; g++) {
		uint32_t group = g + 1;

		if (words[g / 32] & 1u << (g % 32))
			WPPI_REC(&fs->m->tree->pcb, SOCKOPT, 0, f->id, &rec, &group, sizeof(group));
	}
	return 0;
}

static int open_netlink(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	struct sockaddr_nl nl;
	int err = wppi_ofd_put(
		b, o, socket(AF_NETLINK, (int)s->rec.type | SOCK_CLOEXEC, (int)s->rec.protocol));

	if (err || s->local.len != sizeof(nl))
		return err;
	memcpy(&nl, &s->local.storage, sizeof(nl));
	nl.nl_groups = 0; /* they come as options */
	if (nl.nl_pid && bind(o->fd, (struct sockaddr *)&nl, sizeof(nl)))
		return -errno;
	return wppi_sockopts_set(b, o, o->fd);
}

const struct socket_family wppi_socket_netlink = {
	.family = AF_NETLINK,
	.check = check_netlink,
	.collect = collect_netlink,
	.open = open_netlink,
};
