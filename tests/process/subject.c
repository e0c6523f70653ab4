/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "subject.h"

#define HANG_SECONDS 60 /* guards against hangs only */
#define ANSWER_MAX   1024

static struct subject *current; /* for fail() */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_dir(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("FAILED: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (current) {
		if (current->pid > 0)
			kill(current->pid, SIGKILL);
		remove_dir(current->dir);
	}
	exit(1);
}

static const char *path_of(const struct subject *s, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return path;
}

static void make_file(const struct subject *s, const char *name)
{
	int fd = open(path_of(s, name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("%s: %s", path_of(s, name), strerror(errno));
	close(fd);
}

static bool read_file(const struct subject *s, const char *name, char *text)
{
	int fd = open(path_of(s, name), O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, ANSWER_MAX - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return true;
}

static void skip_when_told(struct subject *s, int status)
{
	char text[ANSWER_MAX];

	if (!read_file(s, "skip", text))
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SKIP)
		fail("%s", text);
	printf("skipped: %s\n", text);
	remove_dir(s->dir);
	exit(EXIT_SKIP);
}

static void fail_when_dead(struct subject *s, const char *name)
{
	int status;

	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->pid = 0;
	skip_when_told(s, status);
	fail("the program ended (wait status 0x%x) instead of answering with '%s'", status, name);
}

static void await(struct subject *s, const char *name, char *text)
{
	struct timespec nap = { .tv_nsec = 2000000 };

	for (long naps = 0; !read_file(s, name, text); naps++) {
		fail_when_dead(s, name);
		if (naps * nap.tv_nsec / 1000000000 > HANG_SECONDS)
			fail("waited %d seconds for '%s' of pid %d", HANG_SECONDS, name, s->pid);
		nanosleep(&nap, NULL);
	}
}

struct terminal terminal_open(void)
{
	struct terminal t = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };

	if (t.master < 0 || grantpt(t.master) || unlockpt(t.master))
		fail("no terminal: %s", strerror(errno));
	t.slave = open(ptsname(t.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t.slave < 0)
		fail("%s: %s", ptsname(t.master), strerror(errno));
	return t;
}

void terminal_expect(const struct terminal *t, const char *text)
{
	char got[256] = "";

	if (read(t->master, got, sizeof(got) - 1) < 0 || strcmp(got, text) != 0)
		fail("the terminal shows '%s' instead of '%s'", got, text);
}

/* Detached from the harness: nothing but /dev/null or the terminal is open. */
static void run_program(char *const argv[], const struct terminal *terminal)
{
	sigset_t none;
	int fd = terminal ? terminal->slave : open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (terminal)
		ioctl(fd, TIOCSCTTY, 0);
	for (int std = 0; std < 3; std++)
		dup2(fd, std);
	close_range(3, ~0u, 0);
	execv(argv[0], argv);
	_exit(127);
}

void subject_start_on(struct subject *s, char *const argv[], const struct terminal *terminal)
{
	char text[ANSWER_MAX];

	*s = (struct subject){ .dir = "/tmp/wpp-process.XXXXXX" };
	if (!mkdtemp(s->dir) || chmod(s->dir, 0777) || setenv("WPP_TEST_DIR", s->dir, 1))
		fail("can't make a directory in /tmp: %s", strerror(errno));
	current = s;
	s->pid = fork();
	if (s->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!s->pid)
		run_program(argv, terminal);
	await(s, "ready", text);
}

void subject_start(struct subject *s, char *const argv[])
{
	subject_start_on(s, argv, NULL);
}

void subject_check(struct subject *s)
{
	char name[32], text[ANSWER_MAX];

	snprintf(name, sizeof(name), "check-%d", ++s->round);
	make_file(s, name);
	snprintf(name, sizeof(name), "verdict-%d", s->round);
	await(s, name, text);
	if (strcmp(text, "ok") != 0)
		fail("check %d: %s", s->round, text);
}

void subject_gone(struct subject *s)
{
	int status;
	pid_t pid = s->pid;

	if (waitpid(pid, &status, 0) != pid)
		fail("can't reap pid %d: %s", pid, strerror(errno));
	s->pid = 0;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail("pid %d was not killed: wait status 0x%x", pid, status);
	if (kill(pid, 0) == 0 || errno != ESRCH)
		fail("pid %d is still there", pid);
}

/* The letter in /proc/PID/stat. */
static char state_of(const struct subject *s)
{
	char path[64], text[256] = "";
	const char *p;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
	p = strrchr(text, ')');
	return p ? p[2] : '?';
}

static void await_stop(const struct subject *s)
{
	struct timespec nap = { .tv_nsec = 2000000 };

	for (long naps = 0; state_of(s) != 'T'; naps++) {
		if (naps * nap.tv_nsec / 1000000000 > HANG_SECONDS)
			fail("pid %d is not stopped, its state is '%c'", s->pid, state_of(s));
		nanosleep(&nap, NULL);
	}
}

void subject_stop(struct subject *s)
{
	kill(s->pid, SIGSTOP);
	await_stop(s);
}

void subject_continue(struct subject *s)
{
	await_stop(s);
	kill(s->pid, SIGCONT);
}

void subject_kill(struct subject *s)
{
	kill(s->pid, SIGKILL);
	subject_gone(s);
}

void subject_end(struct subject *s)
{
	int status;

	make_file(s, "quit");
	if (waitpid(s->pid, &status, 0) != s->pid)
		fail("can't reap pid %d: %s", s->pid, strerror(errno));
	s->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("the program ended with wait status 0x%x", status);
	subject_forget(s);
}

void subject_forget(struct subject *s)
{
	remove_dir(s->dir);
	current = NULL;
}
