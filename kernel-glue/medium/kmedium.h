/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The one medium of the module. */
#ifndef WPPK_KMEDIUM_H
#define WPPK_KMEDIUM_H

#include <linux/types.h>

#include <wpp/module.h>
#include <wpp/store.h>

#include "base/knotes.h"

int wppk_medium_init(void);
void wppk_medium_exit(void); /* detaches; disarmed before */
int wppk_medium_attach(const struct wpp_ko_attach *how);
int wppk_medium_detach(void);			  /* -EBUSY while armed */
int wppk_medium_info(struct wpp_ko_medium *info); /* -ENODEV */

/* Bytes of the medium for /dev/wpp; @off and @len multiples of io_align; user memory. */
ssize_t wppk_medium_read(char __user *to, size_t len, loff_t off);
ssize_t wppk_medium_write(const char __user *from, size_t len, loff_t off); /* -EBUSY: armed */
int wppk_medium_flush(void);

/* Tracking begins / ends: open the store (workspace allocated now, none at the trigger), close. */
int wppk_medium_arm(struct wppk_notes *notes); /* -EUCLEAN: no store; run wpp format */
void wppk_medium_disarm(void);

/* The armed store, for one save; -EBUSY, -ENODEV. Until wppk_medium_put() nobody else gets it. */
int wppk_medium_get(struct wpp_store **st);
void wppk_medium_put(void);
/* A failed write poisoned it: open it again. Between get and put. */
int wppk_medium_reopen(struct wpp_store **st);

#endif
