/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Damages a medium in one of many ways; the seed alone decides how. */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "specimen.h"

struct damage {
	uint64_t rng;
	uint8_t *mem;		      /* the medium, WORLD_BYTES */
	const struct specimen *own;   /* what it was made from */
	const struct specimen *other; /* another medium, to splice from */
	uint64_t size;		      /* out: bytes left of the medium */
	char what[80];		      /* out: for messages */
};

void damage_do(struct damage *d, uint64_t seed);

#endif
