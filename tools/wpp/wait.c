/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "tool.h"

static volatile sig_atomic_t foreground_pid;

static void pass_on(int sig)
{
	int saved = errno;

	if (foreground_pid > 0)
		kill((pid_t)foreground_pid, sig);
	errno = saved;
}

int foreground_wait(pid_t pid)
{
	static const int passed[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, pass = { .sa_handler = pass_on };
	int status;

	foreground_pid = pid;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		sigaction(passed[i], &pass, NULL);
	/* the terminal sends these to the whole group, so to the program as well */
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return fail(-errno, "waiting for the program");
	}
	foreground_pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
