/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sockets: what their families share.
 */
#ifndef WPPK_KSOCKET_H
#define WPPK_KSOCKET_H

#include <linux/net.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "files/kfiles.h"

/* What a check finds out; state of the file. */
struct wppk_sock {
	struct socket *sock;
	struct wpp_rec_socket rec;
	struct sockaddr_storage local, peer;
	char dir[PATH_MAX]; /* where a relative path counts from; "" */
};

/* TCP or UDP. */
bool wppk_inet_is_known(const struct wppk_sock *s);
int wppk_inet_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s);
int wppk_netlink_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s);
int wppk_netlink_collect(struct wppk_member *m, const struct wppk_file *f, struct wppk_sock *s);
int wppk_unix_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s);
/* By the leader: records of what is queued. */
int wppk_unix_collect(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s);
/* By the leader: records of options that differ from those of a new socket. */
int wppk_sockopts_collect(struct wppk_member *m, const struct wppk_file *f,
			  const struct wppk_sock *s);

#endif
