/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The program under test, seen from the driver: started, asked, ended (selfcheck.h). */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <sys/types.h>

#define EXIT_SKIP 77

struct subject {
	char dir[64]; /* $WPP_TEST_DIR */
	pid_t pid;
	int round; /* checks asked for so far */
};

/* A terminal of which the test holds the other end. */
struct terminal {
	int master, slave;
};

/* Says what failed and exits with 1; the subject is killed and its directory removed. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* It leads a session: without a terminal, or with that one. */
void subject_start(struct subject *s, char *const argv[]);
void subject_start_on(struct subject *s, char *const argv[], const struct terminal *terminal);
struct terminal terminal_open(void);
/* Fails unless just this was written to it. */
void terminal_expect(const struct terminal *t, const char *text);
/* Asks for a check and fails unless the verdict is "ok". */
void subject_check(struct subject *s);
/* It was killed by somebody: reap it, and fail unless it is really gone. */
void subject_gone(struct subject *s);
/* Stops it as a shell's ^Z does, and the reverse, once it is found stopped. */
void subject_stop(struct subject *s);
void subject_continue(struct subject *s);
void subject_kill(struct subject *s);
/* Asked to end, and waited for. */
void subject_end(struct subject *s);
/* It is not there any more: only its directory is removed. */
void subject_forget(struct subject *s);

#endif
