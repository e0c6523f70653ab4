/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Saving what is asked for. */
#ifndef WPPK_KPERSIST_H
#define WPPK_KPERSIST_H

#include <wpp/module.h>

int wppk_persist_init(void);
void wppk_persist_exit(void);

/* One process, for PERSIST; or all of them, then killed (thesis magic number 10). */
int wppk_persist_one(struct wpp_ko_persist *how);
int wppk_persist_all(void);

/* The power fails: from any context, NMI excepted. Does not wait. */
void wppk_power_fails(void);

#endif
