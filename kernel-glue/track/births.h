/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What happens to tracked processes, by the scheduler's tracepoints. */
#ifndef WPPK_BIRTHS_H
#define WPPK_BIRTHS_H

#include <linux/list.h>

struct pid;
struct wppk_proc;

/* A child of a tracked process that is to be tracked as well. */
struct wppk_birth {
	struct list_head node;
	struct pid *pid;
	struct wppk_proc *parent;
};

/* @changed: somebody was born, called exec or died. Preemption is off. */
int wppk_births_init(void (*changed)(void));
void wppk_births_exit(void); /* forgets those that are left */

struct wppk_birth *wppk_births_pop(void); /* NULL: no more */
void wppk_birth_free(struct wppk_birth *birth);

#endif
