/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* sim.c moves bytes, sim_cut.c models what a power cut does to them. */
#ifndef WPP_SIM_PRIV_H
#define WPP_SIM_PRIV_H

#include <wpp/sim.h>

#define SIM_BLOCK 4096u

enum {
	UNIT_STRAY = 1u << 0, /* stored through direct() without a WRITE: words, in any order */
};

/* Blocks where base or view may differ from ... */
enum {
	TOUCHED_CUT = 1u << 0,	/* at_cut */
	TOUCHED_LOAD = 1u << 1, /* loaded */
	TOUCHED_BOTH = TOUCHED_CUT | TOUCHED_LOAD,
};

/* A write that is not durable yet. */
struct unit {
	struct wpp_io *io; /* while in flight, for the queue to find it */
	uint64_t off;
	uint64_t flush; /* the first FLUSH that covers it; 0: none yet */
	size_t data;	/* its bytes in unit_list.bytes */
	uint32_t len;
	uint32_t flags;
};

struct unit_list {
	struct unit *unit;
	uint8_t *bytes;
	size_t nr, max;
	size_t used, size; /* of bytes */
};

struct sim {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct wpp_sim_cfg cfg;

	uint8_t *view;	       /* what reads and direct() see */
	uint8_t *base;	       /* what is durable */
	uint8_t *at_cut;       /* base at the last cut */
	uint8_t *touched;      /* TOUCHED_*, for each block */
	uint8_t *scratch;      /* with direct(): what view should be */
	const uint8_t *loaded; /* what wpp_sim_load() was given */

	struct unit_list pending; /* since power came on */
	struct unit_list lost;	  /* pending at the last cut */
	struct wpp_io **queue;
	uint32_t nr_queue;

	uint64_t ops_done;
	uint64_t cut_at;
	uint64_t flushes;
	uint64_t rng;
	bool dead;
	bool was_cut;
	bool booted;
};

static inline struct sim *to_sim(struct wpp_backend *be)
{
	return (struct sim *)(void *)be;
}

static inline const struct sim *to_const_sim(const struct wpp_backend *be)
{
	return (const struct sim *)(const void *)be;
}

static inline uint64_t sim_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* sim_cut.c */
int wppi_unit_add(struct unit_list *list, const struct unit *like, const void *data);
void wppi_sim_touch(struct sim *s, uint64_t off, uint64_t len);
void wppi_sim_die(struct sim *s);

#endif
