/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TCP and UDP. Listening and bound sockets come back as they were; the other
 * side of a TCP connection is gone, so the process finds it reset by its peer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "files/socket/socket.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define BACKLOG_UNKNOWN 4096 /* the kernel cuts it to net.core.somaxconn */

static uint16_t port_of(const struct address *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;

	/* The port is at the same place in both families. */
	return a->len ? ntohs(in->sin_port) : 0;
}

static void print_address(const struct address *a, char *buf, size_t cap)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->storage.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		snprintf(buf, cap, "[%s]:%u", text, port_of(a));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(buf, cap, "%s:%u", text, port_of(a));
	}
}

static bool is_tcp(uint64_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

static void describe(struct sock *s)
{
	char local[64], peer[64] = "";

	print_address(&s->local, local, sizeof(local));
	if (s->peer.len)
		print_address(&s->peer, peer, sizeof(peer));
	snprintf(s->text, sizeof(s->text), "the %s socket %s%s%s",
		 is_tcp(s->rec.protocol) ? "TCP" : "UDP", local, peer[0] ? " to " : "", peer);
}

/* ---- Capture ---- */

/* Over: the peer's reset or end has been taken in. Its error may still wait to be seen. */
static uint64_t closed_state(const struct file *f)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	poll(&p, 1, 0);
	if (!(p.revents & POLLRDHUP))
		return WPP_SOCKET_PLAIN;
	return p.revents & POLLERR ? WPP_SOCKET_RESET : WPP_SOCKET_DEAD;
}

static uint64_t tcp_state(const struct file *f, const struct tcp_info *info)
{
	if (wppi_socket_int(f->fd, SOL_SOCKET, SO_ACCEPTCONN, 0))
		return WPP_SOCKET_LISTEN;
	if (info->tcpi_state == TCP_CLOSE)
		return closed_state(f);
	/* A connect() that blocks is called again; one that doesn't has to hear of its end. */
	if (info->tcpi_state == TCP_SYN_SENT && !(f->flags & O_NONBLOCK))
		return WPP_SOCKET_PLAIN;
	return WPP_SOCKET_RESET;
}

static void check_tcp(struct files *fs, struct file *f, struct sock *s)
{
	struct tcp_info info = { .tcpi_state = TCP_ESTABLISHED };
	socklen_t len = sizeof(info);

	if (getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &info, &len) && !s->peer.len)
		info.tcpi_state = TCP_CLOSE;
	s->rec.state = tcp_state(f, &info);
	s->rec.backlog = s->rec.protocol == IPPROTO_MPTCP ? BACKLOG_UNKNOWN : info.tcpi_sacked;
	describe(s);
	if (s->rec.state == WPP_SOCKET_RESET && info.tcpi_state != TCP_CLOSE && !fs->frozen &&
	    fs->nr_reset++ == 0)
		snprintf(fs->first_reset, sizeof(fs->first_reset), "%s", s->text);
	if (s->rec.state == WPP_SOCKET_LISTEN && info.tcpi_unacked)
		wppi_files_info(fs, "tcp-pending",
				"%s: %u connections that aren't accepted yet will be gone", s->text,
				info.tcpi_unacked);
	if (s->rec.state != WPP_SOCKET_PLAIN)
		s->peer.len = 0;
	if (s->rec.state == WPP_SOCKET_RESET || s->rec.state == WPP_SOCKET_DEAD)
		s->local.len = 0;
}

static void check_udp(struct files *fs, struct file *f, struct sock *s)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	s->rec.state = WPP_SOCKET_PLAIN;
	describe(s);
	if (poll(&p, 1, 0) == 1 && p.revents & POLLIN)
		wppi_files_info(fs, "udp-queued",
				"%s: datagrams that are still unread will be lost", s->text);
}

static int check_inet(struct files *fs, struct file *f, struct sock *s)
{
	if (s->rec.type == SOCK_STREAM && is_tcp(s->rec.protocol)) {
		check_tcp(fs, f, s);
	} else if (s->rec.type == SOCK_DGRAM &&
		   (s->rec.protocol == IPPROTO_UDP || s->rec.protocol == IPPROTO_UDPLITE)) {
		check_udp(fs, f, s);
	} else {
		wppi_refuse(fs->m, s->rec.type == SOCK_RAW ? "raw-socket" : "socket-family",
			    "descriptor %d is a socket of family %d, type %d, protocol %d", f->num,
			    (int)s->rec.family, (int)s->rec.type, (int)s->rec.protocol);
		f->kind = NULL;
	}
	return 0;
}

/* ---- Recreate ---- */

/* The old process' connections may keep the port busy, as if it were somebody else's. */
static int try_bind(struct ofd *o, const struct sock_image *s)
{
	if (bind(o->fd, &s->local.any, s->local.len) == 0)
		return 0;
	if (errno != EADDRINUSE || !is_tcp(s->rec.protocol))
		return -errno;
	wppi_tcp_free_port(AF_INET, port_of(&s->local));
	wppi_tcp_free_port(AF_INET6, port_of(&s->local));
	return bind(o->fd, &s->local.any, s->local.len) ? -errno : 0;
}

static int bind_local(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	int err = port_of(&s->local) ? try_bind(o, s) : 0;

	if (err)
		return wppi_child_fail(b->m, err, "%s can't be bound: %s", o->path, strerror(-err));
	return 0;
}

static int open_plain(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	int err = wppi_sockopts_set(b, o, o->fd);

	if (!err)
		err = bind_local(b, o, s);
	if (!err && s->rec.state == WPP_SOCKET_LISTEN && listen(o->fd, (int)s->rec.backlog))
		err = -errno;
	/* UDP: no packet is sent by this. */
	if (!err && s->peer.len && connect(o->fd, &s->peer.any, s->peer.len))
		wppi_child_note(b->m, WPP_NOTE_INFO, "udp-peer", "%s can't be connected: %s",
				o->path, strerror(errno));
	return err;
}

static int open_inet(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	bool over = s->rec.state == WPP_SOCKET_RESET || s->rec.state == WPP_SOCKET_DEAD;
	int protocol = over ? IPPROTO_TCP : (int)s->rec.protocol;
	int err = wppi_ofd_put(
		b, o, socket((int)s->rec.family, (int)s->rec.type | SOCK_CLOEXEC, protocol));

	return err || over ? err : open_plain(b, o, s);
}

/* A listener on the loopback device; its address as @family can reach it. */
static int open_listener(int family, struct address *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&a->storage;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	*in = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	a->len = sizeof(*in);
	if (fd < 0)
		return -errno;
	if (bind(fd, &a->any, a->len) || listen(fd, 1) || getsockname(fd, &a->any, &a->len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	if (family == AF_INET6) {
		in6.sin6_port = in->sin_port;
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
		memcpy(&a->storage, &in6, sizeof(in6));
		a->len = sizeof(in6);
	}
	return fd;
}

/* Connects @fd to @listener and lets the other side abort. */
static int reset(int fd, int listener, const struct address *a)
{
	struct linger abort_it = { .l_onoff = 1 };
	int other;

	if (connect(fd, &a->any, a->len))
		return -errno;
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (other < 0)
		return -errno;
	setsockopt(other, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	close(other);
	return 0;
}

static int finish_inet(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	struct address a;
	int listener, err;

	(void)b;
	if (s->rec.state != WPP_SOCKET_RESET && s->rec.state != WPP_SOCKET_DEAD)
		return 0;
	listener = open_listener((int)s->rec.family, &a);
	if (listener < 0)
		return listener;
	err = reset(o->fd, listener, &a);
	close(listener);
	if (!err && s->rec.state == WPP_SOCKET_DEAD)
		wppi_socket_int(o->fd, SOL_SOCKET, SO_ERROR, 0); /* was seen already */
	return err;
}

const struct socket_family wppi_socket_inet = {
	.family = AF_INET,
	.check = check_inet,
	.open = open_inet,
	.finish = finish_inet,
};

const struct socket_family wppi_socket_inet6 = {
	.family = AF_INET6,
	.check = check_inet,
	.open = open_inet,
	.finish = finish_inet,
};
