/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An NVMe controller as the polled driver sees it, in memory: what it may do
 * (any order, any delay, a volatile cache) and what it must not (errors, lies,
 * death). Bus addresses are addresses of this process; it moves bytes only
 * while Bus Master is on, and only where it was allowed to.
 */
#ifndef WPP_TEST_NVME_MODEL_H
#define WPP_TEST_NVME_MODEL_H

#include "nvme_polled.h"
#include "prop.h"

#define MODEL_SIZE  (8u << 20)
#define MODEL_ARENA (8u << 20) /* memory that moves may come from */

struct nvme_model {
	/* What it is; set before probe(). */
	uint32_t block, mqes, dstrd, mdts, metadata, dps, nsattr, css, mpsmin;
	uint64_t nr_blocks;
	bool volatile_cache;

	/* How it behaves; may change at any time. */
	uint32_t ready_after; /* looks at the status until it follows CC */
	bool stuck;	      /* fetches, never completes */
	bool gone;	      /* reads as ones, does nothing */
	bool fatal;
	bool lies;	  /* completes a command that nobody sent */
	uint32_t fail_at; /* the n-th I/O command from now fails; 0: none */

	/* What it saw. */
	uint32_t nr_commands, nr_flushes, nr_doorbells, longest;
	bool was_shut_down, bus_master, broken; /* broken: the driver broke a rule */
	const char *why;

	struct prop prop;
	struct nvme_shared *shared;
	uint8_t *arena;
	uint8_t *cache, *medium; /* [MODEL_SIZE]: what reads see; what is durable */
	uint32_t cc, csts, aqa, looks, want;
	uint64_t asq, acq, now_ns;
	struct {
		const struct nvme_sqe *sq;
		struct nvme_cqe *cq;
		uint32_t nr, tail, head, cq_tail, cq_head, phase;
		struct nvme_sqe pending[NVME_ENTRIES];
		uint32_t nr_pending;
	} q[2];
};

struct nvme_model *model_new(uint64_t seed);
void model_free(struct nvme_model *m);
/* The environment of a driver for it. */
struct nvme_env model_env(struct nvme_model *m);
/* Complete up to @nr commands, in any order. */
void model_work(struct nvme_model *m, uint32_t nr);

#endif
