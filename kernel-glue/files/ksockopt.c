/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Socket options: recorded where they differ from those of a new socket of the
 * same kind. Protocols are asked through a page of the process; the options of
 * all sockets are read from them.
 */
#include <linux/filter.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <uapi/linux/tcp.h>

#include "files/ksocket.h"
#include "record/sockopts.h"

#define OPTION_MAX 128
#define LEN_OFF	   OPTION_MAX /* in the page, behind the value */

struct value {
	u8 data[OPTION_MAX];
	u32 len; /* 0: there is no such option */
};

static const struct {
	int level, name;
} options[] = {
#define ROW(level, name) { level, name },
	WPPR_SOCKOPTS(ROW)
#undef ROW
};

/* ---- SOL_SOCKET ---- */

static void set_value(struct value *v, const void *data, u32 len)
{
	memcpy(v->data, data, len);
	v->len = len;
}

static void set_timeout(struct value *v, long timeout)
{
	struct __kernel_old_timeval tv = { 0 };

	if (timeout != MAX_SCHEDULE_TIMEOUT) {
		tv.tv_sec = timeout / HZ;
		tv.tv_usec = timeout % HZ * USEC_PER_SEC / HZ;
	}
	set_value(v, &tv, sizeof(tv));
}

static void set_linger(struct value *v, const struct sock *sk)
{
	struct linger linger = {
		.l_onoff = sock_flag(sk, SOCK_LINGER),
		.l_linger = sk->sk_lingertime / HZ,
	};

	set_value(v, &linger, sizeof(linger));
}

static void set_device(struct value *v, struct sock *sk)
{
	struct net_device *dev = NULL;

	if (sk->sk_bound_dev_if)
		dev = dev_get_by_index(sock_net(sk), sk->sk_bound_dev_if);
	if (!dev)
		return;
	set_value(v, dev->name, strlen(dev->name) + 1);
	dev_put(dev);
}

static bool old_stamp(const struct sock *sk, bool ns)
{
	return sock_flag(sk, SOCK_RCVTSTAMP) && !sock_flag(sk, SOCK_TSTAMP_NEW) &&
	       sock_flag(sk, SOCK_RCVTSTAMPNS) == ns;
}

static int int_of(const struct sock *sk, const struct socket *sock, int name)
{
	switch (name) {
	case SO_REUSEADDR:
		return sk->sk_reuse;
	case SO_REUSEPORT:
		return sk->sk_reuseport;
	case SO_KEEPALIVE:
		return sock_flag(sk, SOCK_KEEPOPEN);
	case SO_BROADCAST:
		return sock_flag(sk, SOCK_BROADCAST);
	case SO_OOBINLINE:
		return sock_flag(sk, SOCK_URGINLINE);
	case SO_DONTROUTE:
		return sock_flag(sk, SOCK_LOCALROUTE);
	case SO_RCVLOWAT:
		return sk->sk_rcvlowat;
	case SO_PRIORITY:
		return sk->sk_priority;
	case SO_MARK:
		return sk->sk_mark;
	case SO_PASSCRED:
		return test_bit(SOCK_PASSCRED, &sock->flags);
	case SO_PASSSEC:
		return test_bit(SOCK_PASSSEC, &sock->flags);
	case SO_TIMESTAMP_OLD:
		return old_stamp(sk, false);
	case SO_TIMESTAMPNS_OLD:
		return old_stamp(sk, true);
	case SO_RXQ_OVFL:
		return sock_flag(sk, SOCK_RXQ_OVFL);
	case SO_BUSY_POLL:
		return sk->sk_ll_usec;
	case SO_PEEK_OFF:
		return sk->sk_peek_off;
	case SO_NO_CHECK:
		return sk->sk_no_check_tx;
	default: /* SO_ZEROCOPY */
		return sock_flag(sk, SOCK_ZEROCOPY);
	}
}

static void read_common(struct socket *sock, int name, struct value *v)
{
	struct sock *sk = sock->sk;
	int value;

	switch (name) {
	case SO_LINGER:
		set_linger(v, sk);
		break;
	case SO_RCVTIMEO_OLD:
		set_timeout(v, sk->sk_rcvtimeo);
		break;
	case SO_SNDTIMEO_OLD:
		set_timeout(v, sk->sk_sndtimeo);
		break;
	case SO_BINDTODEVICE:
		set_device(v, sk);
		break;
	default:
		value = int_of(sk, sock, name);
		set_value(v, &value, sizeof(value));
	}
}

/* ---- Any level ---- */

/* An option that can't be read is not there. */
static void read_option(struct socket *sock, int level, int name, void __user *page,
			struct value *v)
{
	int __user *len = page + LEN_OFF;
	int got = OPTION_MAX;

	memset(v, 0, sizeof(*v));
	if (level == SOL_SOCKET) {
		read_common(sock, name, v);
		return;
	}
	if (clear_user(page, OPTION_MAX) || put_user(got, len) ||
	    sock->ops->getsockopt(sock, level, name, page, len) || get_user(got, len) || got < 0 ||
	    got > OPTION_MAX || copy_from_user(v->data, page, got))
		return;
	v->len = got;
}

static bool is_of_protocol(int level, const struct wppk_sock *s)
{
	if (level == SOL_SOCKET)
		return true;
	if (level == SOL_IP || level == SOL_IPV6)
		return s->rec.family == (level == SOL_IP ? AF_INET : AF_INET6);
	return level == s->rec.protocol && s->rec.family != AF_UNIX;
}

static void add_option(struct wppk_member *m, const struct wppk_file *f, int level, int name,
		       const void *value, u32 len)
{
	struct wpp_rec_sockopt rec = { level, name };

	WPPK_REC_SHARED(m, SOCKOPT, f->id, &rec, value, len);
}

static void compare_options(struct wppk_member *m, const struct wppk_file *f,
			    const struct wppk_sock *s, struct socket *fresh, void __user *page)
{
	struct value now, def;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		int level = options[i].level, name = options[i].name;

		if (!is_of_protocol(level, s))
			continue;
		read_option(s->sock, level, name, page, &now);
		read_option(fresh, level, name, page, &def);
		if (now.len && (now.len != def.len || memcmp(now.data, def.data, now.len)))
			add_option(m, f, level, name, now.data, now.len);
	}
}

/* The kernel keeps twice what was asked for. */
static void add_buffers(struct wppk_member *m, const struct wppk_file *f, const struct sock *sk)
{
	int snd = sk->sk_sndbuf / 2, rcv = sk->sk_rcvbuf / 2;

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		add_option(m, f, SOL_SOCKET, SO_SNDBUF, &snd, sizeof(snd));
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		add_option(m, f, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof(rcv));
}

/* 0; 1: a filter that is no classic one. */
static int add_filter(struct wppk_member *m, const struct wppk_file *f, struct sock *sk)
{
	const struct sock_fprog_kern *prog = NULL;
	const struct sk_filter *filter;

	lock_sock(sk);
	filter = rcu_dereference_protected(sk->sk_filter, lockdep_sock_is_held(sk));
	if (filter)
		prog = filter->prog->orig_prog;
	if (prog)
		add_option(m, f, SOL_SOCKET, SO_ATTACH_FILTER, prog->filter,
			   prog->len * sizeof(*prog->filter));
	release_sock(sk);
	return filter && !prog;
}

int wppk_sockopts_collect(struct wppk_member *m, const struct wppk_file *f,
			  const struct wppk_sock *s)
{
	void __user *page = wppk_files_page(m);
	struct sock *sk = s->sock->sk;
	struct socket *fresh;
	int err;

	if (!page)
		return -ENOMEM;
	err = sock_create_kern(sock_net(sk), s->rec.family, s->rec.type, s->rec.protocol, &fresh);
	if (err)
		return err;
	compare_options(m, f, s, fresh, page);
	sock_release(fresh);
	add_buffers(m, f, sk);
	if (add_filter(m, f, sk))
		wppk_refuse(&m->tree->notes, "bpf", "descriptor %d has an eBPF filter", f->num);
	return 0;
}
