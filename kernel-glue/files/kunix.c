/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Unix sockets: listening and bound ones by their address, pairs within the
 * process with what is queued in them. A peer in another process is refused.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/un.h>
#include <net/af_unix.h>
#include <net/tcp_states.h>

#include "files/ksocket.h"

#define UNNAMED	    offsetof(struct sockaddr_un, sun_path)
#define STREAM_STEP 65536

static const char *path_of(const struct wppk_sock *s)
{
	return ((const struct sockaddr_un *)&s->local)->sun_path;
}

static bool is_named(const struct wppk_sock *s)
{
	return s->rec.local_len > UNNAMED;
}

static bool has_path(const struct wppk_sock *s)
{
	return is_named(s) && path_of(s)[0];
}

static int describe(struct wppk_file *f, const struct wppk_sock *s)
{
	if (has_path(s))
		return wppk_file_describe(f, "the unix socket %.108s", path_of(s));
	if (is_named(s))
		return wppk_file_describe(f, "the unix socket @%.*s",
					  (int)(s->rec.local_len - UNNAMED - 1), path_of(s) + 1);
	return 0;
}

/* ---- Where is the peer? ---- */

enum peer_place { PEER_NONE, PEER_INSIDE, PEER_NAMED, PEER_CLOSED, PEER_OUTSIDE };

/* The file of a socket of the same process, or NULL. */
static const struct wppk_file *find_socket(const struct wppk_member *m, const struct sock *sk)
{
	const struct wppk_files *fs = m->files;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		struct socket *sock = sock_from_file(fs->v[i].file);

		if (sock && sock->sk == sk)
			return &fs->v[i];
	}
	return NULL;
}

/* @peer: a reference, or NULL. */
static enum peer_place place_of(const struct wppk_member *m, struct sock *sk, struct sock *peer,
				u64 *id)
{
	const struct wppk_file *f;
	bool dgram = sk->sk_type == SOCK_DGRAM;

	if (!peer)
		return PEER_NONE;
	if (dgram && unix_sk(peer)->addr)
		return PEER_NAMED;
	if (!peer->sk_socket)
		return dgram || sk->sk_shutdown == SHUTDOWN_MASK ? PEER_CLOSED : PEER_OUTSIDE;
	f = find_socket(m, peer);
	if (!f || unix_peer(peer) != sk)
		return PEER_OUTSIDE;
	*id = f->id;
	return PEER_INSIDE;
}

static enum peer_place find_peer(const struct wppk_member *m, struct sock *sk, u64 *id)
{
	struct sock *peer = unix_peer_get(sk);
	enum peer_place place = place_of(m, sk, peer, id);

	if (peer)
		sock_put(peer);
	return place;
}

bool wppk_unix_outside(struct wppk_member *m, const struct wppk_file *f)
{
	struct socket *sock = sock_from_file(f->file);
	u64 id;

	return sock && sock->sk->sk_family == AF_UNIX &&
	       find_peer(m, sock->sk, &id) == PEER_OUTSIDE;
}

/* ---- Check ---- */

static void check_peer(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	switch (find_peer(m, s->sock->sk, &s->rec.peer)) {
	case PEER_NONE:
	case PEER_NAMED:
		s->rec.state = WPP_SOCKET_PLAIN;
		break;
	case PEER_INSIDE:
	case PEER_CLOSED:
		s->rec.state = WPP_SOCKET_PAIR;
		break;
	case PEER_OUTSIDE:
		wppk_file_drop(m, f, "unix-connected", "(%s) is connected to another process",
			       f->link);
		break;
	}
}

static void check_listening(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	const struct sock *sk = s->sock->sk;

	s->rec.state = WPP_SOCKET_LISTEN;
	s->rec.backlog = sk->sk_max_ack_backlog;
	if (!skb_queue_empty_lockless(&sk->sk_receive_queue))
		wppk_note(&m->tree->notes, "unix-pending",
			  "%s: connections that aren't accepted yet will be gone", f->link);
}

/* The socket's file: who may use it, and the directory that a relative name counts from. */
static int look_at_file(struct wppk_member *m, struct wppk_sock *s)
{
	const struct path *at = &unix_sk(s->sock->sk)->path;
	const char *name = path_of(s), *path;
	size_t len = strlen(name), all;
	struct kstat st;

	if (!at->dentry || wppk_stat(at, &st))
		return 0;
	s->rec.mode = st.mode;
	s->rec.uid = from_kuid_munged(&init_user_ns, st.uid);
	s->rec.gid = from_kgid_munged(&init_user_ns, st.gid);
	s->rec.nlink = st.nlink;
	path = wppk_path(m, at);
	if (IS_ERR(path))
		return PTR_ERR(path);
	all = strlen(path);
	if (name[0] != '/' && all > len && !strcmp(path + all - len, name))
		memcpy(s->dir, path, all - len);
	return 0;
}

int wppk_unix_check(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	struct sock *sk = s->sock->sk;
	int err = describe(f, s);

	if (err)
		return err;
	s->rec.shutdown = sk->sk_shutdown;
	if (wppk_info_value(f, "scm_fds", 10, 0)) {
		wppk_file_drop(m, f, "scm-rights-in-flight",
			       "(%s) has descriptors queued in a message", f->link);
		return 0;
	}
	if (sk->sk_state == TCP_LISTEN)
		check_listening(m, f, s);
	else
		check_peer(m, f, s);
	return f->kind && has_path(s) ? look_at_file(m, s) : 0;
}

/* ---- Queued messages ---- */

/* One message from where SO_PEEK_OFF stands; -errno. */
static int peek(struct socket *sock, void *room, size_t cap)
{
	struct kvec vec = { .iov_base = room, .iov_len = cap };
	struct msghdr msg = { 0 };
	int n = kernel_recvmsg(sock, &msg, &vec, 1, cap, MSG_PEEK | MSG_DONTWAIT);

	return n >= 0 && msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int peek_all(struct wppk_member *m, const struct wppk_file *f, struct socket *sock)
{
	bool stream = sock->type == SOCK_STREAM;
	size_t cap = stream ? STREAM_STEP : WPP_REC_TAIL_MAX;
	struct wpp_rec_sockmsg rec = { 0 };
	void *room = kvmalloc(cap, GFP_KERNEL_ACCOUNT);
	int n = 0;

	if (!room)
		return -ENOMEM;
	while ((n = peek(sock, room, cap)) >= 0 && !m->tree->pcb.err) {
		if (!n && stream)
			break;
		WPPK_REC_SHARED(m, SOCKMSG, f->id, &rec, room, n);
		rec.order++;
	}
	kvfree(room);
	/* A stream whose peer is gone may say so only now. */
	return n >= 0 || n == -EAGAIN || n == -ECONNRESET ? 0 : n;
}

int wppk_unix_collect(struct wppk_member *m, struct wppk_file *f, struct wppk_sock *s)
{
	struct socket *sock = s->sock;
	int save = sock->sk->sk_peek_off, err;

	if (s->rec.state == WPP_SOCKET_PAIR)
		s->rec.peer_len = 0;
	if ((s->rec.state != WPP_SOCKET_PAIR && s->rec.type != SOCK_DGRAM) ||
	    skb_queue_empty_lockless(&sock->sk->sk_receive_queue))
		return 0;
	err = sock->ops->set_peek_off(sock->sk, 0);
	if (err)
		return err;
	err = peek_all(m, f, sock);
	sock->ops->set_peek_off(sock->sk, save);
	return err;
}
