/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/text.h"
#include "control/tracked.h"

/* 0 behind a line of text, or the error of reading /proc/PID/stat. */
static int read_stat(pid_t pid, char *text, size_t size)
{
	ssize_t n;
	int fd, err;

	snprintf(text, size, "/proc/%d/stat", pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);
	err = n < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	text[err ? 0 : n] = '\0';
	return err == -ESRCH ? WPP_ENOENT : err;
}

int wppc_process_start(pid_t pid, uint64_t *start_time)
{
	unsigned long long start = 0;
	char stat[1024];
	const char *p;
	int err;

	*start_time = 0;
	err = read_stat(pid, stat, sizeof(stat));
	if (err)
		return err;
	p = strrchr(stat, ')'); /* comm may hold anything, spaces and brackets too */
	if (!p || p[1] != ' ')
		return -EBADMSG;
	if (p[2] == 'Z' || p[2] == 'X')
		return WPP_ENOENT;
	/* after comm: field 3 is the state, field 22 the start time */
	if (sscanf(p + 2,
		   "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu",
		   &start) != 1)
		return -EBADMSG;
	*start_time = start;
	return 0;
}

int wppc_process_name(pid_t pid, char name[WPP_IMAGE_NAME_MAX + 1])
{
	char link[64], program[4096];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, program, sizeof(program) - 1);
	if (len < 0 && (errno == ENOENT || errno == ESRCH))
		return WPP_ENOENT;
	/* somebody else's process does not tell its program */
	program[len < 0 ? 0 : len] = '\0';
	wppc_name_of(program, name);
	return 0;
}
