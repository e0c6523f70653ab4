/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Recreating a tree. recreate.c drives: the image is decoded and checked before
 * anything is made; the new process does as ordinary C code what is not memory;
 * then its memory is replaced by scripts, its threads are made, and each gets
 * what only it can set, then its registers.
 */
#ifndef WPP_RECREATE_H
#define WPP_RECREATE_H

#include "base/class.h"
#include "memory/build.h"

/*
 * All classes, NULL-terminated, in the order of their calls: limits, files, process, signals,
 * timers, sched, creds.
 */
extern const struct recreate_class *const wppi_recreate_classes[];

/* ---- image.c ---- */

/* Reads and verifies the streams, finds the members, and whether this machine can run them. */
int wppi_image_open(struct tree *t, const char *image);
void wppi_image_close(struct tree *t);

/* ---- start.c: the new process, until it stops for us ---- */

int wppi_process_start(struct build *b);

/* ---- child.c: in the new process ---- */

_Noreturn void wppi_child_main(struct build *b);

#endif
