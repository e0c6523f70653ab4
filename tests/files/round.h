/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Descriptors through two rounds: a child builds them and stops; they are
 * captured, the child is killed; the next child gets them from the records,
 * and so again; the last one checks them.
 */
#ifndef WPP_ROUND_H
#define WPP_ROUND_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* Shared by the test and its children. */
struct shared {
	char dir[64];	  /* a temporary directory, empty at the start */
	char failed[512]; /* what a child found wrong */
	char notes[4096]; /* "name: text\n" of all notes */
	uint64_t v[32];	  /* the scenario's own */
};
extern struct shared *sh;

struct scenario {
	void (*build)(void);   /* in the first child */
	void (*between)(void); /* in the test, after each kill; may be NULL */
	void (*check)(void);   /* in the last child */
	const char *const *allow_lossy;
	uint32_t flags; /* of wpp_recreate */
	int stdio[3];	/* 0: none */
};

/* Runs both rounds; fails the test when anything does. */
void round_trip(const struct scenario *s);
/* Captures (check only) what build() made: 0, WPP_EREFUSED or an error; notes are in sh->notes. */
int round_refused(void (*build)(void));
/* One capture, then recreate: the error of prepare or child; 0 when it worked. */
int round_recreate_error(const struct scenario *s);

/* Flips bytes in the records of what build() made, @rounds times; decoding must survive. */
void round_mutate(void (*build)(void), unsigned int rounds);

/* In a child: ends it, the test fails with this text. */
void round_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
#define CHECK(cond)                                                                    \
	do {                                                                           \
		if (!(cond))                                                           \
			round_fail(__FILE__, __LINE__, "%s (errno %d)", #cond, errno); \
	} while (0)
#define CHECK_EQ(a, b)                                                                          \
	do {                                                                                    \
		long long check_a = (long long)(a), check_b = (long long)(b);                   \
		if (check_a != check_b)                                                         \
			round_fail(__FILE__, __LINE__, "%s == %s: %#llx, %#llx (errno %d)", #a, \
				   #b, check_a, check_b, errno);                                \
	} while (0)

/* A path in sh->dir; static buffer, four of them in turn. */
const char *in_dir(const char *name);
/* Moves a descriptor to the number @to. */
int renumber(int fd, int to);

int round_setup(void **state);
int round_teardown(void **state);
#define round_test(f) cmocka_unit_test_setup_teardown(f, round_setup, round_teardown)

#endif
