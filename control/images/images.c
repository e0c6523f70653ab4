/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "control/images.h"
#include "control/text.h"

struct rows {
	struct wppc_image *at;
	size_t nr;
};

static int append(struct rows *rows, const char *name, pid_t pid, const struct wpp_generation *gen)
{
	struct wppc_image *bigger = realloc(rows->at, (rows->nr + 1) * sizeof(*bigger)), *row;

	if (!bigger)
		return WPP_ENOMEM;
	rows->at = bigger;
	row = &rows->at[rows->nr++];
	*row = (struct wppc_image){ .pid = pid, .newest = true };
	wppc_name_set(row->name, name);
	if (!gen)
		return 0;
	row->gen = *gen;
	/* a store lists the newest generation of an image first */
	row->newest = rows->nr == 1 || strcmp(row[-1].name, name) != 0;
	return 0;
}

static pid_t pid_of(const struct wppc_tracked *run, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(run[i].name, name) == 0)
			return run[i].pid;
	}
	return 0;
}

static int append_never_saved(struct rows *rows, const struct wpp_store *st,
			      const struct wppc_tracked *run, size_t nr)
{
	struct wpp_generation gen;
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		err = st ? wppc_generation_find(st, run[i].name, 0, &gen) : WPP_ENOENT;
		if (err == WPP_ENOENT)
			err = append(rows, run[i].name, run[i].pid, NULL);
	}
	return err;
}

static int append_generations(struct rows *rows, const struct wpp_store *st,
			      const struct wppc_tracked *run, size_t nr)
{
	struct wpp_generation gen;
	uint32_t pos = 0;
	int err;

	while ((err = wpp_store_list(st, &pos, &gen)) == 0) {
		err = append(rows, gen.image, pid_of(run, nr, gen.image), &gen);
		if (err)
			return err;
	}
	return err == WPP_ENOENT ? 0 : err;
}

int wppc_images_list(const struct wpp_conf *conf, const struct wpp_store *st,
		     struct wppc_image **out, size_t *nr)
{
	struct rows rows = { 0 };
	struct wppc_tracked *run;
	size_t nr_run;
	int first = wppc_track_list(conf, &run, &nr_run);
	int err = append_never_saved(&rows, st, run, nr_run);

	if (!err && st)
		err = append_generations(&rows, st, run, nr_run);
	free(run);
	*out = rows.at;
	*nr = rows.nr;
	return first ? first : err;
}
