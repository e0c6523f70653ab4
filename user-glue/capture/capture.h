/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Saving a tree: capture.c drives, classes.c lists the classes in the order of their records. */
#ifndef WPP_CAPTURE_H
#define WPP_CAPTURE_H

#include "base/class.h"

/* All classes, NULL-terminated; memory comes last, others may add memory objects. */
extern const struct capture_class *const wppi_capture_classes[];

/* ---- check.c: each process as a whole, by /proc ---- */

int wppi_check_process(struct member *m);
/* The part that could have changed until it was stopped. */
int wppi_check_frozen(struct member *m);

/* ---- sync.c ---- */

/* Makes what the process wrote to its files durable. */
int wppi_files_sync(struct member *m);

/* ---- room.c ---- */

/* Before a writer begins: drops old generations of the image when a full one would not fit. */
int wppi_make_room(struct tree *t, const char *image);

#endif
