/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Plays a scenario on a store and keeps the model beside it. */
#ifndef PLAY_H
#define PLAY_H

#include "model.h"

enum step_op {
	STEP_END = 0,
	STEP_FORMAT,	   /* an empty store, open */
	STEP_REOPEN,	   /* close, open */
	STEP_BEGIN,	   /* .id: image */
	STEP_BEGIN_EMPTY,  /* .id: image; from nothing */
	STEP_PUT,	   /* .id: space; .nr pages from .page on, every .stride-th */
	STEP_FILL,	   /* the same through wpp_writer_direct() where there is one */
	STEP_PUT_TOO_MUCH, /* puts .nr pages, twice the medium: WPP_ENOSPC, nothing taken */
	STEP_CUT,	   /* .id: space; [.page, .page + .nr) */
	STEP_STREAM,	   /* .id: stream; .nr bytes */
	STEP_SETTLE,
	STEP_COMMIT,
	STEP_ABORT,
	STEP_DROP, /* .id: image; .nr: the nr-th oldest generation, from 1; 0: all */
};

struct step {
	enum step_op op;
	uint32_t id;
	uint64_t page;
	uint32_t nr;
	uint32_t stride;
};

#define SCENARIO_STEPS 96
struct scenario {
	const char *name;
	uint32_t keep; /* cfg.generations */
	struct step step[SCENARIO_STEPS];
};

extern const struct scenario scenarios[];
extern const uint32_t nr_scenarios;
void scenario_random(struct scenario *sc, uint64_t seed);

#define WORLD_BYTES (384u * WPP_PAGE_SIZE)

/* One store on one medium with its model. */
struct world {
	struct wpp_backend *be;
	struct wpp_medium medium;
	struct wpp_geometry geo;
	struct wpp_store_cfg cfg;
	void *ws;
	uint64_t ws_len;
	size_t dirty; /* bytes of ws that the next open wants zeroed */
	struct wpp_store *st;
	struct wpp_writer *w;
	struct book *book;
	struct model_gen *open; /* the generation being written */
	struct model now;	/* what was acknowledged */
	struct model next;	/* what the last durable step leads to */
	bool formatting;	/* it is a format */
	bool stay_open;		/* leave STEP_REOPEN out: what the medium lost stays unseen */
	uint32_t step;		/* the one that failed */
};

int world_init(struct world *w, struct wpp_backend *be, uint32_t keep, struct book *book);
void world_fini(struct world *w); /* without the backend */
int world_open(struct world *w, struct wpp_diag *diag);
void world_close(struct world *w);
void world_forget(struct world *w); /* an empty model and book: play from the start */

#define WORLD_ENUMBER (-9001) /* commit gave the generation another number than the model */
const char *world_strerror(int err);

/* 0, or the first error; the store is closed after both. */
int world_play(struct world *w, const struct scenario *sc);

/* One more commit on an open store, with pages, a cut and both streams. */
int world_commit_more(struct world *w, uint32_t image);

#endif
