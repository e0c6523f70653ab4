/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sockets of all families: their common record. TCP and UDP; netlink.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>

#include "files/ksocket.h"

#define BACKLOG_UNKNOWN 4096 /* the kernel cuts it to net.core.somaxconn */
#define GROUPS_WORDS	64   /* of 32 netlink groups */

int wppk_socket_describe(struct wppk_file *f, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = kvasprintf(GFP_KERNEL_ACCOUNT, fmt, args);
	va_end(args);
	if (!text)
		return -ENOMEM;
	kfree(f->link);
	f->link = text;
	return 0;
}

static void refuse_family(struct wppk_capture *c, struct wppk_file *f, const struct wppk_sock *s)
{
	const char *name = s->rec.family == AF_PACKET ? "packet-socket"
			   : s->rec.type == SOCK_RAW  ? "raw-socket"
						      : "socket-family";

	wppk_file_drop(c, f, name, "is a socket of family %llu, type %llu, protocol %llu",
		       s->rec.family, s->rec.type, s->rec.protocol);
}

/* ---- TCP and UDP ---- */

static bool is_tcp(const struct wppk_sock *s)
{
	return s->rec.type == SOCK_STREAM &&
	       (s->rec.protocol == IPPROTO_TCP || s->rec.protocol == IPPROTO_MPTCP);
}

static bool is_udp(const struct wppk_sock *s)
{
	return s->rec.type == SOCK_DGRAM &&
	       (s->rec.protocol == IPPROTO_UDP || s->rec.protocol == IPPROTO_UDPLITE);
}

static int describe_inet(struct wppk_file *f, const struct wppk_sock *s)
{
	const char *what = is_tcp(s) ? "TCP" : "UDP";

	if (!s->rec.peer_len)
		return wppk_socket_describe(f, "the %s socket %pISpc", what, &s->local);
	return wppk_socket_describe(f, "the %s socket %pISpc to %pISpc", what, &s->local, &s->peer);
}

/* Over: the peer's reset or end has been taken in. Its error may still wait to be seen. */
static u64 closed_state(const struct sock *sk)
{
	if (!(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN))
		return SOCKET_PLAIN;
	return READ_ONCE(sk->sk_err) || !skb_queue_empty_lockless(&sk->sk_error_queue)
		       ? SOCKET_RESET
		       : SOCKET_DEAD;
}

static u64 tcp_state(const struct wppk_file *f, const struct sock *sk)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_LISTEN:
		return SOCKET_LISTEN;
	case TCP_CLOSE:
		return closed_state(sk);
	case TCP_SYN_SENT: /* a connect() that blocks is called again */
		return f->flags & O_NONBLOCK ? SOCKET_RESET : SOCKET_PLAIN;
	default:
		return SOCKET_RESET;
	}
}

static void check_tcp(struct wppk_capture *c, struct wppk_file *f, struct wppk_sock *s)
{
	const struct sock *sk = s->sock->sk;

	s->rec.state = tcp_state(f, sk);
	if (s->rec.state == SOCKET_LISTEN) {
		s->rec.backlog = s->rec.protocol == IPPROTO_MPTCP
					 ? BACKLOG_UNKNOWN
					 : READ_ONCE(sk->sk_max_ack_backlog);
		if (READ_ONCE(sk->sk_ack_backlog))
			wppk_note(c->notes, "tcp-pending",
				  "%s: connections that aren't accepted yet will be gone", f->link);
	}
	if (s->rec.state == SOCKET_RESET && READ_ONCE(sk->sk_state) != TCP_CLOSE)
		wppk_note(c->notes, "tcp-established", "%s will be reset by its peer", f->link);
	if (s->rec.state != SOCKET_PLAIN)
		s->rec.peer_len = 0;
	if (s->rec.state == SOCKET_RESET || s->rec.state == SOCKET_DEAD)
		s->rec.local_len = 0;
}

int wppk_inet_check(struct wppk_capture *c, struct wppk_file *f, struct wppk_sock *s)
{
	int err;

	if (!is_tcp(s) && !is_udp(s)) {
		refuse_family(c, f, s);
		return 0;
	}
	err = describe_inet(f, s);
	if (err)
		return err;
	if (is_tcp(s)) {
		check_tcp(c, f, s);
		return 0;
	}
	s->rec.state = SOCKET_PLAIN;
	if (!skb_queue_empty_lockless(&s->sock->sk->sk_receive_queue))
		wppk_note(c->notes, "udp-queued", "%s: datagrams that are unread will be lost",
			  f->link);
	return 0;
}

/* ---- Netlink ---- */

static int check_netlink(struct wppk_capture *c, struct wppk_file *f, struct wppk_sock *s)
{
	s->rec.state = SOCKET_PLAIN;
	if (!skb_queue_empty_lockless(&s->sock->sk->sk_receive_queue))
		wppk_note(c->notes, "netlink-queued",
			  "descriptor %d: netlink messages that are unread will be lost", f->num);
	return wppk_socket_describe(f, "the netlink socket of protocol %llu", s->rec.protocol);
}

/* The groups are bits; they are kept as an option of their own. */
static int collect_netlink(struct wppk_capture *c, const struct wppk_file *f, struct wppk_sock *s)
{
	struct wpp_rec_sockopt rec = { .level = SOL_NETLINK, .name = NETLINK_ADD_MEMBERSHIP };
	u32 words[GROUPS_WORDS] = { 0 }, group;
	void __user *page = wppk_files_page(c);
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
			WPPK_REC(wppk_pcb(c), SOCKOPT, 0, f->id, &rec, &group, sizeof(group));
	}
	return 0;
}

/* ---- The kind ---- */

static bool match_socket(struct wppk_capture *c, const struct wppk_file *f)
{
	return S_ISSOCK(f->st.mode) && sock_from_file(f->file);
}

static void look(const struct wppk_file *f, struct wppk_sock *s)
{
	const struct sock *sk;
	int len;

	s->sock = sock_from_file(f->file);
	sk = s->sock->sk;
	s->rec.family = sk->sk_family;
	s->rec.type = sk->sk_type;
	s->rec.protocol = sk->sk_protocol;
	s->rec.ino = f->st.ino;
	len = kernel_getsockname(s->sock, (struct sockaddr *)&s->local);
	s->rec.local_len = len > 0 ? len : 0;
	len = kernel_getpeername(s->sock, (struct sockaddr *)&s->peer);
	s->rec.peer_len = len > 0 ? len : 0;
}

static int check_socket(struct wppk_capture *c, struct wppk_file *f)
{
	struct wppk_sock *s = kvzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return -ENOMEM;
	f->state = s;
	look(f, s);
	switch (s->rec.family) {
	case AF_INET:
	case AF_INET6:
		return wppk_inet_check(c, f, s);
	case AF_UNIX:
		return wppk_unix_check(c, f, s);
	case AF_NETLINK:
		return check_netlink(c, f, s);
	default:
		refuse_family(c, f, s);
		return 0;
	}
}

static int record_socket(struct wppk_capture *c, const struct wppk_file *f,
			 const struct wppk_sock *s)
{
	u32 local = s->rec.local_len, peer = s->rec.peer_len, dir = strlen(s->dir);
	u8 *tail = kvmalloc(local + peer + dir + 1, GFP_KERNEL_ACCOUNT);

	if (!tail)
		return -ENOMEM;
	memcpy(tail, &s->local, local);
	memcpy(tail + local, &s->peer, peer);
	memcpy(tail + local + peer, s->dir, dir);
	WPPK_REC(wppk_pcb(c), SOCKET, 0, f->id, &s->rec, tail, local + peer + dir);
	kvfree(tail);
	return 0;
}

static int collect_socket(struct wppk_capture *c, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	struct wppk_sock *s = f->state;
	int err = 0;

	if (s->rec.family == AF_NETLINK)
		err = collect_netlink(c, f, s);
	else if (s->rec.family == AF_UNIX)
		err = wppk_unix_collect(c, f, s);
	if (!err)
		err = record_socket(c, f, s);
	/* A connection that is over is only closed. */
	if (!err && s->rec.state != SOCKET_RESET && s->rec.state != SOCKET_DEAD)
		err = wppk_sockopts_collect(c, f, s);
	return err;
}

const struct wppk_file_kind wppk_file_socket = {
	.kind = WPP_OFD_SOCKET,
	.match = match_socket,
	.check = check_socket,
	.collect = collect_socket,
};
