/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>
#include <sys/stat.h>

#include "control/images.h"

const char *wppc_medium_name(const struct wpp_conf *conf)
{
	const struct wpp_backend_type *type =
		wpp_backend_type_find(wpp_conf_text(conf, "wpp", "backend"));

	/* The default path is that of a file. */
	if (type && type->locate && !wpp_conf_is_set(conf, "wpp", "path"))
		return type->name;
	return wpp_conf_text(conf, "wpp", "path");
}

bool wppc_medium_is_same(const struct wpp_conf *a, const struct wpp_conf *b)
{
	struct stat x, y;

	return stat(wpp_conf_text(a, "wpp", "path"), &x) == 0 &&
	       stat(wpp_conf_text(b, "wpp", "path"), &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int wppc_generation_find(const struct wpp_store *st, const char *image, uint64_t number,
			 struct wpp_generation *gen)
{
	uint32_t pos = 0;
	int err;

	while ((err = wpp_store_list(st, &pos, gen)) == 0) {
		if (strcmp(gen->image, image) == 0 && (!number || gen->generation == number))
			return 0;
	}
	return err;
}

int wppc_generation_older(const struct wpp_store *st, const struct wpp_generation *gen,
			  struct wpp_generation *older)
{
	uint32_t pos = 0;
	int err;

	while ((err = wpp_store_list(st, &pos, older)) == 0) {
		if (strcmp(older->image, gen->image) == 0 && older->generation < gen->generation)
			return 0;
	}
	return err;
}
