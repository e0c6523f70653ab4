/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A sound medium with several generations, to be damaged. */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include "play.h"

#define SPECIMEN_AGES 3

struct specimen {
	uint8_t *age[SPECIMEN_AGES]; /* the medium at three times, the newest last */
	struct book book;
};

/* Play @sc and keep the medium after a third, two thirds and all of its generations. */
int specimen_make(struct specimen *sp, const struct scenario *sc);

static inline const uint8_t *specimen_newest(const struct specimen *sp)
{
	return sp->age[SPECIMEN_AGES - 1];
}

#endif
