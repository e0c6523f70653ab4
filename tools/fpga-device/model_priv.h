/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_FPGA_MODEL_PRIV_H
#define WPP_FPGA_MODEL_PRIV_H

#include "../../backends/fpga/fpga_regs.h"
#include "model.h"

#define MODEL_BLOCK  4096u
#define MODEL_ATOMIC 8u

/* A block of the volatile cache. */
struct model_block {
	uint64_t nr;
	uint32_t next; /* in its bucket: index + 1 */
	bool used;
	uint8_t data[MODEL_BLOCK];
};

struct model_cache {
	struct model_block *block; /* [nr_blocks] */
	uint32_t *bucket;	   /* [nr_blocks]: index + 1 */
	uint32_t nr_blocks;	   /* 0: no cache */
	uint32_t hand;		   /* the next to be pushed out */
};

struct model_queue {
	uint64_t base;
	uint32_t slots;
	uint32_t producer;
	uint32_t consumer; /* what the driver sees */
	uint32_t work;	   /* the next command to execute; ahead of consumer when stuck */
	bool fetched;
	struct fpga_command cmd; /* of @work, in the CPU's byte order, when @fetched */
	uint64_t *arrived_ns;	 /* [max_slots]: when the doorbell for it rang */
	uint64_t link_free_ns;
	uint64_t due_ns;
};

struct fpga_model {
	struct fpga_model_bus bus;
	struct fpga_model_knobs knobs;
	struct fpga_model_counts counts;
	struct model_queue queue[2]; /* writes, reads */
	struct model_cache cache;
	uint8_t cfg[256];
	uint64_t now_ns;
	uint64_t random;
	uint64_t dirty_lo, dirty_hi; /* of the medium since the last sync */
	uint32_t error, error_index;
	uint32_t resets;
	uint32_t max_slots; /* as at the beginning, whatever becomes of the knob */
	uint32_t served;    /* the queue that had its turn last */
	bool enabled;
	bool hung;
};

/* splitmix64 */
static inline uint64_t model_random(struct fpga_model *m)
{
	uint64_t z = m->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* model_dma.c */
int model_dma_read(struct fpga_model *m, uint64_t host, void *buf, uint32_t len);
int model_dma_write(struct fpga_model *m, uint64_t host, const void *buf, uint32_t len);

/* model_medium.c: what lies between a command and the medium. Return: enum fpga_code. */
bool model_cache_new(struct model_cache *cache, uint64_t bytes);
void model_cache_free(struct model_cache *cache);
uint32_t model_medium_write(struct fpga_model *m, uint64_t host, uint64_t off, uint32_t len);
uint32_t model_medium_read(struct fpga_model *m, uint64_t host, uint64_t off, uint32_t len);
uint32_t model_medium_flush(struct fpga_model *m);
void model_medium_cut(struct fpga_model *m);

/* model_work.c: the rings. */
void model_doorbell(struct fpga_model *m, uint32_t queue, uint32_t producer);
void model_halt(struct fpga_model *m, uint32_t code, uint32_t queue, uint32_t index);
void model_tear(struct fpga_model *m);

#endif
