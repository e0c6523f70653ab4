/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Socket options: recorded where they differ from those of a new socket of the same kind. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "files/socket/socket.h"
#include "record/sockopts.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define BUF_LOCK_SND 1
#define BUF_LOCK_RCV 2
#define OPTION_MAX   128

/* Those of another family or type fail to be read, and are left out. */
static const struct {
	int level, name;
} options[] = {
#define ROW(level, name) { level, name },
	WPPR_SOCKOPTS(ROW)
#undef ROW
};

int wppi_socket_int(int fd, int level, int name, int def)
{
	socklen_t len = sizeof(def);
	int value = def;

	return getsockopt(fd, level, name, &value, &len) ? def : value;
}

/* ---- Capture ---- */

static void add_option(struct files *fs, const struct file *f, int level, int name,
		       const void *value, size_t len)
{
	struct wpp_rec_sockopt rec = { .level = (uint64_t)level, .name = (uint64_t)name };

	WPPI_REC(&fs->m->tree->pcb, SOCKOPT, 0, f->id, &rec, value, len);
}

static bool is_of_protocol(int level, const struct sock *s)
{
	if (level == SOL_SOCKET)
		return true;
	if (level == IPPROTO_IP || level == IPPROTO_IPV6)
		return s->rec.family == (level == IPPROTO_IP ? AF_INET : AF_INET6);
	return (uint64_t)level == s->rec.protocol;
}

static void compare_options(struct files *fs, const struct file *f, const struct sock *s, int fresh)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint8_t now[OPTION_MAX] = { 0 }, def[OPTION_MAX] = { 0 };
		socklen_t len = sizeof(now), def_len = sizeof(def);
		int level = options[i].level, name = options[i].name;

		if (!is_of_protocol(level, s) || getsockopt(f->fd, level, name, now, &len) ||
		    getsockopt(fresh, level, name, def, &def_len))
			continue;
		if (len != def_len || memcmp(now, def, len) != 0)
			add_option(fs, f, level, name, now, len);
	}
}

/* The kernel shows twice what was asked for. */
static void add_buffers(struct files *fs, const struct file *f)
{
	int locks = wppi_socket_int(f->fd, SOL_SOCKET, SO_BUF_LOCK, 0);
	int snd = wppi_socket_int(f->fd, SOL_SOCKET, SO_SNDBUF, 0) / 2;
	int rcv = wppi_socket_int(f->fd, SOL_SOCKET, SO_RCVBUF, 0) / 2;

	if (locks & BUF_LOCK_SND)
		add_option(fs, f, SOL_SOCKET, SO_SNDBUF, &snd, sizeof(snd));
	if (locks & BUF_LOCK_RCV)
		add_option(fs, f, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof(rcv));
}

static void add_filter(struct files *fs, const struct file *f)
{
	socklen_t len = 0;
	struct sock_filter *prog;

	/* The length counts instructions here. */
	if (getsockopt(f->fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) || !len)
		return;
	prog = calloc(len, sizeof(*prog));
	if (prog && getsockopt(f->fd, SOL_SOCKET, SO_GET_FILTER, prog, &len) == 0)
		add_option(fs, f, SOL_SOCKET, SO_ATTACH_FILTER, prog, len * sizeof(*prog));
	free(prog);
}

void wppi_sockopts_collect(struct files *fs, const struct file *f, const struct sock *s)
{
	int fresh =
		socket((int)s->rec.family, (int)s->rec.type | SOCK_CLOEXEC, (int)s->rec.protocol);

	if (fresh >= 0) {
		compare_options(fs, f, s, fresh);
		close(fresh);
	}
	add_buffers(fs, f);
	add_filter(fs, f);
}

/* ---- Recreate ---- */

static int set_buffer(int fd, int name, int force, const struct wpp_rec *rec)
{
	if (setsockopt(fd, SOL_SOCKET, force, rec->tail, rec->tail_len) == 0)
		return 0;
	return setsockopt(fd, SOL_SOCKET, name, rec->tail, rec->tail_len);
}

static int set_filter(int fd, const struct wpp_rec *rec)
{
	struct sock_filter *prog = malloc(rec->tail_len);
	struct sock_fprog p = { .len = (unsigned short)(rec->tail_len / sizeof(*prog)),
				.filter = prog };
	int err = -1;

	if (prog) {
		memcpy(prog, rec->tail, rec->tail_len);
		err = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
	}
	free(prog);
	return err;
}

static int set_option(int fd, const struct wpp_rec_sockopt *o, const struct wpp_rec *rec)
{
	int level = (int)o->level, name = (int)o->name;

	if (level == SOL_SOCKET && name == SO_SNDBUF)
		return set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, rec);
	if (level == SOL_SOCKET && name == SO_RCVBUF)
		return set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, rec);
	if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
		return set_filter(fd, rec);
	return setsockopt(fd, level, name, rec->tail, rec->tail_len);
}

int wppi_sockopts_set(struct rebuild *b, const struct ofd *o, int fd)
{
	struct wpp_rec_sockopt opt;
	struct wpp_rec rec;
	struct rec_cursor c = wppi_shared_of(b->m->tree, WPP_REC_SOCKOPT, o->id);

	while (wppi_rec_next(&c, &rec)) {
		wpp_rec_get(&rec, (uint64_t *)&opt, WPP_REC_NR(opt));
		if (set_option(fd, &opt, &rec))
			return wppi_child_fail(b->m, -errno, "option %d:%d of %s can't be set: %s",
					       (int)opt.level, (int)opt.name, o->path,
					       strerror(errno));
	}
	return 0;
}
