/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include <wpp/crc32c.h>

#include "edit.h"
#include "format.h"

#define BLK    WPP_PAGE_SIZE
#define BLOCKS (WORLD_BYTES / BLK)

/* ---- Edits ---------------------------------------------------------------------------------- */

static bool in_use(const uint8_t *mem, uint32_t block)
{
	const uint8_t *p = mem + (size_t)block * BLK;

	return p[0] || memcmp(p, p + 1, BLK - 1);
}

/* The n-th block in use, counted around. */
static uint32_t nth_block(const uint8_t *sound, uint32_t n)
{
	uint32_t block = BLOCKS - 1;

	for (n++; n > 0; n--) {
		block = (block + 1) % BLOCKS;
		while (!in_use(sound, block))
			block = (block + 1) % BLOCKS;
	}
	return block;
}

void edit_apply(uint8_t *mem, const uint8_t *sound, const uint8_t *script, size_t len)
{
	while (len >= 4) {
		uint32_t block = nth_block(sound, script[0]);
		uint32_t off = (uint32_t)(script[1] | script[2] << 8) % BLK;
		uint32_t n = script[3];

		script += 4;
		len -= 4;
		n = n < len ? n : (uint32_t)len;
		n = n < BLK - off ? n : BLK - off;
		memcpy(mem + (size_t)block * BLK + off, script, n);
		script += n;
		len -= n;
	}
}

/* ---- Checksums ------------------------------------------------------------------------------ */

/*
 * Only blocks that differ from the sound medium, and those that refer to them, need a new checksum.
 * A hostile tree can be a loop: each block is walked once.
 */
struct fixer {
	uint8_t *mem;
	const uint8_t *sound;
	bool walked[BLOCKS];
};

static bool changed(const struct fixer *f, const void *block)
{
	return memcmp(block, f->sound + ((const uint8_t *)block - f->mem), BLK) != 0;
}

static void *block_at(const struct fixer *f, uint32_t place)
{
	return place && place < BLOCKS ? f->mem + (size_t)place * BLK : NULL;
}

static void fix_ref(const struct fixer *f, struct wppf_ref *ref, bool edited)
{
	const void *block = block_at(f, wppf_get32(ref->place));

	if (block && (edited || changed(f, block)))
		ref->crc = wppf_put32(wpp_crc32c(0, block, BLK));
}

/* Is the block that @ref names here for the first time? */
static void *walk_to(struct fixer *f, const struct wppf_ref *ref)
{
	uint32_t place = wppf_get32(ref->place);

	if (!block_at(f, place) || f->walked[place])
		return NULL;
	f->walked[place] = true;
	return block_at(f, place);
}

static void fix_table(struct fixer *f, const struct wppf_ref *ref, uint32_t height)
{
	struct wppf_table *table = walk_to(f, ref);
	bool edited = table && changed(f, table);

	for (uint32_t i = 0; table && i < WPPF_TABLE_LEN; i++) {
		if (!wppf_get32(table->ref[i].place))
			continue;
		if (height > 1)
			fix_table(f, &table->ref[i], height - 1);
		fix_ref(f, &table->ref[i], edited);
	}
}

static void fix_dir(struct fixer *f, const struct wppf_ref *ref)
{
	struct wppf_dir *dir = walk_to(f, ref);
	bool edited = dir && changed(f, dir);

	for (uint32_t i = 0; dir && i < WPPF_DIR_SPACES; i++) {
		uint32_t height = wppf_get32(dir->space[i].height);

		if (height && height <= WPPF_HEIGHT_MAX)
			fix_table(f, &dir->space[i].root, height);
		fix_ref(f, &dir->space[i].root, edited);
	}
}

static void fix_record(struct fixer *f, struct wppf_commit *rec)
{
	uint32_t nr = wppf_get32(rec->nr_dirs);
	bool edited = changed(f, rec);

	for (uint32_t i = 0; i < nr && i < WPPF_DIRS_MAX; i++) {
		fix_dir(f, &rec->dir[i]);
		fix_ref(f, &rec->dir[i], edited);
	}
	if (changed(f, rec))
		rec->crc = wppf_put32(wpp_crc32c(0, rec, offsetof(struct wppf_commit, crc)));
}

static void fix_label(struct fixer *f, struct wppf_label *label)
{
	if (changed(f, label))
		label->crc = wppf_put32(wpp_crc32c(0, label, offsetof(struct wppf_label, crc)));
}

void edit_fix_checksums(uint8_t *mem, const uint8_t *sound)
{
	struct fixer f = { .mem = mem, .sound = sound };

	for (uint32_t i = 0; i < BLOCKS; i++) {
		void *block = mem + (size_t)i * BLK;

		if (!memcmp(block, WPPF_COMMIT_MAGIC, 8))
			fix_record(&f, block);
		if (!memcmp(block, WPPF_LABEL_MAGIC, 8))
			fix_label(&f, block);
	}
}
