/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>

#include "tool.h"

int conf_load(struct tool *t)
{
	struct wpp_media_error err;

	if (t->conf || wpp_conf_load(t->config, &t->conf, &err) == 0)
		return 0;
	complain("%s", err.text);
	return EXIT_USAGE;
}

void medium_warn(const struct tool *t, const struct wpp_media *media)
{
	if (media && !t->quiet && wpp_media_warning(media))
		complain("%s", wpp_media_warning(media));
}

int medium_open(struct tool *t, uint32_t flags, struct wpp_media **out)
{
	struct wpp_media_error err;
	int code;

	*out = NULL;
	code = conf_load(t);
	if (code)
		return code;
	code = wpp_media_open(t->conf, flags, out, &err);
	if (code)
		return fail_why(code, &err);
	medium_warn(t, *out);
	return 0;
}

void offer_older(const struct wpp_store *st, const struct wpp_generation *gen)
{
	struct wpp_generation older;

	if (wppc_generation_older(st, gen, &older) == 0)
		complain("%s: generation %" PRIu64 " is damaged; try --generation %" PRIu64,
			 gen->image, gen->generation, older.generation);
}

void complain_damage(const char *path, const struct wpp_diag *diag)
{
	complain("%s: %s, byte %" PRIu64 ": found 0x%" PRIx64 ", expected 0x%" PRIx64, path,
		 diag->what ? diag->what : "medium", diag->off, diag->found, diag->expected);
}
