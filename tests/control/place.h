/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A directory for one test: its run directory, its medium, and processes that are gone at its end.
 */
#ifndef WPP_TEST_PLACE_H
#define WPP_TEST_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include <wpp/conf.h>

struct place {
	char dir[64];
	char run[80]; /* WPP_RUN_DIR; not made */
	struct wpp_conf *conf;
};

int place_setup(void **state);
int place_teardown(void **state);

/* Writes the entry NAME of the run directory, which is made. */
void place_entry(const struct place *p, const char *name, const char *text);
int place_has_entry(const struct place *p, const char *name);

/* A child that waits, without ties to us; @tied: with a pipe to us. */
pid_t place_child(int tied);
void place_end(pid_t pid);

#endif
