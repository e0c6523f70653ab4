/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* In the new process: everything that is not memory, as ordinary C code. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child.h"
#include "recreate/recreate.h"
#include "state/state.h"

#define FD_MAX (1u << 20) /* above the kernel's default limit, fs.nr_open */

/* Only once somebody traces us (and kills us should he fail) may anything happen. */
static void wait_go(int sock)
{
	struct message msg;

	if (recv(sock, &msg, sizeof(msg), 0) != (ssize_t)sizeof(msg) || msg.type != MESSAGE_GO)
		_exit(127);
}

/* ---- Descriptors ---- */

/* Which numbers the image uses, one byte each; *@nr of them, the next one is free. */
static uint8_t *used_numbers(const struct member *m, size_t *nr)
{
	struct rec_cursor c = wppi_own(m, WPP_REC_FD);
	struct wpp_rec rec;
	uint8_t *used;

	*nr = 0;
	while (wppi_rec_next(&c, &rec)) {
		if (rec.id < FD_MAX && rec.id >= *nr)
			*nr = (size_t)rec.id + 1;
	}
	used = calloc(*nr + 1, 1);
	c = wppi_own(m, WPP_REC_FD);
	while (used && wppi_rec_next(&c, &rec)) {
		if (rec.id < *nr)
			used[rec.id] = 1;
	}
	return used;
}

/* A descriptor that the new process keeps, and the number that it gets. */
struct kept {
	int *fd;
	int to;
};

static size_t list_kept(struct build *b, struct kept *k)
{
	size_t n = 0;

	k[n++].fd = &b->m->control;
	for (size_t i = 0; i < b->m->tree->nr_objs; i++)
		k[n++].fd = &b->m->tree->objs[i].fd;
	for (size_t i = 0; i < 3; i++) {
		if (b->m->tree->how.stdio[i] >= 0)
			k[n++].fd = &b->m->tree->how.stdio[i];
	}
	return n;
}

/* The lowest numbers behind the standard streams that the image leaves free. */
static int choose_numbers(const struct member *m, struct kept *k, size_t n)
{
	size_t nr, next = 3;
	uint8_t *used = used_numbers(m, &nr);

	if (!used)
		return WPP_ENOMEM;
	for (size_t i = 0; i < n; i++, next++) {
		while (next < nr && used[next])
			next++;
		k[i].to = (int)next;
	}
	free(used);
	return 0;
}

/* First out of everybody's way, then to their numbers; all others are closed. */
static int move_kept(struct kept *k, size_t n)
{
	int low = k[n - 1].to + 1;

	for (size_t i = 0; i < n; i++) {
		*k[i].fd = fcntl(*k[i].fd, F_DUPFD, low);
		if (*k[i].fd < 0)
			return -errno;
	}
	if (syscall(SYS_close_range, 0, low - 1, 0))
		return -errno;
	for (size_t i = 0; i < n; i++) {
		if (dup2(*k[i].fd, k[i].to) < 0)
			return -errno;
		*k[i].fd = k[i].to;
	}
	return syscall(SYS_close_range, low, ~0u, 0) ? -errno : 0;
}

/* Nothing of the tool's stays open but what we need, at numbers that the image leaves free. */
static int clear_descriptors(struct build *b)
{
	struct kept *k = calloc(b->m->tree->nr_objs + 4, sizeof(*k));
	size_t n;
	int err;

	if (!k)
		return WPP_ENOMEM;
	n = list_kept(b, k);
	err = choose_numbers(b->m, k, n);
	if (!err)
		err = move_kept(k, n);
	free(k);
	return err;
}

/* The limit is the tool's until last(): it must not be what stops us. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run_classes(struct build *b)
{
	int err;

	for (const struct recreate_class *const *c = wppi_recreate_classes; *c; c++) {
		if (!(*c)->child)
			continue;
		err = (*c)->child(b->m);
		if (err)
			return wppi_child_fail(b->m, err, "%s: %s", (*c)->name, wpp_strerror(err));
	}
	return 0;
}

/* The classes may have moved what we keep: the caller is told the numbers. */
static int tell_ready(struct build *b)
{
	int err = 0;

	for (size_t i = 0; !err && i < b->m->tree->nr_objs; i++)
		err = wppi_message_send(b->m->control, MESSAGE_OBJECT, b->m->tree->objs[i].fd, "",
					"");
	if (!err)
		err = wppi_message_send(b->m->control, MESSAGE_READY, b->m->control, "", "");
	return err;
}

_Noreturn void wppi_child_main(struct build *b)
{
	int err;

	wait_go(b->m->control);
	raise_descriptor_limit();
	err = clear_descriptors(b);
	if (err)
		wppi_child_fail(b->m, err, "descriptors can't be set aside: %s", strerror(-err));
	wppi_pidns_mount(b);
	if (!err)
		err = run_classes(b);
	if (!err)
		err = tell_ready(b);
	if (err)
		_exit(127);
	for (;;)
		kill(getpid(), SIGSTOP); /* the tracer takes over here */
}
