/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place.h"

int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char path[96];

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/wpp-control-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->run, sizeof(p->run), "%s/run", p->dir);
	snprintf(path, sizeof(path), "%s/medium", p->dir);
	setenv("WPP_RUN_DIR", p->run, 1);
	p->conf = wpp_conf_new();
	*state = p;
	return !p->conf || wpp_conf_set(p->conf, "wpp", "path", path, NULL) ||
	       wpp_conf_set(p->conf, "wpp", "size", "64M", NULL);
}

int place_teardown(void **state)
{
	struct place *p = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	wpp_conf_free(p->conf);
	free(p);
	return system(command);
}

void place_entry(const struct place *p, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	mkdir(p->run, 0700);
	snprintf(path, sizeof(path), "%s/%s", p->run, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

int place_has_entry(const struct place *p, const char *name)
{
	struct stat st;
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", p->run, name);
	return lstat(path, &st) == 0;
}

static _Noreturn void be_child(int out)
{
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup2(out < 0 ? null : out, 3) < 0 || close_range(4, ~0u, 0))
		_exit(1);
	kill(getpid(), SIGSTOP); /* says that it is ready */
	for (;;)
		pause();
}

pid_t place_child(int tied)
{
	int pipes[2] = { -1, -1 }, status;
	pid_t pid;

	if (tied)
		assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		be_child(pipes[1]);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	if (tied)
		close(pipes[1]);
	return pid;
}

void place_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
