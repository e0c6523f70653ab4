/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TCP and UDP: what of a connection can't go on.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>

#include "files/ksocket.h"

#define BACKLOG_UNKNOWN 4096 /* the kernel cuts it to net.core.somaxconn */

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
		return wppk_file_describe(f, "the %s socket %pISpc", what, &s->local);
	return wppk_file_describe(f, "the %s socket %pISpc to %pISpc", what, &s->local, &s->peer);
}

/* Over: the peer's reset or end has been taken in. Its error may still wait to be seen. */
static u64 closed_state(const struct sock *sk)
{
	if (!(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN))
		return WPP_SOCKET_PLAIN;
	return READ_ONCE(sk->sk_err) || !skb_queue_empty_lockless(&sk->sk_error_queue)
		       ? WPP_SOCKET_RESET
		       : WPP_SOCKET_DEAD;
}

static u64 tcp_state(const struct wppk_file *f, const struct sock *sk)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_LISTEN:
		return WPP_SOCKET_LISTEN;
	case TCP_CLOSE:
		return closed_state(sk);
	case TCP_SYN_SENT: /* a connect() that blocks is called again */
		return f->flags & O_NONBLOCK ? WPP_SOCKET_RESET : WPP_SOCKET_PLAIN;
	default:
		return WPP_SOCKET_RESET;
	}
}

static void check_tcp(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	const struct sock *sk = s->sock->sk;

	s->rec.state = tcp_state(f, sk);
	if (s->rec.state == WPP_SOCKET_LISTEN) {
		s->rec.backlog = s->rec.protocol == IPPROTO_MPTCP
					 ? BACKLOG_UNKNOWN
					 : READ_ONCE(sk->sk_max_ack_backlog);
		if (READ_ONCE(sk->sk_ack_backlog))
			wppk_note(&m->tree->notes, "tcp-pending",
				  "%s: connections that aren't accepted yet will be gone", f->link);
	}
	if (s->rec.state == WPP_SOCKET_RESET && READ_ONCE(sk->sk_state) != TCP_CLOSE)
		wppk_note(&m->tree->notes, "tcp-established", "%s will be reset by its peer",
			  f->link);
	if (s->rec.state != WPP_SOCKET_PLAIN)
		s->rec.peer_len = 0;
	if (s->rec.state == WPP_SOCKET_RESET || s->rec.state == WPP_SOCKET_DEAD)
		s->rec.local_len = 0;
}

bool wppk_inet_is_known(const struct wppk_sock *s)
{
	return is_tcp(s) || is_udp(s);
}

int wppk_inet_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	int err = describe_inet(f, s);

	if (err)
		return err;
	if (is_tcp(s)) {
		check_tcp(m, f, s);
		return 0;
	}
	s->rec.state = WPP_SOCKET_PLAIN;
	if (!skb_queue_empty_lockless(&s->sock->sk->sk_receive_queue))
		wppk_note(&m->tree->notes, "udp-queued",
			  "%s: datagrams that are unread will be lost", f->link);
	return 0;
}
