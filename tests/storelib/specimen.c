/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "mediaclass.h"
#include "specimen.h"

static uint32_t count_commits(const struct scenario *sc)
{
	uint32_t nr = 0;

	for (const struct step *s = sc->step; s->op != STEP_END; s++)
		nr += s->op == STEP_COMMIT;
	return nr;
}

static void end_after(struct scenario *sc, uint32_t commits)
{
	struct step *s = sc->step;

	for (; s->op != STEP_END && commits; s++)
		commits -= s->op == STEP_COMMIT;
	s->op = STEP_END;
}

static int play_part(struct specimen *sp, const struct scenario *sc, uint32_t age)
{
	struct scenario part = *sc;
	struct world w;
	int err;

	struct wpp_backend *be = media_open(media_class_find("disk"), WORLD_BYTES, 1);

	end_after(&part, count_commits(sc) * (age + 1) / SPECIMEN_AGES);
	err = world_init(&w, be, sc->keep, &sp->book);
	if (!err) {
		world_forget(&w);
		err = world_play(&w, &part);
		memcpy(sp->age[age], wpp_sim_contents(be), WORLD_BYTES);
		world_fini(&w);
	}
	be->ops->close(be);
	return err;
}

int specimen_make(struct specimen *sp, const struct scenario *sc)
{
	int err = 0;

	for (uint32_t i = 0; i < SPECIMEN_AGES && !err; i++) {
		sp->age[i] = aligned_alloc(WPP_PAGE_SIZE, WORLD_BYTES);
		err = sp->age[i] ? play_part(sp, sc, i) : WPP_ENOMEM;
	}
	return err;
}
