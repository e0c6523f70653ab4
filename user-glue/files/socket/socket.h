/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sockets: what their families share. */
#ifndef WPP_SOCKET_H
#define WPP_SOCKET_H

#include <sys/socket.h>

#include "files/files.h"

/* An address with its length; len 0: none. */
struct address {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
	};
};

/* A socket of the process while it is captured. */
struct sock {
	struct wpp_rec_socket rec;
	struct address local, peer;
	char dir[PATH_MAX]; /* where a relative path counts from; "" */
	char text[256];	    /* for messages */
};

/* A socket of the image, decoded. */
struct sock_image {
	struct wpp_rec_socket rec;
	struct address local, peer;
	char dir[PATH_MAX];
};

struct socket_family {
	int family;
	/* Refuses by clearing f->kind; fills s->rec.state. */
	int (*check)(struct files *fs, struct file *f, struct sock *s);
	int (*collect)(struct files *fs, struct file *f, struct sock *s); /* may be NULL */
	/* In the child; @o has no descriptor yet. */
	int (*open)(struct rebuild *b, struct ofd *o, const struct sock_image *s);
	int (*finish)(struct rebuild *b, struct ofd *o,
		      const struct sock_image *s); /* may be NULL */
};
extern const struct socket_family wppi_socket_inet, wppi_socket_inet6, wppi_socket_unix,
	wppi_socket_netlink;

int wppi_socket_int(int fd, int level, int name, int def);
void wppi_sockopts_collect(struct files *fs, const struct file *f, const struct sock *s);
/* Sets what was recorded. */
int wppi_sockopts_set(struct rebuild *b, const struct ofd *o, int fd);
int wppi_socket_image(struct rebuild *b, const struct ofd *o, struct sock_image *s);

/* Ends TCP connections of a local port that no process has any more. 0 or -errno. */
int wppi_tcp_free_port(int family, uint16_t port);

/* ---- What only sock_diag tells of unix sockets ---- */

struct unix_sock {
	uint32_t ino, peer;	  /* inodes; peer 0: none */
	uint32_t shutdown;	  /* 1 receive, 2 send */
	uint32_t queued, backlog; /* of a listening socket */
};
struct unix_table {
	size_t nr;
	struct unix_sock v[]; /* ascending inodes */
};
/* NULL with *@err set when it can't be asked. */
const struct unix_sock *wppi_unix_find(struct files *fs, uint64_t ino, int *err);

#endif
