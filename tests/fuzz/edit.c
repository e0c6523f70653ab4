/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include <wpp/crc32c.h>

#include "edit.h"
#include "format.h"

#define BLK	WPP_PAGE_SIZE
#define BLOCKS	(WORLD_BYTES / BLK)
#define FIX_MAX 4096u /* blocks visited: a hostile tree can be a loop */

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

struct fixer {
	uint8_t *mem;
	uint32_t left; /* blocks it may still visit */
};

static uint8_t *block_at(const struct fixer *f, uint32_t place)
{
	return place && place < BLOCKS ? f->mem + (size_t)place * BLK : NULL;
}

static void fix_tree(struct fixer *f, struct wppf_ref *ref, uint32_t height)
{
	uint8_t *block = block_at(f, wppf_get32(ref->place));

	if (!block || !f->left)
		return;
	f->left--;
	for (uint32_t i = 0; height && i < WPPF_TABLE_LEN; i++)
		fix_tree(f, &((struct wppf_table *)(void *)block)->ref[i], height - 1);
	ref->crc = wppf_put32(wpp_crc32c(0, block, BLK));
}

static void fix_dir(struct fixer *f, struct wppf_ref *ref)
{
	struct wppf_dir *dir = (void *)block_at(f, wppf_get32(ref->place));

	if (!dir)
		return;
	for (uint32_t i = 0; i < WPPF_DIR_SPACES; i++) {
		uint32_t height = wppf_get32(dir->space[i].height);

		if (height && height <= WPPF_HEIGHT_MAX)
			fix_tree(f, &dir->space[i].root, height);
	}
	ref->crc = wppf_put32(wpp_crc32c(0, dir, BLK));
}

static void fix_record(struct fixer *f, struct wppf_commit *rec)
{
	uint32_t nr = wppf_get32(rec->nr_dirs);

	for (uint32_t i = 0; i < nr && i < WPPF_DIRS_MAX; i++)
		fix_dir(f, &rec->dir[i]);
	rec->crc = wppf_put32(wpp_crc32c(0, rec, offsetof(struct wppf_commit, crc)));
}

static bool has_magic(const uint8_t *block, const char *magic)
{
	return !memcmp(block, magic, 8);
}

void edit_fix_checksums(uint8_t *mem)
{
	struct fixer f = { .mem = mem, .left = FIX_MAX };

	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint8_t *block = mem + (size_t)i * BLK;

		if (has_magic(block, WPPF_COMMIT_MAGIC))
			fix_record(&f, (void *)block);
		if (has_magic(block, WPPF_LABEL_MAGIC)) {
			struct wppf_label *label = (void *)block;

			label->crc =
				wppf_put32(wpp_crc32c(0, label, offsetof(struct wppf_label, crc)));
		}
	}
}
