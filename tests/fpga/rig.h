/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Driver and device model in one process, with a clock that only the rig
 * moves: the model works a little whenever the driver looks at it. The bus
 * swaps neighbouring pages, so memory that is contiguous here is not there.
 */
#ifndef RIG_H
#define RIG_H

#include "../../backends/fpga/fpga.h"
#include "../../tools/fpga-device/model.h"

#define RIG_SLOTS_MAX 4096u
#define RIG_CANARY    0xa5

struct rig_cfg {
	struct fpga_model_knobs knobs;
	uint64_t medium_size;
	uint32_t nr_slots;
	uint32_t first_index;
	uint32_t late;	   /* of 100 looks the model does nothing at */
	uint32_t step_max; /* commands a look, by chance 1 .. step_max; 0: all */
	bool contiguous;   /* the bus has the pages as they are */
	bool no_bus_master;
	uint64_t seed;
};

struct rig {
	struct rig_cfg cfg;
	struct fpga_model *m;
	struct fpga_env env;
	struct fpga_mem mem[FPGA_QUEUES];
	uint8_t *medium;
	bool own_medium;
	uint64_t now_ns;
	uint64_t random;
	bool frozen;		    /* the model is not stepped */
	bool bus_master_off;	    /* as the driver left it */
	uint64_t nr_reads, nr_dmas; /* of registers; outside of the rings */
	uint32_t (*lie)(struct rig *rig, uint32_t reg, uint32_t val); /* what reads give instead */
	bool (*may_dma)(struct rig *rig, const uint8_t *va, uint32_t len, bool write);
	void *owner;
	/* What was posted: a slot must not change before the device is done with it. */
	struct fpga_command *posted[FPGA_QUEUES];
	uint32_t rung[FPGA_QUEUES], seen[FPGA_QUEUES];
	const char *wrong; /* the first rule that the driver broke */
};

/* @medium: [cfg->medium_size], or NULL: one of the rig's own, zeroed. */
struct rig *rig_new(const struct rig_cfg *cfg, uint8_t *medium);
void rig_free(struct rig *rig);
void rig_tick(struct rig *rig);
uint64_t rig_random(struct rig *rig);
/* Fill the unusable slots, after the driver zeroed the ring; then look whether they stayed. */
void rig_mark_unusable(struct rig *rig);
bool rig_unusable_are_untouched(const struct rig *rig);
struct fpga_model_counts rig_counts(const struct rig *rig);

#endif
