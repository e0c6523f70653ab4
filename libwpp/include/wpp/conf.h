/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * wpp.conf: which medium, where, and how (wpp.conf(5)). Hosted: needs libc and
 * libinih, and is not part of the freestanding core.
 */
#ifndef WPP_CONF_H
#define WPP_CONF_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_ERROR_TEXT_MAX 1024

/**
 * struct wpp_media_error - what failed, where, and what to do about it
 * @code: 0 or the error that the function returned.
 * @text: one line without a newline; "" when @code is 0.
 */
struct wpp_media_error {
	int code;
	char text[WPP_ERROR_TEXT_MAX];
};

/**
 * enum wpp_conf_kind - how the text of a value is read; in brackets what wpp_conf_number() gives
 */
enum wpp_conf_kind {
	WPP_CONF_TEXT = 0,    /* anything (0) */
	WPP_CONF_PATH = 1,    /* absolute, ~/ for the home directory, or a PCI address (0) */
	WPP_CONF_NUMBER = 2,  /* decimal within min .. max (the number) */
	WPP_CONF_SIZE = 3,    /* decimal with K, M, G or T, powers of 1024; or "auto" (bytes; 0) */
	WPP_CONF_CHOICE = 4,  /* one of choices (its index) */
	WPP_CONF_BACKEND = 5, /* a kind of medium that this library knows (0) */
};

/**
 * struct wpp_conf_key - one key that a section may have
 * @name:    as in the file, lower case.
 * @kind:    how its value is read.
 * @min:     smallest number or size, inclusive.
 * @max:     largest.
 * @choices: for WPP_CONF_CHOICE: "first|second|...".
 * @value:   the default, as in the file; "" for no text.
 * @help:    one line.
 */
struct wpp_conf_key {
	const char *name;
	enum wpp_conf_kind kind;
	uint64_t min;
	uint64_t max;
	const char *choices;
	const char *value;
	const char *help;
};

/**
 * enum wpp_conf_geometry - the choices of [wpp] geometry
 */
enum wpp_conf_geometry {
	WPP_CONF_GEOMETRY_FIT = 0,    /* wpp_geometry_fit() */
	WPP_CONF_GEOMETRY_THESIS = 1, /* wpp_geometry_thesis() */
};

/**
 * enum wpp_conf_files - the choices of [wpp] files: when a file has changed
 */
enum wpp_conf_files {
	WPP_CONF_FILES_STRICT = 0, /* refuse to recreate */
	WPP_CONF_FILES_WARN = 1,   /* WPP_RECREATE_FILES_WARN */
};

struct wpp_conf;

/**
 * wpp_conf_load() - find, read and check the configuration
 * @path: an explicit file (--config), which must exist; NULL: the first that is set or exists of
 *        $WPP_CONF, $XDG_CONFIG_HOME/wpp/wpp.conf (~/.config), /etc/wpp/wpp.conf, built-in default.
 * @out:  free with wpp_conf_free(); NULL behind an error.
 * @err:  out, may be NULL: "FILE:LINE: what is wrong; allowed: ..." of the first mistake.
 *
 * Context: any thread; reads the environment; allocates; sleeps (a file is read).
 * Return:  0; WPP_EINVAL: the file has a mistake; WPP_ENOENT or another -errno: it can't be read;
 *          WPP_ENOMEM.
 * Source:  wpp.conf(5).
 */
WPP_API WPP_MUST_CHECK int wpp_conf_load(const char *path, struct wpp_conf **out,
					 struct wpp_media_error *err);

/**
 * wpp_conf_new() - the built-in defaults, no file read
 *
 * Context: any thread; reads the environment; allocates.
 * Return:  free with wpp_conf_free(); NULL when out of memory.
 * Source:  wpp.conf(5).
 */
WPP_API struct wpp_conf *wpp_conf_new(void);

/**
 * wpp_conf_free() - forget a configuration
 * @conf: may be NULL.
 *
 * Context: any thread that has it alone.
 * Source:  wpp.conf(5).
 */
WPP_API void wpp_conf_free(struct wpp_conf *conf);

/**
 * wpp_conf_set() - set one value, checked as if it stood in a file
 * @conf:    the configuration.
 * @section: "wpp" or the name of a backend.
 * @key:     e.g. "path".
 * @value:   copied.
 * @err:     out behind an error, may be NULL: what is wrong and what is allowed.
 *
 * Context: one thread at a time per configuration; allocates.
 * Return:  0; WPP_EINVAL: wrong section, key or value; WPP_ENOMEM: nothing was changed.
 * Source:  wpp.conf(5).
 */
WPP_API WPP_MUST_CHECK int wpp_conf_set(struct wpp_conf *conf, const char *section, const char *key,
					const char *value, struct wpp_media_error *err);

/**
 * wpp_conf_text() - a value as text
 * @conf:    the configuration.
 * @section: "wpp" or the name of a backend.
 * @key:     e.g. "path".
 *
 * Context: any thread while nobody sets values.
 * Return:  paths are expanded; valid until the key is set again; NULL: there is no such key.
 * Source:  wpp.conf(5).
 */
WPP_API const char *wpp_conf_text(const struct wpp_conf *conf, const char *section,
				  const char *key);

/**
 * wpp_conf_number() - a value as number
 * @conf:    the configuration.
 * @section: "wpp" or the name of a backend.
 * @key:     e.g. "size".
 *
 * Context: any thread while nobody sets values.
 * Return:  see enum wpp_conf_kind; 0 for a key that isn't there.
 * Source:  wpp.conf(5).
 */
WPP_API uint64_t wpp_conf_number(const struct wpp_conf *conf, const char *section, const char *key);

/**
 * wpp_conf_is_set() - did a file or wpp_conf_set() give this value (and not the default)?
 * @conf:    the configuration.
 * @section: "wpp" or the name of a backend.
 * @key:     e.g. "path".
 *
 * Context: any thread while nobody sets values.
 * Return:  false for a key that isn't there, too.
 * Source:  wpp.conf(5).
 */
WPP_API bool wpp_conf_is_set(const struct wpp_conf *conf, const char *section, const char *key);

/**
 * wpp_conf_source() - where the configuration comes from
 * @conf: the configuration.
 *
 * Context: any thread.
 * Return:  the file that was read, or "built-in default"; valid until wpp_conf_free().
 * Source:  wpp.conf(5).
 */
WPP_API const char *wpp_conf_source(const struct wpp_conf *conf);

/**
 * wpp_conf_keys() - the keys of a section, for documentation and completion
 * @section: "wpp" or the name of a backend.
 * @nr:      out: how many.
 *
 * Context: any thread.
 * Return:  static, [*@nr]; NULL when there is no such section, or it has no keys.
 * Source:  wpp.conf(5).
 */
WPP_API const struct wpp_conf_key *wpp_conf_keys(const char *section, size_t *nr);

WPP_END_DECLS
#endif
