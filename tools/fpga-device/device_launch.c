/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Start QEMU, and stay its parent until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fpga_device.h"

static int signal_sock = -1;
static pid_t signal_child;

/* "...fd=FD..." with the number instead; the same argument when it has none; NULL: no memory. */
static char *replace_fd(char *arg, int fd, bool *found)
{
	const char *at = strstr(arg, "fd=FD");
	size_t len = strlen(arg) + 16;
	char *out;

	if (!at || (at[5] && at[5] != ','))
		return arg;
	*found = true;
	out = malloc(len);
	if (out)
		snprintf(out, len, "%.*sfd=%d%s", (int)(at - arg), arg, fd, at + 5);
	return out;
}

static bool replace_fds(char **command, int fd)
{
	bool found = false;

	for (char **arg = command + 1; *arg; arg++) {
		*arg = replace_fd(*arg, fd, &found);
		if (!*arg) {
			complain("out of memory");
			return false;
		}
	}
	if (!found)
		complain("no argument of %s has fd=FD; say -device "
			 "x-pci-proxy-dev,id=wpp,addr=0x5,fd=FD",
			 command[0]);
	return found;
}

pid_t launch(char **command, int *sock)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		complain("socketpair: %s", strerror(errno));
		return -1;
	}
	pid = replace_fds(command, pair[1]) ? fork() : -1;
	if (!pid) {
		fcntl(pair[1], F_SETFD, 0);
		execvp(command[0], command);
		complain("%s: %s", command[0], strerror(errno));
		_exit(127);
	}
	close(pair[1]);
	*sock = pair[0];
	if (pid < 0)
		close(pair[0]);
	return pid;
}

static void on_signal(int sig)
{
	int saved = errno;

	shutdown(signal_sock, SHUT_RDWR);
	if (signal_child > 0)
		kill(signal_child, sig);
	errno = saved;
}

void launch_forward_signals(int sock, pid_t child)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	signal_sock = sock;
	signal_child = child;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int launch_wait(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
