/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "control/images.h"

#define VERIFY_PAGES 512u

static int verify_space(struct wpp_reader *r, uint32_t space, void *buf, struct wpp_diag *diag)
{
	struct wpp_run run;
	uint64_t page = 0;
	int err;

	while ((err = wpp_reader_next(r, space, page, VERIFY_PAGES, &run)) == 0) {
		err = wpp_reader_read(r, &run, buf, diag);
		if (err)
			return err;
		page = run.page + run.nr;
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* The first error, with its place in @diag. */
static int verify_generation(struct wpp_store *st, const struct wpp_generation *gen, void *buf,
			     struct wpp_diag *diag)
{
	struct wpp_reader *r;
	uint32_t space = 0;
	int err;

	err = wpp_reader_open(st, gen->image, gen->generation, &r, diag);
	if (err)
		return err;
	for (; (err = wpp_reader_next_space(r, space, &space)) == 0; space++) {
		err = verify_space(r, space, buf, diag);
		if (err)
			break;
	}
	wpp_reader_close(r);
	return err == WPP_ENOENT ? 0 : err;
}

int wppc_verify(struct wpp_store *st, const char *only, wppc_verified_fn tell, void *arg)
{
	void *buf = aligned_alloc(WPP_PAGE_SIZE, VERIFY_PAGES * WPP_PAGE_SIZE);
	struct wpp_generation gen;
	uint32_t pos = 0, nr = 0;
	int end, err, first = 0;

	if (!buf)
		return WPP_ENOMEM;
	while ((end = wpp_store_list(st, &pos, &gen)) == 0) {
		struct wpp_diag diag = { 0 };

		if (only && strcmp(gen.image, only) != 0)
			continue;
		nr++;
		err = verify_generation(st, &gen, buf, &diag);
		tell(arg, &gen, err, &diag);
		if (!first)
			first = err;
	}
	free(buf);
	if (first || end != WPP_ENOENT)
		return first ? first : end;
	return nr || !only ? 0 : WPP_ENOENT;
}
