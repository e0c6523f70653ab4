/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sockets of all families: their common record.
 */
#include <linux/slab.h>

#include "files/ksocket.h"

static void refuse_family(struct wppk_member *m, struct wppk_file *f, const struct wppk_sock *s)
{
	const char *name = s->rec.family == AF_PACKET ? "packet-socket"
			   : s->rec.type == SOCK_RAW  ? "raw-socket"
						      : "socket-family";

	wppk_file_drop(m, f, name, "is a socket of family %llu, type %llu, protocol %llu",
		       s->rec.family, s->rec.type, s->rec.protocol);
}

static bool match_socket(struct wppk_member *m, const struct wppk_file *f)
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

static int check_socket(struct wppk_member *m, struct wppk_file *f)
{
	struct wppk_sock *s = kvzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return -ENOMEM;
	f->state = s;
	look(f, s);
	switch (s->rec.family) {
	case AF_INET:
	case AF_INET6:
		if (wppk_inet_is_known(s))
			return wppk_inet_check(m, f, s);
		break;
	case AF_UNIX:
		return wppk_unix_check(m, f, s);
	case AF_NETLINK:
		return wppk_netlink_check(m, f, s);
	}
	refuse_family(m, f, s);
	return 0;
}

static int record_socket(struct wppk_member *m, const struct wppk_file *f,
			 const struct wppk_sock *s)
{
	u32 local = s->rec.local_len, peer = s->rec.peer_len, dir = strlen(s->dir);
	u8 *tail = kvmalloc(local + peer + dir + 1, GFP_KERNEL_ACCOUNT);

	if (!tail)
		return -ENOMEM;
	memcpy(tail, &s->local, local);
	memcpy(tail + local, &s->peer, peer);
	memcpy(tail + local + peer, s->dir, dir);
	WPPK_REC_SHARED(m, SOCKET, f->id, &s->rec, tail, local + peer + dir);
	kvfree(tail);
	return 0;
}

static int collect_socket(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	struct wppk_sock *s = f->state;
	int err = 0;

	if (s->rec.family == AF_NETLINK)
		err = wppk_netlink_collect(m, f, s);
	else if (s->rec.family == AF_UNIX)
		err = wppk_unix_collect(m, f, s);
	if (!err)
		err = record_socket(m, f, s);
	/* A connection that is over is only closed. */
	if (!err && s->rec.state != WPP_SOCKET_RESET && s->rec.state != WPP_SOCKET_DEAD)
		err = wppk_sockopts_collect(m, f, s);
	return err;
}

const struct wppk_file_kind wppk_file_socket = {
	.kind = WPP_OFD_SOCKET,
	.match = match_socket,
	.check = check_socket,
	.collect = collect_socket,
};
