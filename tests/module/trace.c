/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* guest_trace PID: a debugger that has stopped a process, until it is killed itself. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ||
	    waitpid(pid, NULL, __WALL) != pid) {
		perror("guest_trace");
		return 1;
	}
	puts("stopped");
	fflush(stdout);
	for (;;)
		pause();
}
