/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For the programs that are persisted: build state, then call selfcheck(). It says "ready", and
 * each time the driver asks it runs the program's check and answers. All talk is by files in
 * $WPP_TEST_DIR, looked for every few milliseconds, so the channel itself needs no descriptor that
 * has to survive:
 *
 *   ready      written by the program: its state is built
 *   skip       written instead of ready: this machine lacks something; the reason
 *   check-N    made by the driver: check yourself, for the N-th time
 *   verdict-N  the answer: "ok", or what is wrong
 *   quit       made by the driver; the program also ends when the directory is gone
 */
#ifndef SELFCHECK_H
#define SELFCHECK_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char selfcheck_failure[512];

static inline const char *selfcheck_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", getenv("WPP_TEST_DIR"), name);
	return path;
}

static inline bool selfcheck_exists(const char *name)
{
	return access(selfcheck_path(name), F_OK) == 0;
}

/* The file appears whole or not at all. */
static inline void selfcheck_say(const char *name, const char *text)
{
	char tmp[PATH_MAX];
	int fd;

	strcpy(tmp, selfcheck_path("answer"));
	fd = open(tmp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) ||
	    rename(tmp, selfcheck_path(name)))
		_exit(3);
}

__attribute__((format(printf, 1, 2))) static inline void selfcheck_skip(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	selfcheck_say("skip", text);
	_exit(77);
}

__attribute__((format(printf, 3, 4))) static inline void selfcheck_fail(const char *file, int line,
									const char *fmt, ...)
{
	va_list ap;
	int len;

	if (selfcheck_failure[0])
		return;
	len = snprintf(selfcheck_failure, sizeof(selfcheck_failure), "%s:%d: ", file, line);
	va_start(ap, fmt);
	vsnprintf(selfcheck_failure + len, sizeof(selfcheck_failure) - (size_t)len, fmt, ap);
	va_end(ap);
}

/* The first expectation that is not met is the verdict. */
#define EXPECT(cond)                                                             \
	do {                                                                     \
		if (!(cond))                                                     \
			selfcheck_fail(__FILE__, __LINE__, "not so: %s", #cond); \
	} while (0)

#define EXPECT_EQ(got, want)                                                  \
	do {                                                                  \
		long long got_ = (long long)(got), want_ = (long long)(want); \
		if (got_ != want_)                                            \
			selfcheck_fail(__FILE__, __LINE__,                    \
				       "%s is %lld (0x%llx), not %lld "       \
				       "(0x%llx)",                            \
				       #got, got_, got_, want_, want_);       \
	} while (0)

/* While the state is built: a call that has to work. */
#define MUST(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			int err_ = errno;                                          \
			selfcheck_fail(__FILE__, __LINE__, "setup: %s: %s", #cond, \
				       strerror(err_));                            \
			selfcheck_say("skip", selfcheck_failure);                  \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static inline void selfcheck_nap(void)
{
	struct timespec nap = { .tv_nsec = 2000000 };

	nanosleep(&nap, NULL);
}

/* Never returns. @check: the N-th check, from 1. */
static inline void selfcheck(void (*check)(int round))
{
	char name[32];

	selfcheck_say("ready", "");
	for (int round = 1;; round++) {
		snprintf(name, sizeof(name), "check-%d", round);
		while (!selfcheck_exists(name)) {
			if (selfcheck_exists("quit") || !selfcheck_exists("ready"))
				_exit(0);
			selfcheck_nap();
		}
		selfcheck_failure[0] = '\0';
		check(round);
		snprintf(name, sizeof(name), "verdict-%d", round);
		selfcheck_say(name, selfcheck_failure[0] ? selfcheck_failure : "ok");
	}
}

#endif
