/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A medium as wpp.conf describes it, opened and locked, with its store: what a
 * tool uses instead of driving backend.h and store.h itself. Hosted.
 */
#ifndef WPP_MEDIA_H
#define WPP_MEDIA_H

#include <wpp/backend.h>
#include <wpp/conf.h>
#include <wpp/store.h>

WPP_BEGIN_DECLS

struct wpp_media;

/**
 * enum wpp_media_flag - how to open or make a medium
 */
enum wpp_media_flag {
	WPP_MEDIA_RDONLY = 1u << 0, /* shared lock: many readers, no writer */
	WPP_MEDIA_CREATE = 1u << 1, /* make the medium when it is not there yet */
	WPP_MEDIA_WAIT = 1u << 2,   /* wait for the lock instead of WPP_EBUSY */
	WPP_MEDIA_NOLOCK = 1u << 3, /* with RDONLY: look while another writes; what is read may be
				     * dropped meanwhile and then shows as WPP_ECORRUPT */
	WPP_MEDIA_FORCE = 1u << 4,  /* wpp_media_create(): also over data that is not ours */
};

/* Bytes of the medium written out so far, of @total; called now and then while it is made. */
typedef void (*wpp_media_progress_fn)(void *arg, uint64_t done, uint64_t total);

/**
 * wpp_media_create() - make the medium: write it out once, put an empty store on it
 * @conf:     backend, path, size, geometry.
 * @flags:    WPP_MEDIA_FORCE: format over what is there, a store of ours too; WPP_MEDIA_WAIT.
 * @progress: may be NULL; runs during the call.
 * @arg:      for @progress.
 * @err:      out, may be NULL.
 *
 * A medium that is a file is written under another name and renamed when it is complete, so a cut
 * leaves none. It is written out so that later writes need no allocation: no full disk and no slow
 * first write while power fails. Directories that are missing are made, for the owner only. The
 * medium is closed afterwards.
 * Context: any thread; allocates; sleeps as long as it takes to write the medium.
 * Return:  0; WPP_EEXIST: a store is there already; WPP_EFORMAT: something else is there;
 *          WPP_EBUSY: somebody uses it; WPP_ENOSPC, WPP_EROFS, WPP_EPERM, WPP_EIO, WPP_EINVAL,
 *          WPP_ENOMEM or another -errno. A file is as it was behind an error, unless only making
 *          its name durable failed; a device that was being formatted may hold no store any more.
 * Source:  DESIGN.md 4; wpp.conf(5).
 */
WPP_API WPP_MUST_CHECK int wpp_media_create(const struct wpp_conf *conf, uint32_t flags,
					    wpp_media_progress_fn progress, void *arg,
					    struct wpp_media_error *err);

/**
 * wpp_media_open() - open, lock and check the medium and its store
 * @conf:  copied where needed.
 * @flags: WPP_MEDIA_RDONLY, _CREATE, _WAIT, _NOLOCK. Without RDONLY the lock is exclusive.
 * @out:   close with wpp_media_close(); NULL behind an error.
 * @err:   out, may be NULL.
 *
 * Nothing that is not a store of ours is ever written to. The lock is an flock(2) on the medium: it
 * lasts until wpp_media_close() or the end of every process that inherited it.
 * Context: any thread, then one at a time per medium; allocates; sleeps.
 * Return:  0; WPP_ENOENT: no medium, and no WPP_MEDIA_CREATE; WPP_EBUSY: @err->text names the
 *          holder; WPP_EFORMAT, WPP_ECORRUPT, WPP_EPERM, WPP_EROFS, WPP_EIO, WPP_EINVAL, WPP_ENOMEM
 *          or another -errno, and what wpp_media_create() returns. Nothing stays open or locked
 *          behind an error.
 * Source:  DESIGN.md 4; wpp.conf(5).
 */
WPP_API WPP_MUST_CHECK int wpp_media_open(const struct wpp_conf *conf, uint32_t flags,
					  struct wpp_media **out, struct wpp_media_error *err);

/**
 * wpp_media_open_raw() - open and lock what may become a medium, for other use than a store
 * @conf:  backend and path, which must exist.
 * @flags: WPP_MEDIA_RDONLY; WPP_MEDIA_FORCE: also when it holds something.
 * @out:   close with wpp_media_close(); NULL behind an error; without a store.
 * @err:   out, may be NULL.
 *
 * Context: any thread, then one at a time per medium; allocates; sleeps.
 * Return:  0; WPP_EEXIST: a store is there; WPP_EFORMAT: something else is; WPP_EBUSY: it is in
 *          use, which no flag overrules; and what wpp_media_open() returns.
 * Source:  wpp(1), qualify.
 */
WPP_API WPP_MUST_CHECK int wpp_media_open_raw(const struct wpp_conf *conf, uint32_t flags,
					      struct wpp_media **out, struct wpp_media_error *err);

/**
 * wpp_media_close() - close store and backend, drop the lock
 * @media: may be NULL.
 *
 * What was lent by the store is given back before.
 * Context: the medium's thread; waits for moves in flight.
 * Source:  DESIGN.md 4.
 */
WPP_API void wpp_media_close(struct wpp_media *media);

/**
 * wpp_media_store() - the store on the medium
 * @media: an open medium.
 *
 * Context: any thread; the store itself has one thread at a time.
 * Return:  valid until wpp_media_close(); NULL after wpp_media_open_raw().
 * Source:  DESIGN.md 3.
 */
WPP_API struct wpp_store *wpp_media_store(struct wpp_media *media);

/**
 * wpp_media_backend() - the backend below the store
 * @media: an open medium.
 *
 * Context: any thread; the backend itself has one thread at a time.
 * Return:  never NULL; valid until wpp_media_close(), which closes it.
 * Source:  DESIGN.md 4.
 */
WPP_API struct wpp_backend *wpp_media_backend(struct wpp_media *media);

/**
 * wpp_media_medium() - what the backend's probe() said
 * @media: an open medium.
 *
 * Context: any thread.
 * Return:  never NULL; valid until wpp_media_close().
 * Source:  DESIGN.md 4.
 */
WPP_API const struct wpp_medium *wpp_media_medium(const struct wpp_media *media);

/**
 * wpp_media_geometry() - where the sections lie on it
 * @media: an open medium with a store.
 *
 * Context: any thread.
 * Return:  never NULL; valid until wpp_media_close().
 * Source:  FORMAT.md 2.
 */
WPP_API const struct wpp_geometry *wpp_media_geometry(const struct wpp_media *media);

/**
 * wpp_media_path() - the file or device, for messages
 * @media: an open medium.
 *
 * Context: any thread.
 * Return:  never NULL; valid until wpp_media_close().
 * Source:  wpp.conf(5).
 */
WPP_API const char *wpp_media_path(const struct wpp_media *media);

/**
 * wpp_media_how() - how the backend reaches the medium, for `wpp doctor`
 * @media: an open medium.
 *
 * Context: any thread.
 * Return:  a phrase, never NULL; valid until wpp_media_close().
 * Source:  wpp(1), doctor.
 */
WPP_API const char *wpp_media_how(const struct wpp_media *media);

/**
 * wpp_media_warning() - what its owner should know before using it
 * @media: an open medium.
 *
 * Context: any thread.
 * Return:  a text, valid until wpp_media_close(); NULL: nothing.
 * Source:  wpp(1), doctor.
 */
WPP_API const char *wpp_media_warning(const struct wpp_media *media);

/**
 * wpp_media_diag() - the first damage met while opening
 * @media: an open medium.
 *
 * Context: any thread.
 * Return:  valid until wpp_media_close(); NULL: none.
 * Source:  DESIGN.md 3.1, invariant I4.
 */
WPP_API const struct wpp_diag *wpp_media_diag(const struct wpp_media *media);

/* ---- Kinds of media ----------------------------------------------------------------------- */

/**
 * struct wpp_backend_type - what wpp.conf can name as backend
 * @name:    as in "backend = name" and the section "[name]".
 * @help:    one line.
 * @keys:    of that section; may be NULL.
 * @nr_keys: entries of @keys.
 * @create:  make the file @path of @size bytes, all written; NULL: the medium can't be made. @size
 *           0: choose. @path is an empty file that the caller made and locked.
 * @open:    open @path; *@out has its ops set and is not probed yet. @flags: WPP_MEDIA_RDONLY.
 * @how:     optional; see wpp_media_how(); after probe().
 * @exclusive: one process at a time, readers too: WPP_MEDIA_RDONLY and _NOLOCK lock as a writer.
 * @warning: optional; see wpp_media_warning(); after probe().
 * @locate:  optional; when "path" is not the file itself: writes the file that stands for the
 *           medium, which is locked and which @open gets, or says why there is none.
 * @blank:   optional, for media that are not made: is there nothing on it that could be lost? Then
 *           wpp_media_create() needs no WPP_MEDIA_FORCE. After probe().
 */
struct wpp_backend_type {
	const char *name;
	const char *help;
	const struct wpp_conf_key *keys;
	size_t nr_keys;
	int (*create)(const struct wpp_conf *conf, const char *path, uint64_t size,
		      wpp_media_progress_fn progress, void *arg, struct wpp_media_error *err);
	int (*open)(const struct wpp_conf *conf, const char *path, uint32_t flags,
		    struct wpp_backend **out, struct wpp_media_error *err);
	const char *(*how)(const struct wpp_backend *be);
	bool exclusive;
	const char *(*warning)(const struct wpp_backend *be);
	int (*locate)(const struct wpp_conf *conf, char *file, size_t size,
		      struct wpp_media_error *err);
	bool (*blank)(struct wpp_backend *be, const struct wpp_medium *m);
};

/**
 * wpp_backend_type_at() - the kinds of media that this library was built with
 * @index: from 0.
 *
 * Context: any thread.
 * Return:  static; NULL at the end.
 * Source:  DESIGN.md 4; wpp.conf(5).
 */
WPP_API const struct wpp_backend_type *wpp_backend_type_at(size_t index);

/**
 * wpp_backend_type_find() - a kind of media by its name
 * @name: as in wpp.conf.
 *
 * Context: any thread.
 * Return:  static; NULL when there is none.
 * Source:  DESIGN.md 4; wpp.conf(5).
 */
WPP_API const struct wpp_backend_type *wpp_backend_type_find(const char *name);

WPP_END_DECLS
#endif
