/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

int conf_load(struct tool *t)
{
	struct wpp_media_error err;

	if (t->conf || wpp_conf_load(t->config, &t->conf, &err) == 0)
		return 0;
	complain("%s", err.text);
	return EXIT_USAGE;
}

const char *medium_name(const struct tool *t)
{
	const struct wpp_backend_type *type =
		wpp_backend_type_find(wpp_conf_text(t->conf, "wpp", "backend"));

	/* The default path is that of a file. */
	if (type->locate && !wpp_conf_is_set(t->conf, "wpp", "path"))
		return type->name;
	return wpp_conf_text(t->conf, "wpp", "path");
}

int medium_open(struct tool *t, uint32_t flags, struct wpp_media **out)
{
	struct wpp_media_error err;
	int code;

	*out = NULL;
	code = conf_load(t);
	if (code)
		return code;
	if (wpp_media_open(t->conf, flags, out, &err) == 0) {
		if (!t->quiet && wpp_media_warning(*out))
			complain("%s", wpp_media_warning(*out));
		return 0;
	}
	complain("%s", err.text);
	return exit_code_of(err.code);
}

int generation_find(struct wpp_store *st, const char *image, uint64_t number,
		    struct wpp_generation *gen)
{
	uint32_t pos = 0;

	while (wpp_store_list(st, &pos, gen) == 0) {
		if (strcmp(gen->image, image) == 0 && (!number || gen->generation == number))
			return 0;
	}
	return WPP_ENOENT;
}

void offer_older(struct wpp_store *st, const struct wpp_generation *gen)
{
	struct wpp_generation other;
	uint32_t pos = 0;

	while (wpp_store_list(st, &pos, &other) == 0) {
		if (strcmp(other.image, gen->image) == 0 && other.generation < gen->generation) {
			complain("%s: generation %" PRIu64 " is damaged; try --generation %" PRIu64,
				 gen->image, gen->generation, other.generation);
			return;
		}
	}
}

void complain_damage(const char *path, const struct wpp_diag *diag)
{
	complain("%s: %s, byte %" PRIu64 ": found 0x%" PRIx64 ", expected 0x%" PRIx64, path,
		 diag->what ? diag->what : "medium", diag->off, diag->found, diag->expected);
}
