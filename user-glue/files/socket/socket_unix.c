/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Unix sockets: listening and bound ones by their address, pairs within the
 * process with what is queued in them. A peer in another process is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "files/socket/socket.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#define UNNAMED	 ((socklen_t)offsetof(struct sockaddr_un, sun_path))
#define SHUT_ALL 3

static const char *path_of(const struct address *a)
{
	return ((const struct sockaddr_un *)&a->storage)->sun_path;
}

static bool is_named(const struct address *a)
{
	return a->len > UNNAMED;
}

static bool has_path(const struct address *a)
{
	return is_named(a) && path_of(a)[0];
}

static void describe(struct sock *s)
{
	if (has_path(&s->local))
		snprintf(s->text, sizeof(s->text), "the unix socket %.108s", path_of(&s->local));
	else if (is_named(&s->local))
		snprintf(s->text, sizeof(s->text), "the unix socket @%.*s",
			 (int)(s->local.len - UNNAMED - 1), path_of(&s->local) + 1);
}

/* ---- Capture: where is the peer? ---- */

static const struct file *find_socket(const struct files *fs, uint64_t ino)
{
	for (size_t i = 0; i < fs->nr; i++) {
		if (S_ISSOCK(fs->v[i].st.st_mode) && fs->v[i].st.st_ino == ino)
			return &fs->v[i];
	}
	return NULL;
}

enum peer_place { PEER_NONE, PEER_INSIDE, PEER_NAMED, PEER_CLOSED, PEER_OUTSIDE };

static enum peer_place place_of_peer(struct files *fs, const struct unix_sock *u,
				     const struct sock *s, const struct file **peer)
{
	const struct unix_sock *p;
	int err;

	*peer = NULL;
	if (!s->peer.len)
		return PEER_NONE;
	if (s->rec.type == SOCK_DGRAM && is_named(&s->peer))
		return PEER_NAMED;
	if (!u->peer)
		return u->shutdown == SHUT_ALL || s->rec.type == SOCK_DGRAM ? PEER_CLOSED
									    : PEER_OUTSIDE;
	p = wppi_unix_find(fs, u->peer, &err);
	*peer = find_socket(fs, u->peer);
	return *peer && p && p->peer == u->ino ? PEER_INSIDE : PEER_OUTSIDE;
}

bool wppi_unix_outside(struct files *fs, const struct file *f)
{
	const struct unix_sock *u;
	const struct file *peer;
	struct sock s = { 0 };
	int err;

	if (!S_ISSOCK(f->st.st_mode) || wppi_socket_int(f->fd, SOL_SOCKET, SO_DOMAIN, 0) != AF_UNIX)
		return false;
	s.rec.type = (uint64_t)wppi_socket_int(f->fd, SOL_SOCKET, SO_TYPE, 0);
	s.peer.len = sizeof(s.peer.storage);
	if (getpeername(f->fd, &s.peer.any, &s.peer.len))
		s.peer.len = 0;
	u = wppi_unix_find(fs, f->st.st_ino, &err);
	return u && place_of_peer(fs, u, &s, &peer) == PEER_OUTSIDE;
}

static void check_peer(struct files *fs, struct file *f, struct sock *s, const struct unix_sock *u)
{
	const struct file *peer;

	switch (place_of_peer(fs, u, s, &peer)) {
	case PEER_NONE:
	case PEER_NAMED:
		s->rec.state = WPP_SOCKET_PLAIN;
		break;
	case PEER_INSIDE:
		s->rec.state = WPP_SOCKET_PAIR;
		s->rec.peer = peer->id;
		break;
	case PEER_OUTSIDE:
		/* Let go, it finds its peer gone. */
		wppi_refuse(fs->m, "unix-connected",
			    "descriptor %d (%s) is connected to another process", f->num, s->text);
		s->rec.state = WPP_SOCKET_PAIR;
		break;
	case PEER_CLOSED:
		s->rec.state = WPP_SOCKET_PAIR;
		break;
	}
}

static int check_unix(struct files *fs, struct file *f, struct sock *s)
{
	const struct unix_sock *u;
	int err;

	describe(s);
	u = wppi_unix_find(fs, f->st.st_ino, &err);
	if (!u && (err || fs->frozen)) {
		wppi_refuse(fs->m, "sock-diag",
			    "descriptor %d (%s): the kernel's unix_diag doesn't tell of it: %s",
			    f->num, s->text, strerror(err ? -err : ENOENT));
		f->kind = NULL;
		return 0;
	}
	if (!u) { /* made after the table was read; in the freeze it is read again */
		s->rec.state = WPP_SOCKET_PLAIN;
		return 0;
	}
	s->rec.shutdown = u->shutdown;
	if (wppi_file_info(f, "scm_fds", 10, 0))
		wppi_refuse(fs->m, "scm-rights-in-flight",
			    "descriptor %d (%s) has descriptors queued in a message", f->num,
			    s->text);
	if (!wppi_socket_int(f->fd, SOL_SOCKET, SO_ACCEPTCONN, 0)) {
		check_peer(fs, f, s, u);
		return 0;
	}
	s->rec.state = WPP_SOCKET_LISTEN;
	s->rec.backlog = u->backlog;
	if (u->queued)
		wppi_files_info(fs, "unix-pending",
				"%s: %u connections that aren't accepted yet will be gone", s->text,
				u->queued);
	return 0;
}

/* ---- Capture: queued messages ---- */

static void close_rights(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			close(fd);
		}
	}
}

/* One message from where SO_PEEK_OFF stands; -errno. */
static ssize_t peek(int fd, void *room, size_t cap)
{
	uint8_t control[512];
	struct iovec iov = { .iov_base = room, .iov_len = cap };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	close_rights(&m);
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int peek_all(struct files *fs, struct file *f, bool stream)
{
	size_t cap = stream ? 65536 : WPP_REC_TAIL_MAX;
	struct wpp_rec_sockmsg rec = { 0 };
	void *room = malloc(cap);
	ssize_t n = 0;

	while (room && (n = peek(f->fd, room, cap)) >= 0) {
		if (!n && stream)
			break;
		WPPI_REC(&fs->m->tree->pcb, SOCKMSG, 0, f->id, &rec, room, (size_t)n);
		rec.order++;
		if (fs->m->tree->pcb.failed)
			break;
	}
	free(room);
	if (!room)
		return WPP_ENOMEM;
	/* A stream whose peer is gone may say so only now. */
	return n >= 0 || n == -EAGAIN || n == -ECONNRESET ? 0 : (int)n;
}

static int collect_queue(struct files *fs, struct file *f, const struct sock *s)
{
	int save = wppi_socket_int(f->fd, SOL_SOCKET, SO_PEEK_OFF, -1), zero = 0, err;

	if (setsockopt(f->fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)))
		return -errno;
	err = peek_all(fs, f, s->rec.type == SOCK_STREAM);
	if (setsockopt(f->fd, SOL_SOCKET, SO_PEEK_OFF, &save, sizeof(save)) && !err)
		err = -errno;
	return err;
}

/* ---- Capture: the address ---- */

/* The socket's file: who may use it, and the directory that a relative name counts from. */
static void look_at_file(const struct file *f, struct sock *s)
{
	const char *name = path_of(&s->local);
	char link[64], path[PATH_MAX];
	struct stat st;
	int fd = ioctl(f->fd, SIOCUNIXFILE);
	size_t len = strlen(name);
	ssize_t n;

	if (fd < 0)
		fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		goto out;
	s->rec.mode = st.st_mode;
	s->rec.uid = st.st_uid;
	s->rec.gid = st.st_gid;
	s->rec.nlink = st.st_nlink;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (name[0] != '/' && n > (ssize_t)len && !strcmp(path + n - len, name)) {
		memcpy(s->dir, path, (size_t)n - len);
		s->dir[(size_t)n - len] = '\0';
	}
out:
	if (fd >= 0)
		close(fd);
}

static int collect_unix(struct files *fs, struct file *f, struct sock *s)
{
	if (has_path(&s->local))
		look_at_file(f, s);
	if (s->rec.state == WPP_SOCKET_PAIR)
		s->peer.len = 0;
	/* Others have no queue, and say so as an error. */
	return s->rec.state == WPP_SOCKET_PAIR || s->rec.type == SOCK_DGRAM
		       ? collect_queue(fs, f, s)
		       : 0;
}

/* ---- Recreate: the address ---- */

/* A socket file that nobody listens to any more is removed. */
static int remove_stale(struct rebuild *b, const struct ofd *o, const struct sock_image *s)
{
	const char *name = path_of(&s->local);
	struct stat st;
	int fd, err;

	if (lstat(name, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return wppi_child_fail(b->m, WPP_EEXIST, "%s: another file has its name", o->path);
	fd = socket(AF_UNIX, (int)s->rec.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, &s->local.any, s->local.len) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return wppi_child_fail(b->m, WPP_EBUSY, "%s: another process has its name",
				       o->path);
	return unlink(name) ? -errno : 0;
}

static int bind_path(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	const char *name = path_of(&s->local);
	int err = remove_stale(b, o, s);

	if (err)
		return err;
	if (bind(o->fd, &s->local.any, s->local.len))
		return wppi_child_fail(b->m, -errno, "%s can't be bound: %s", o->path,
				       strerror(errno));
	if (s->rec.mode && (chmod(name, (mode_t)(s->rec.mode & 07777)) ||
			    lchown(name, (uid_t)s->rec.uid, (gid_t)s->rec.gid)))
		return -errno;
	if (s->rec.mode && !s->rec.nlink && unlink(name))
		return -errno;
	return 0;
}

/* Runs in the directory that the name counts from. */
static int bind_local(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	int here, err;

	if (!is_named(&s->local))
		return 0;
	if (!has_path(&s->local)) {
		if (bind(o->fd, &s->local.any, s->local.len))
			return wppi_child_fail(b->m, -errno, "%s can't be bound: %s", o->path,
					       strerror(errno));
		return 0;
	}
	here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0 || (s->dir[0] && chdir(s->dir)))
		err = wppi_child_fail(b->m, -errno, "%s: its directory %s can't be entered: %s",
				      o->path, s->dir, strerror(errno));
	else
		err = bind_path(b, o, s);
	if (here >= 0) {
		if (fchdir(here) && !err)
			err = -errno;
		close(here);
	}
	return err;
}

/* ---- Recreate: queued messages ---- */

static int send_one(int fd, const struct wpp_rec *rec)
{
	const uint8_t *data = rec->tail;
	size_t left = rec->tail_len;
	int big = 16 << 20;

	do {
		ssize_t n = send(fd, data, left, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EMSGSIZE) && big) {
			/* It was queued with buffers that were larger then. */
			setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
			big = 0;
			continue;
		}
		if (n < 0)
			return -errno;
		data += n;
		left -= (size_t)n;
	} while (left);
	return 0;
}

/* What @o had not read yet comes from @fd again. */
static int send_queue(struct rebuild *b, const struct ofd *o, int fd)
{
	struct wpp_rec rec;
	struct rec_cursor c = wppi_shared_of(b->m->tree, WPP_REC_SOCKMSG, o->id);
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec))
		err = send_one(fd, &rec);
	if (err)
		return wppi_child_fail(b->m, err, "what was queued in %s can't be put back: %s",
				       o->path, wppi_why(err));
	return 0;
}

/* For a bound datagram socket anybody may be the sender. */
static int send_to_bound(struct rebuild *b, const struct ofd *o)
{
	struct address a = { .len = sizeof(a.storage) };
	struct wpp_rec rec;
	int fd, err;

	if (!wppi_shared_find(b->m->tree, WPP_REC_SOCKMSG, o->id, &rec))
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (getsockname(o->fd, &a.any, &a.len) || connect(fd, &a.any, a.len))
		err = -errno;
	else
		err = send_queue(b, o, fd);
	close(fd);
	return err;
}

/* ---- Recreate ---- */

static int open_pair(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	struct ofd *peer = s->rec.peer ? wppi_ofd_find(b, s->rec.peer) : NULL;
	int ends[2], err;

	if (s->rec.peer && (!peer || peer->fd >= 0 || peer->kind != o->kind || peer == o))
		return WPP_ECORRUPT;
	if (socketpair(AF_UNIX, (int)s->rec.type | SOCK_CLOEXEC, 0, ends))
		return -errno;
	ends[1] = wppi_hoist(b, ends[1]);
	err = wppi_ofd_put(b, o, ends[0]);
	if (!err)
		err = ends[1] < 0 ? ends[1] : wppi_sockopts_set(b, o, o->fd);
	if (!err && peer)
		err = wppi_sockopts_set(b, peer, ends[1]);
	if (!err)
		err = send_queue(b, o, ends[1]);
	if (!err && peer)
		err = send_queue(b, peer, o->fd);
	if (!err && peer)
		return wppi_ofd_put(b, peer, ends[1]);
	if (ends[1] >= 0)
		close(ends[1]);
	return err;
}

/* The bits as sock_diag shows them: 1 receive, 2 send. */
static int shut_down(int fd, uint64_t bits)
{
	int how = bits == SHUT_ALL ? SHUT_RDWR : bits == 1 ? SHUT_RD : SHUT_WR;

	return bits && shutdown(fd, how) && errno != ENOTCONN ? -errno : 0;
}

static int open_unix(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	int err;

	if (s->rec.state == WPP_SOCKET_PAIR)
		return open_pair(b, o, s);
	err = wppi_ofd_put(b, o, socket(AF_UNIX, (int)s->rec.type | SOCK_CLOEXEC, 0));
	if (!err)
		err = wppi_sockopts_set(b, o, o->fd);
	if (!err)
		err = bind_local(b, o, s);
	if (!err && s->rec.state == WPP_SOCKET_LISTEN && listen(o->fd, (int)s->rec.backlog))
		err = -errno;
	return err;
}

/* All addresses are there: datagram sockets find their peers, queues their readers. */
static int finish_unix(struct rebuild *b, struct ofd *o, const struct sock_image *s)
{
	int err = 0;

	if (s->rec.state == WPP_SOCKET_PLAIN && s->rec.type == SOCK_DGRAM)
		err = send_to_bound(b, o);
	if (!err && s->rec.state == WPP_SOCKET_PLAIN && s->peer.len &&
	    connect(o->fd, &s->peer.any, s->peer.len))
		wppi_child_note(b->m, WPP_NOTE_INFO, "unix-peer", "%s can't be connected to %s: %s",
				o->path, path_of(&s->peer), strerror(errno));
	return err ? err : shut_down(o->fd, s->rec.shutdown);
}

const struct socket_family wppi_socket_unix = {
	.family = AF_UNIX,
	.check = check_unix,
	.collect = collect_unix,
	.open = open_unix,
	.finish = finish_unix,
};
