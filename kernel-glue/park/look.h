/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A thread, seen by itself or just before it is stopped. */
#ifndef WPPK_LOOK_H
#define WPPK_LOOK_H

#include "park/group.h"

/* By a thread that is being stopped, of itself. */
int wppk_thread_look(struct wppk_thread *t);
void wppk_thread_free(struct wppk_thread *t);
/* What the sched record tells, before priorities are changed. */
void wppk_sched_look(struct wppk_thread *t);

#endif
