/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Netlink sockets and the groups that they listen to.
 */
#include <linux/netlink.h>
#include <linux/uaccess.h>

#include "files/ksocket.h"

#define GROUPS_WORDS 64 /* of 32 netlink groups */

int wppk_netlink_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	s->rec.state = WPP_SOCKET_PLAIN;
	if (!skb_queue_empty_lockless(&s->sock->sk->sk_receive_queue))
		wppk_note(&m->tree->notes, "netlink-queued",
			  "descriptor %d: netlink messages that are unread will be lost", f->num);
	return wppk_file_describe(f, "the netlink socket of protocol %llu", s->rec.protocol);
}

/* The groups are bits; they are kept as an option of their own. */
int wppk_netlink_collect(struct wppk_member *m, const struct wppk_file *f, struct wppk_sock *s)
{
	struct wpp_rec_sockopt rec = { .level = SOL_NETLINK, .name = NETLINK_ADD_MEMBERSHIP };
	u32 words[GROUPS_WORDS] = { 0 }, group;
	void __user *page = wppk_files_page(m);
	int __user *len = page;

	s->rec.peer_len = 0;
	if (!page)
		return -ENOMEM;
	if (put_user((int)sizeof(words), len) ||
	    s->sock->ops->getsockopt(s->sock, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, page + 8, len))
		return 0;
	if (copy_from_user(words, page + 8, sizeof(words)))
		return -EFAULT;
	for (group = 1; group <= 32 * GROUPS_WORDS; group++) {
		if (words[(group - 1) / 32] & BIT((group - 1) % 32))
			WPPK_REC_SHARED(m, SOCKOPT, f->id, &rec, &group, sizeof(group));
	}
	return 0;
}
