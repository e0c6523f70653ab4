/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The medium that wpp.conf names: lock, backend, store and its workspace in one handle. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/media_lock.h"
#include "base/device.h"
#include "media_priv.h"
#include "base/fail.h"

/* Page spaces that an image may grow to: address spaces and shared memory objects, each one. */
#define SPACES_MIN 1024u

struct wpp_media {
	int fd;	   /* holds the lock */
	int claim; /* keeps mounts away from a block device; -1: none */
	const struct wpp_backend_type *type;
	struct wpp_backend *be;
	struct wpp_medium medium;
	struct wpp_geometry geometry;
	struct wpp_store *store;
	void *workspace;
	uint64_t workspace_len;
	struct wpp_diag diag;
	char *path;
};

static int explain(int code, const char *path, const struct wpp_diag *diag,
		   struct wpp_media_error *err)
{
	switch (code) {
	case WPP_EFORMAT:
		return wppi_fail(err, code,
				 "%s: not a medium of wpp, or of an unknown version; nothing was "
				 "changed. Set another path in [wpp] of wpp.conf, or make it one "
				 "with wpp format",
				 path);
	case WPP_ECORRUPT:
		return wppi_fail(err, code, "%s: damaged: %s at byte %llu", path,
				 diag->what ? diag->what : "label", (unsigned long long)diag->off);
	default:
		return wppi_fail(err, code, "%s: %s", path, wpp_strerror(code));
	}
}

/* Twice what the largest image on the medium has; WPP_GENERATION_BIG is for who has less memory. */
static int choose_sizes(struct wpp_media *media, struct wpp_store_cfg *cfg)
{
	struct wpp_store_needs needs = { .size = sizeof(needs) };
	void *scratch = aligned_alloc(WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	int code = scratch ? wpp_store_needs(media->be, &media->medium, cfg->label_off, &needs,
					     scratch)
			   : WPP_ENOMEM;

	free(scratch);
	if (code)
		return code;
	cfg->max_spaces = needs.max_spaces > SPACES_MIN / 2 ? 2 * needs.max_spaces : SPACES_MIN;
	if (!wpp_store_workspace(&media->geometry, &media->medium, cfg))
		cfg->max_spaces = needs.max_spaces; /* near the most that an image can have */
	return 0;
}

/* Most of it is never touched. What is there for a smaller one is enough to open the store. */
static int map_workspace(struct wpp_media *media, struct wpp_store_cfg *cfg)
{
	void *ws = MAP_FAILED;
	uint64_t len = 0;

	for (int try = 0; ws == MAP_FAILED && try < 2; try++) {
		if (try)
			cfg->max_spaces = SPACES_MIN;
		len = wpp_store_workspace(&media->geometry, &media->medium, cfg);
		if (!len)
			return WPP_EINVAL;
		ws = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	if (ws == MAP_FAILED)
		return WPP_ENOMEM;
	media->workspace = ws;
	media->workspace_len = len;
	return 0;
}

static int open_store(struct wpp_media *media, const struct wpp_conf *conf, uint32_t flags)
{
	struct wpp_store_cfg cfg = {
		.size = sizeof(cfg),
		.flags = flags & WPP_MEDIA_RDONLY ? WPP_STORE_RDONLY : 0,
		.generations = (uint32_t)wpp_conf_number(conf, "wpp", "generations"),
	};
	int code = wppi_media_find_store(media->be, &media->medium, &media->geometry);

	if (code)
		return code;
	cfg.label_off = media->geometry.base[WPP_SEC_INTERNAL];
	code = choose_sizes(media, &cfg);
	if (!code)
		code = map_workspace(media, &cfg);
	if (code)
		return code;
	return wpp_store_open(&media->store, media->be, &media->medium, &cfg, media->workspace,
			      media->workspace_len, &media->diag);
}

static int open_backend(struct wpp_media *media, const struct wpp_conf *conf, uint32_t flags,
			struct wpp_media_error *err)
{
	int code = 0;

	if (!(flags & WPP_MEDIA_RDONLY))
		code = wppi_device_claim(media->fd, media->path, &media->claim, err);
	if (code)
		return code;
	return wppi_media_backend(conf, media->fd, media->path, flags, &media->be, &media->medium,
				  err);
}

static int open_locked(struct wpp_media *media, const struct wpp_conf *conf, uint32_t flags,
		       bool *blank, struct wpp_media_error *err)
{
	int code;

	*blank = !media->type->locate && wppi_media_is_blank(media->fd);
	if (*blank)
		return wppi_fail(err, WPP_EFORMAT, "%s: an empty file, not a medium yet",
				 media->path);
	code = open_backend(media, conf, flags, err);
	if (code)
		return code;
	code = open_store(media, conf, flags);
	return code ? explain(code, media->path, &media->diag, err) : 0;
}

static uint32_t lock_flags(const struct wpp_backend_type *type, uint32_t flags)
{
	return type->exclusive ? flags & ~(uint32_t)(WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK) : flags;
}

static int open_file(const struct wpp_conf *conf, uint32_t flags, struct wpp_media **out,
		     struct wpp_media_error *err)
{
	struct wpp_media *media = calloc(1, sizeof(*media));
	int code;

	if (!media) {
		wppi_fail(err, WPP_ENOMEM, "out of memory");
		return WPP_ENOMEM;
	}
	*out = media;
	media->fd = media->claim = -1;
	media->type = wppi_media_type(conf);
	code = wppi_media_locate(conf, &media->path, err);
	if (!code)
		code = wppi_media_lock(media->path, media->path, lock_flags(media->type, flags),
				       &media->fd, err);
	return code;
}

static int give_up(struct wpp_media **out, int code)
{
	if (code) {
		wpp_media_close(*out);
		*out = NULL;
	}
	return code;
}

/* *@blank: nothing is there that could be lost. */
static int open_existing(const struct wpp_conf *conf, uint32_t flags, struct wpp_media **out,
			 bool *blank, struct wpp_media_error *err)
{
	int code = open_file(conf, flags, out, err);

	*blank = code == WPP_ENOENT;
	if (!code)
		code = open_locked(*out, conf, flags, blank, err);
	*blank |= code == WPP_ENOENT;
	return give_up(out, code);
}

int wpp_media_open_raw(const struct wpp_conf *conf, uint32_t flags, struct wpp_media **out,
		       struct wpp_media_error *err)
{
	int code;

	*out = NULL;
	if (err)
		*err = (struct wpp_media_error){ 0 };
	code = open_file(conf, flags & WPP_MEDIA_RDONLY, out, err);
	if (!code)
		code = open_backend(*out, conf, flags, err);
	if (!code && !(flags & (WPP_MEDIA_RDONLY | WPP_MEDIA_FORCE)) &&
	    !wppi_media_is_blank((*out)->fd))
		code = wppi_media_look(conf, (*out)->fd, (*out)->path, err);
	return give_up(out, code);
}

int wpp_media_open(const struct wpp_conf *conf, uint32_t flags, struct wpp_media **out,
		   struct wpp_media_error *err)
{
	bool blank;
	int code;

	*out = NULL;
	if (err)
		*err = (struct wpp_media_error){ 0 };
	if (flags & WPP_MEDIA_NOLOCK && !(flags & WPP_MEDIA_RDONLY))
		return wppi_fail(err, WPP_EINVAL, "only a reader may do without the lock");
	code = open_existing(conf, flags, out, &blank, err);
	if (!code || !blank || !(flags & WPP_MEDIA_CREATE))
		return code;
	code = wpp_media_create(conf, flags & WPP_MEDIA_WAIT, NULL, NULL, err);
	if (code && code != WPP_EEXIST)
		return code;
	if (err)
		*err = (struct wpp_media_error){ 0 };
	return open_existing(conf, flags, out, &blank, err);
}

void wpp_media_close(struct wpp_media *media)
{
	if (!media)
		return;
	if (media->store)
		wpp_store_close(media->store);
	if (media->workspace)
		munmap(media->workspace, media->workspace_len);
	if (media->be && media->be->ops->close)
		media->be->ops->close(media->be);
	if (media->claim >= 0)
		close(media->claim);
	if (media->fd >= 0)
		close(media->fd);
	free(media->path);
	free(media);
}

struct wpp_store *wpp_media_store(struct wpp_media *media)
{
	return media->store;
}

struct wpp_backend *wpp_media_backend(struct wpp_media *media)
{
	return media->be;
}

const struct wpp_medium *wpp_media_medium(const struct wpp_media *media)
{
	return &media->medium;
}

const struct wpp_geometry *wpp_media_geometry(const struct wpp_media *media)
{
	return &media->geometry;
}

const char *wpp_media_path(const struct wpp_media *media)
{
	return media->path;
}

const char *wpp_media_how(const struct wpp_media *media)
{
	return media->type->how ? media->type->how(media->be) : media->type->help;
}

const char *wpp_media_warning(const struct wpp_media *media)
{
	return media->type->warning ? media->type->warning(media->be) : NULL;
}

const struct wpp_diag *wpp_media_diag(const struct wpp_media *media)
{
	return media->diag.what ? &media->diag : NULL;
}
