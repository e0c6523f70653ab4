/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Runs a self-checking program through persist, SIGKILL and recreate, twice, and has it check
 * itself after each.
 *
 *   driver [--continue] [--reboot] [--stopped] [--terminal] [--unprivileged] [--allow NAME]...
 * [--refused NAME]
 * [--plain] PROGRAM [ARG]...
 *
 * --continue      persist it first without killing: it runs on and checks itself
 * --reboot        recreate it where the clocks stand at less than when it was persisted
 * --stopped       persist it while it is stopped by SIGSTOP: it has to stay so
 * --terminal      it leads the session of a terminal, and gets another one when recreated
 * --unprivileged  as nobody, with CAP_CHECKPOINT_RESTORE alone
 * --allow NAME    persist with this loss allowed
 * --refused NAME  persist has to refuse it with this name and leave it unharmed
 * --plain         only start it and let it check itself, twice
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <wpp/error.h>

#include "image.h"
#include "privileges.h"
#include "subject.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define BOOT_CLOCK 100 /* what CLOCK_MONOTONIC shows after the "reboot" at the most, in seconds */

struct options {
	bool go_on, reboot, plain, stopped, terminal, unprivileged;
	const char *refused;
};

static void persist(struct image *im, struct subject *s, bool kill)
{
	int err = image_persist(im, s->pid, kill);

	if (err)
		fail("persist: %s\n%s", wpp_strerror(err), im->notes);
	if (kill)
		subject_gone(s);
}

static void recreate(struct image *im, struct subject *s, pid_t pid)
{
	int err = image_recreate(im, &s->pid);

	if (err)
		fail("recreate: %s\n%s", wpp_strerror(err), im->notes);
	if (s->pid != pid)
		fail("recreated with pid %d instead of %d", s->pid, pid);
}

static void set_clocks_back(void)
{
	struct timespec now;
	char text[128];
	long boot;
	int fd, len;

	clock_gettime(CLOCK_BOOTTIME, &now);
	boot = now.tv_sec / 2 < BOOT_CLOCK ? now.tv_sec / 2 : BOOT_CLOCK;
	if (unshare(CLONE_NEWTIME)) {
		printf("skipped: no time namespace: %s\n", strerror(errno));
		exit(EXIT_SKIP);
	}
	len = snprintf(text, sizeof(text), "monotonic %ld 0\nboottime %ld 0\n", boot - now.tv_sec,
		       boot - now.tv_sec);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		fail("can't set the clocks back: %s", strerror(errno));
	close(fd);
}

/* The rest of the test runs in a child whose clocks are those of a machine just booted. */
static void reboot_clocks(void)
{
	int status;
	pid_t pid;

	set_clocks_back();
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (!pid)
		return;
	waitpid(pid, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void check_refused(struct image *im, struct subject *s, const char *name)
{
	int err = image_persist(im, s->pid, true);

	if (err != WPP_EREFUSED)
		fail("persist should refuse '%s': %s\n%s", name, wpp_strerror(err), im->notes);
	if (!image_noted(im, name))
		fail("refused, but not for '%s':\n%s", name, im->notes);
	subject_check(s);
	subject_end(s);
}

static void round_trip(const struct options *o, bool reboot, struct image *im, struct subject *s)
{
	pid_t pid = s->pid;

	if (o->stopped)
		subject_stop(s);
	persist(im, s, true);
	if (reboot)
		reboot_clocks();
	recreate(im, s, pid);
	if (o->stopped)
		subject_continue(s);
	subject_check(s);
}

static void go_on(const struct options *o, struct image *im, struct subject *s)
{
	if (o->stopped)
		subject_stop(s);
	persist(im, s, false);
	if (o->stopped)
		subject_continue(s);
	subject_check(s);
}

static void run(const struct options *o, struct image *im, char *const argv[])
{
	struct subject s;

	subject_start(&s, argv);
	if (o->refused) {
		check_refused(im, &s, o->refused);
		return;
	}
	if (o->go_on)
		go_on(o, im, &s);
	round_trip(o, o->reboot, im, &s);
	round_trip(o, false, im, &s);
	subject_end(&s);
}

static void run_on_terminals(const struct options *o, struct image *im, char *const argv[])
{
	struct terminal t = terminal_open();
	struct subject s;

	subject_start_on(&s, argv, &t);
	subject_check(&s);
	terminal_expect(&t, "hello");
	for (int round = 0; round < 2; round++) {
		t = terminal_open();
		im->stdio = (const int[]){ t.slave, t.slave, t.slave };
		round_trip(o, false, im, &s);
		terminal_expect(&t, "hello");
	}
	subject_end(&s);
}

static void run_plain(char *const argv[])
{
	struct subject s;

	subject_start(&s, argv);
	subject_check(&s);
	subject_check(&s);
	subject_end(&s);
}

static void parse(int argc, char **argv, struct options *o, struct image *im)
{
	static const struct option longs[] = {
		{ "continue", no_argument, NULL, 'c' },
		{ "reboot", no_argument, NULL, 'b' },
		{ "allow", required_argument, NULL, 'a' },
		{ "plain", no_argument, NULL, 'p' },
		{ "refused", required_argument, NULL, 'r' },
		{ "stopped", no_argument, NULL, 's' },
		{ "terminal", no_argument, NULL, 't' },
		{ "unprivileged", no_argument, NULL, 'u' },
		{ 0 },
	};
	size_t nr_allow = 0;
	int c;

	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		if (c == 'c')
			o->go_on = true;
		else if (c == 'b')
			o->reboot = true;
		else if (c == 's')
			o->stopped = true;
		else if (c == 't')
			o->terminal = true;
		else if (c == 'u')
			o->unprivileged = true;
		else if (c == 'p')
			o->plain = true;
		else if (c == 'r')
			o->refused = optarg;
		else if (c == 'a' && nr_allow < sizeof(im->allow) / sizeof(im->allow[0]) - 1)
			im->allow[nr_allow++] = optarg;
		else
			exit(2);
	}
	if (optind == argc)
		exit(2);
}

static struct image image;

static void remove_image(void)
{
	image_remove(&image);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	const char *unable;

	parse(argc, argv, &options, &image);
	if (options.plain) {
		run_plain(argv + optind);
		return 0;
	}
	if (options.unprivileged)
		privileges_drop(argv[optind]);
	unable = image_unable();
	if (unable) {
		printf("skipped: %s\n", unable);
		return EXIT_SKIP;
	}
	image_create(&image);
	atexit(remove_image);
	if (options.terminal)
		run_on_terminals(&options, &image, argv + optind);
	else
		run(&options, &image, argv + optind);
	return 0;
}
