/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Images on a medium: finding, listing, checking, looking into, copying and exporting them. */
#ifndef WPP_CONTROL_IMAGES_H
#define WPP_CONTROL_IMAGES_H

#include <wpp/media.h>
#include <wpp/pcb.h>
#include <wpp/process.h>

#include "control/tracked.h"

/* ---- Finding ---- */

/* What messages call the configured medium. */
const char *wppc_medium_name(const struct wpp_conf *conf);

/* Do both configurations name one file or device? */
bool wppc_medium_is_same(const struct wpp_conf *a, const struct wpp_conf *b);

/* The newest generation of an image, or generation @number when it is not 0. */
int wppc_generation_find(const struct wpp_store *st, const char *image, uint64_t number,
			 struct wpp_generation *gen);

/* The newest one of the image that is older than @gen. WPP_ENOENT: there is none. */
int wppc_generation_older(const struct wpp_store *st, const struct wpp_generation *gen,
			  struct wpp_generation *older);

/* ---- Listing ---- */

struct wppc_image {
	char name[WPP_IMAGE_NAME_MAX + 1];
	pid_t pid;		   /* 0: it does not run */
	bool newest;		   /* of its name */
	struct wpp_generation gen; /* generation 0: never saved */
};

/*
 * Tracked processes that were never saved, then each live generation. @st may be NULL: no medium.
 * *@out is malloced and the caller's, also behind an error of the tracked list (the rest is there).
 */
int wppc_images_list(const struct wpp_conf *conf, const struct wpp_store *st,
		     struct wppc_image **out, size_t *nr);

/* ---- Checking ---- */

/* @err: 0, or what is wrong with it; @diag says where when it is damage. */
typedef void (*wppc_verified_fn)(void *arg, const struct wpp_generation *gen, int err,
				 const struct wpp_diag *diag);

/*
 * Reads every page of the generations of @only, or of all when it is NULL. The first error;
 * WPP_ENOENT: no image of that name.
 */
int wppc_verify(struct wpp_store *st, const char *only, wppc_verified_fn tell, void *arg);

/* ---- Looking into one ---- */

/* One generation: its record streams in memory, its pages on demand. */
struct wppc_view {
	struct wpp_reader *reader;
	struct wpp_generation gen;
	uint8_t *stream[WPP_STREAM_COUNT];
	size_t len[WPP_STREAM_COUNT];
};

/* @view->gen is filled when there is such a generation, also when it can't be read. */
int wppc_view_open(struct wpp_store *st, const char *name, uint64_t generation,
		   struct wppc_view *view, struct wpp_diag *diag);
void wppc_view_close(struct wppc_view *view);

/* The next record of @type (0: any) from *@pos on; 0, WPP_ENOENT, or what the decoder says. */
int wppc_view_next(const struct wppc_view *view, enum wpp_stream stream, uint16_t type, size_t *pos,
		   struct wpp_rec *rec);

/* The first PCB record of @type of @task (0: any). */
int wppc_view_find(const struct wppc_view *view, uint16_t type, uint32_t task, struct wpp_rec *rec);

/*
 * Writes a core file that gdb opens (core(5), elf(5)). Pages that the image leaves to a file which
 * can't be read are missing from it, and named as note "core-file". No file is left behind an
 * error.
 */
int wppc_export_core(const struct wppc_view *view, const char *path,
		     const struct wpp_report *report);

/* ---- Copying ---- */

/*
 * @there: it is on the target already. @err WPP_EEXIST: the target has another one of this number,
 * or a later one. WPP_ECORRUPT: @diag says where on the source.
 */
struct wppc_copied {
	const struct wpp_generation *gen;
	int err;
	bool there;
	struct wpp_diag diag;
};

struct wppc_copy {
	struct wpp_store *from, *to;
	char *const *names; /* [nr_names]; none: all images */
	size_t nr_names;
	uint64_t generation;					    /* 0: all */
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* pages of one; may be NULL */
	void (*copied)(void *arg, const struct wppc_copied *one);
	void *arg;
};

/*
 * Each generation is committed by itself, oldest first, with the number and time that it has; pages
 * that it shares with the one copied before are shared there too. Stops at the first error.
 * WPP_ENOENT: the source has none of what was named.
 */
int wppc_copy(const struct wppc_copy *how);

#endif
