/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sockets of all families: their common record, and the family that knows the rest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files/socket/socket.h"

static const struct socket_family *const families[] = {
	&wppi_socket_inet,
	&wppi_socket_inet6,
	&wppi_socket_unix,
	&wppi_socket_netlink,
};

static const struct socket_family *family_of(uint64_t family)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if ((uint64_t)families[i]->family == family)
			return families[i];
	}
	return NULL;
}

static bool match_socket(struct files *fs, const struct file *f)
{
	(void)fs;
	return S_ISSOCK(f->st.st_mode);
}

/* ---- Capture ---- */

static void look(const struct file *f, struct sock *s)
{
	memset(s, 0, sizeof(*s));
	s->rec.family = (uint64_t)wppi_socket_int(f->fd, SOL_SOCKET, SO_DOMAIN, -1);
	s->rec.type = (uint64_t)wppi_socket_int(f->fd, SOL_SOCKET, SO_TYPE, -1);
	s->rec.protocol = (uint64_t)wppi_socket_int(f->fd, SOL_SOCKET, SO_PROTOCOL, -1);
	s->rec.ino = f->st.st_ino;
	s->local.len = s->peer.len = sizeof(s->local.storage);
	if (getsockname(f->fd, &s->local.any, &s->local.len))
		s->local.len = 0;
	if (getpeername(f->fd, &s->peer.any, &s->peer.len))
		s->peer.len = 0;
	snprintf(s->text, sizeof(s->text), "%s", f->link);
}

static int refuse_family(struct files *fs, struct file *f, const struct sock *s)
{
	wppi_refuse(fs->m, s->rec.family == AF_PACKET ? "packet-socket" : "socket-family",
		    "descriptor %d is a socket of family %d, type %d, protocol %d", f->num,
		    (int)s->rec.family, (int)s->rec.type, (int)s->rec.protocol);
	f->kind = NULL;
	return 0;
}

static int check_socket(struct files *fs, struct file *f)
{
	const struct socket_family *family;
	struct sock s;

	look(f, &s);
	family = family_of(s.rec.family);
	return family ? family->check(fs, f, &s) : refuse_family(fs, f, &s);
}

static int collect_socket(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	const struct socket_family *family;
	struct buf tail = { 0 };
	struct sock s;
	int err;

	(void)rec;
	look(f, &s);
	family = family_of(s.rec.family);
	err = family->check(fs, f, &s);
	if (!err && family->collect)
		err = family->collect(fs, f, &s);
	if (err)
		return err;
	s.rec.local_len = s.local.len;
	s.rec.peer_len = s.peer.len;
	wppi_buf_add(&tail, &s.local.storage, s.local.len);
	wppi_buf_add(&tail, &s.peer.storage, s.peer.len);
	wppi_buf_add(&tail, s.dir, strlen(s.dir));
	if (tail.failed)
		return WPP_ENOMEM;
	WPPI_REC(&fs->m->tree->pcb, SOCKET, 0, f->id, &s.rec, tail.data, tail.len);
	wppi_buf_free(&tail);
	/* A connection that is over is only closed. */
	if (s.rec.state != WPP_SOCKET_RESET && s.rec.state != WPP_SOCKET_DEAD)
		wppi_sockopts_collect(fs, f, &s);
	/* The record's name of a socket says more than its number does. */
	free(f->link);
	f->link = strdup(s.text);
	return f->link ? 0 : WPP_ENOMEM;
}

/* ---- Recreate ---- */

int wppi_socket_image(struct rebuild *b, const struct ofd *o, struct sock_image *s)
{
	struct wpp_rec rec;
	size_t dir;

	memset(s, 0, sizeof(*s));
	if (!wppi_shared_find(b->m->tree, WPP_REC_SOCKET, o->id, &rec))
		return WPP_ECORRUPT;
	wpp_rec_get(&rec, (uint64_t *)&s->rec, WPP_REC_NR(s->rec));
	if (s->rec.local_len > sizeof(s->local.storage) ||
	    s->rec.peer_len > sizeof(s->peer.storage) ||
	    s->rec.local_len + s->rec.peer_len > rec.tail_len)
		return WPP_ECORRUPT;
	dir = rec.tail_len - s->rec.local_len - s->rec.peer_len;
	if (dir >= sizeof(s->dir))
		return WPP_ECORRUPT;
	s->local.len = (socklen_t)s->rec.local_len;
	s->peer.len = (socklen_t)s->rec.peer_len;
	memcpy(&s->local.storage, rec.tail, s->local.len);
	memcpy(&s->peer.storage, rec.tail + s->local.len, s->peer.len);
	memcpy(s->dir, rec.tail + s->local.len + s->peer.len, dir);
	return 0;
}

static int open_socket(struct rebuild *b, struct ofd *o)
{
	const struct socket_family *family;
	struct sock_image s;
	int err = wppi_socket_image(b, o, &s);

	if (err)
		return err;
	family = family_of(s.rec.family);
	return family ? family->open(b, o, &s) : WPP_EFORMAT;
}

static int finish_socket(struct rebuild *b, struct ofd *o)
{
	const struct socket_family *family;
	struct sock_image s;
	int err = wppi_socket_image(b, o, &s);

	if (err)
		return err;
	family = family_of(s.rec.family);
	return family && family->finish ? family->finish(b, o, &s) : 0;
}

const struct file_kind wppi_file_socket = {
	.kind = WPP_OFD_SOCKET,
	.match = match_socket,
	.check = check_socket,
	.collect = collect_socket,
	.open = open_socket,
	.finish = finish_socket,
};
