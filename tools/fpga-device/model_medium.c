/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The medium behind its write cache, and what a power cut makes of both. */
#include <stdlib.h>
#include <string.h>
#include "model_priv.h"

bool model_cache_new(struct model_cache *cache, uint64_t bytes)
{
	uint64_t nr = bytes / MODEL_BLOCK;

	if (!bytes)
		return true;
	if (!nr || nr > UINT32_MAX / 2)
		return false;
	cache->nr_blocks = (uint32_t)nr;
	cache->block = calloc(nr, sizeof(*cache->block));
	cache->bucket = calloc(nr, sizeof(*cache->bucket));
	return cache->block && cache->bucket;
}

void model_cache_free(struct model_cache *cache)
{
	free(cache->block);
	free(cache->bucket);
}

static uint8_t *medium_at(const struct fpga_model *m, uint64_t off)
{
	return (uint8_t *)m->bus.medium + off;
}

static void note_dirty(struct fpga_model *m, uint64_t off, uint64_t len)
{
	if (m->dirty_lo == m->dirty_hi) {
		m->dirty_lo = off;
		m->dirty_hi = off + len;
	}
	if (off < m->dirty_lo)
		m->dirty_lo = off;
	if (off + len > m->dirty_hi)
		m->dirty_hi = off + len;
}

static uint32_t *bucket_of(struct model_cache *cache, uint64_t nr)
{
	return &cache->bucket[nr % cache->nr_blocks];
}

static struct model_block *cache_find(struct model_cache *cache, uint64_t nr)
{
	if (!cache->nr_blocks)
		return NULL;
	for (uint32_t i = *bucket_of(cache, nr); i; i = cache->block[i - 1].next)
		if (cache->block[i - 1].nr == nr)
			return &cache->block[i - 1];
	return NULL;
}

static void write_out(struct fpga_model *m, const struct model_block *b)
{
	memcpy(medium_at(m, b->nr * MODEL_BLOCK), b->data, MODEL_BLOCK);
	note_dirty(m, b->nr * MODEL_BLOCK, MODEL_BLOCK);
}

static void cache_drop(struct model_cache *cache, struct model_block *b)
{
	uint32_t self = (uint32_t)(b - cache->block) + 1;
	uint32_t *link = bucket_of(cache, b->nr);

	while (*link != self)
		link = &cache->block[*link - 1].next;
	*link = b->next;
	b->used = false;
}

/* The cached block @nr; a new one pushes the oldest out to the medium. */
static struct model_block *cache_take(struct fpga_model *m, uint64_t nr)
{
	struct model_cache *cache = &m->cache;
	struct model_block *b = cache_find(cache, nr);

	if (b)
		return b;
	b = &cache->block[cache->hand];
	if (b->used) {
		write_out(m, b);
		cache_drop(cache, b);
	}
	b->nr = nr;
	b->used = true;
	b->next = *bucket_of(cache, nr);
	*bucket_of(cache, nr) = ++cache->hand;
	cache->hand %= cache->nr_blocks;
	memcpy(b->data, medium_at(m, nr * MODEL_BLOCK), MODEL_BLOCK);
	return b;
}

static uint32_t in_block(uint64_t off, uint32_t len)
{
	uint32_t left = MODEL_BLOCK - (uint32_t)(off % MODEL_BLOCK);

	return len < left ? len : left;
}

static uint32_t write_cached(struct fpga_model *m, uint64_t host, uint64_t off, uint32_t len)
{
	while (len) {
		uint32_t n = in_block(off, len);
		struct model_block *b = cache_take(m, off / MODEL_BLOCK);

		if (model_dma_read(m, host, b->data + off % MODEL_BLOCK, n))
			return FPGA_DMA_FAULT;
		host += n;
		off += n;
		len -= n;
	}
	return FPGA_DONE;
}

uint32_t model_medium_write(struct fpga_model *m, uint64_t host, uint64_t off, uint32_t len)
{
	if (m->cache.nr_blocks)
		return write_cached(m, host, off, len);
	note_dirty(m, off, len);
	return model_dma_read(m, host, medium_at(m, off), len) ? FPGA_DMA_FAULT : FPGA_DONE;
}

static const uint8_t *newest(struct fpga_model *m, uint64_t off)
{
	const struct model_block *b = cache_find(&m->cache, off / MODEL_BLOCK);

	return b ? b->data + off % MODEL_BLOCK : medium_at(m, off);
}

uint32_t model_medium_read(struct fpga_model *m, uint64_t host, uint64_t off, uint32_t len)
{
	while (len) {
		uint32_t n = m->cache.nr_blocks ? in_block(off, len) : len;

		if (model_dma_write(m, host, newest(m, off), n))
			return FPGA_DMA_FAULT;
		host += n;
		off += n;
		len -= n;
	}
	return FPGA_DONE;
}

uint32_t model_medium_flush(struct fpga_model *m)
{
	uint64_t lo, len;

	for (uint32_t i = 0; i < m->cache.nr_blocks; i++) {
		if (!m->cache.block[i].used)
			continue;
		write_out(m, &m->cache.block[i]);
		cache_drop(&m->cache, &m->cache.block[i]);
	}
	lo = m->dirty_lo;
	len = m->dirty_hi - lo;
	m->dirty_lo = m->dirty_hi = 0;
	if (!len || !m->bus.sync)
		return FPGA_DONE;
	return m->bus.sync(m->bus.ctx, lo, len) ? FPGA_MEDIUM_FAULT : FPGA_DONE;
}

/* Of each block in the cache: nothing, all, or each atomic unit by chance reached the medium. */
void model_medium_cut(struct fpga_model *m)
{
	for (uint32_t i = 0; i < m->cache.nr_blocks; i++) {
		struct model_block *b = &m->cache.block[i];
		uint64_t fate = model_random(m) % 4;

		if (!b->used || fate < 2)
			continue;
		for (uint32_t at = 0; at < MODEL_BLOCK; at += MODEL_ATOMIC)
			if (fate == 2 || model_random(m) % 2)
				memcpy(medium_at(m, b->nr * MODEL_BLOCK + at), b->data + at,
				       MODEL_ATOMIC);
	}
}
