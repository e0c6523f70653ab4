/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The library's part of the driver: a medium in RAM, persist, recreate, and the notes given. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct image {
	char path[64];
	const char *allow[8]; /* notes to let go, NULL-terminated */
	uint32_t recreate_flags;
	const int *stdio; /* for recreation; NULL: none */
	char notes[8192]; /* "kind name: text" lines of the last call */
};

/* Why recreation can't work here, or NULL. */
const char *image_unable(void);
struct wpp_media;
/* Fails the test when it can't. @flags: of wpp_media_open(). */
struct wpp_media *image_open(struct image *im, uint32_t flags);
void image_create(struct image *im);
void image_remove(struct image *im);
/*
 * Both return the library's code. A second generation has to tell the same of the process as the
 * first (drift.h).
 */
int image_persist(struct image *im, pid_t pid, bool kill);
int image_recreate(struct image *im, pid_t *pid);
bool image_noted(const struct image *im, const char *name);

#endif
