/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One scenario on one medium, cut at every operation. */
#ifndef CUTTER_H
#define CUTTER_H

#include "mediaclass.h"
#include "play.h"

/* A state: cut at operation @n, then image @img; @then: one more cut behind the first. */
struct cut_id {
	uint64_t n;
	uint64_t img;
};

struct cutter {
	const struct media_class *medium;
	const struct scenario *sc;
	uint64_t seed;
	uint64_t images; /* tried per cut */
	uint64_t again;	 /* every again-th state is cut again while it recovers; 0: none */
	uint64_t states, cuts, states_again;

	struct wpp_backend *be;
	struct world w;
	struct book book;
	struct wpp_backend *be2; /* for the cut behind the cut */
	struct world w2;
	void *contents;
	struct cut_id at, then; /* the state being checked */
};

/* The cutter is big: allocate it. @sc with @seed decides all. */
int cutter_init(struct cutter *c, const struct media_class *medium, const struct scenario *sc,
		uint64_t seed);
void cutter_fini(struct cutter *c);

/* All cuts and images; false: verify_why says what is wrong at c->at and c->then. */
bool cutter_run(struct cutter *c);

/* One state only; @then may be NULL. */
bool cutter_replay(struct cutter *c, const struct cut_id *at, const struct cut_id *then);

#endif
