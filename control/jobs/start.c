/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The starter (thesis 4.2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/jobs.h"

/* Two pipes between starter and program; both ends close when it is executed. */
struct ties {
	int go[2];     /* it is tracked */
	int failed[2]; /* errno of execve(2), or the end of file */
};

static int ties_open(struct ties *t)
{
	int err;

	if (pipe2(t->go, O_CLOEXEC) != 0)
		return -errno;
	if (pipe2(t->failed, O_CLOEXEC) == 0)
		return 0;
	err = -errno;
	close(t->go[0]);
	close(t->go[1]);
	return err;
}

/*
 * In the child: waits until it is tracked, then becomes the program. Descriptors beyond the
 * standard streams would tie it to whoever started us.
 */
static _Noreturn void become(const struct ties *t, const struct wppc_start *how)
{
	int err;
	char go;

	close(t->go[1]);
	close(t->failed[0]);
	if (read(t->go[0], &go, 1) != 1)
		_exit(1);
	if (!how->keep_fds)
		close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execvp(how->words[0], how->words);
	err = errno;
	_exit(write(t->failed[1], &err, sizeof(err)) == sizeof(err) ? 127 : 126);
}

static ssize_t read_again(int fd, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* Lets it go, and hears whether it became the program. */
static int release(const struct ties *t)
{
	int err;
	ssize_t n;

	if (write(t->go[1], "g", 1) != 1)
		return -errno;
	n = read_again(t->failed[0], &err, sizeof(err));
	if (n < 0)
		return -errno;
	return n == sizeof(err) ? -err : 0;
}

static int track_and_release(const struct wpp_conf *conf, const struct wppc_start *how,
			     const struct ties *t, pid_t pid, enum wppc_start_step *step)
{
	int err;

	*step = WPPC_START_TRACK;
	err = wppc_track_add(conf, how->name, pid, how->inherit);
	if (err)
		return err;
	*step = WPPC_START_EXEC;
	err = release(t);
	if (err)
		(void)wppc_track_remove(conf, how->name); /* it ends: the entry is stale */
	return err;
}

int wppc_start(const struct wpp_conf *conf, const struct wppc_start *how, pid_t *pid,
	       enum wppc_start_step *step)
{
	struct ties t;
	int err;

	*step = WPPC_START_FORK;
	err = ties_open(&t);
	if (err)
		return err;
	*pid = fork();
	if (*pid == 0)
		become(&t, how);
	err = *pid < 0 ? -errno : 0;
	close(t.go[0]);
	close(t.failed[1]);
	if (!err)
		err = track_and_release(conf, how, &t, *pid, step);
	close(t.go[1]);
	close(t.failed[0]);
	if (err && *pid > 0)
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	return err;
}
