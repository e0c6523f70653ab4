/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "damage.h"

#define BLK    WPP_PAGE_SIZE
#define BLOCKS (WORLD_BYTES / BLK)

static uint32_t pick(struct damage *d, uint32_t n)
{
	uint64_t x = d->rng += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((x ^ x >> 31) >> 32) % n;
}

static bool is_used(const uint8_t *medium, uint32_t block)
{
	const uint8_t *p = medium + (size_t)block * BLK;

	return p[0] || memcmp(p, p + 1, BLK - 1);
}

/* A block that holds something, most of the time. */
static uint32_t pick_block(struct damage *d)
{
	const uint8_t *medium = specimen_newest(d->own);
	uint32_t block = pick(d, BLOCKS);

	if (pick(d, 8))
		while (!is_used(medium, block))
			block = (block + 1) % BLOCKS;
	return block;
}

static uint32_t pick_len(struct damage *d)
{
	static const uint32_t len[] = { 1, 8, 64, 512, BLK, 4 * BLK };

	return len[pick(d, 6)];
}

static uint32_t clip(uint32_t off, uint32_t len)
{
	return len < WORLD_BYTES - off ? len : WORLD_BYTES - off;
}

static void flip(struct damage *d)
{
	uint32_t nr = 1 + pick(d, 4);

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t block = pick_block(d);

		d->mem[block * BLK + pick(d, BLK)] ^= (uint8_t)(1u << pick(d, 8));
	}
}

static uint32_t pick_off(struct damage *d)
{
	uint32_t block = pick_block(d);

	return block * BLK + (pick(d, 2) ? 0 : pick(d, BLK));
}

static void zero(struct damage *d)
{
	uint32_t off = pick_off(d);

	memset(d->mem + off, 0, clip(off, pick_len(d)));
}

static void noise(struct damage *d)
{
	uint32_t off = pick_off(d);
	uint32_t len = clip(off, pick_len(d));

	for (uint32_t i = 0; i < len; i++)
		d->mem[off + i] = (uint8_t)pick(d, 256);
}

/* The rest of the medium is gone: not there at all, or never written. */
static void truncate_medium(struct damage *d)
{
	uint32_t block = pick(d, BLOCKS);

	if (pick(d, 2))
		d->size = (uint64_t)block * BLK;
	memset(d->mem + (size_t)block * BLK, pick(d, 2) ? 0xff : 0, WORLD_BYTES - block * BLK);
}

static void swap(struct damage *d)
{
	uint8_t *a = d->mem + (size_t)pick_block(d) * BLK;
	uint8_t *b = d->mem + (size_t)pick_block(d) * BLK;
	uint8_t tmp[BLK];

	memcpy(tmp, a, BLK);
	memmove(a, b, BLK);
	memcpy(b, tmp, BLK);
}

static void splice(struct damage *d)
{
	const struct specimen *from = pick(d, 2) ? d->own : d->other;
	const uint8_t *age = from->age[pick(d, SPECIMEN_AGES)];
	uint32_t off = pick_block(d) * BLK;
	uint32_t len = pick(d, 4) ? pick_len(d) : pick(d, BLOCKS) * BLK;

	memcpy(d->mem + off, age + off, clip(off, len));
}

/* One block to another place: an old commit record into a fresh slot, for example. */
static void copy(struct damage *d)
{
	const struct specimen *from = pick(d, 3) ? d->own : d->other;
	const uint8_t *age = from->age[pick(d, SPECIMEN_AGES)];
	uint32_t block = pick_block(d);
	uint32_t to = (block + pick(d, 9) + BLOCKS - 4) % BLOCKS;

	memcpy(d->mem + (size_t)to * BLK, age + (size_t)block * BLK, BLK);
}

static const struct {
	const char *name;
	void (*fn)(struct damage *d);
} kinds[] = {
	{ "flip", flip },
	{ "zero", zero },
	{ "noise", noise },
	{ "swap", swap },
	{ "truncate", truncate_medium },
	{ "splice", splice },
	{ "copy", copy },
};

void damage_do(struct damage *d, uint64_t seed)
{
	uint32_t nr;

	d->rng = seed * 0x2545f4914f6cdd1du;
	d->size = WORLD_BYTES;
	d->what[0] = '\0';
	nr = pick(d, 3) ? 1 : 1 + pick(d, 3);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t kind = pick(d, sizeof(kinds) / sizeof(kinds[0]));
		size_t len = strlen(d->what);

		snprintf(d->what + len, sizeof(d->what) - len, "%s%s", i ? ", " : "",
			 kinds[kind].name);
		kinds[kind].fn(d);
	}
}
