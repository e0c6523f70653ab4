/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Refusing what can't be carried. */
#ifndef WPPK_KCHECK_H
#define WPPK_KCHECK_H

#include "base/knotes.h"

struct task_struct;

/* Before any thread is stopped. */
void wppk_check_process(struct task_struct *leader, struct wppk_notes *notes);
/* What could change until all were. */
void wppk_check_threads(struct task_struct *leader, struct wppk_notes *notes);

#endif
