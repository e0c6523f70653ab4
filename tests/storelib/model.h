/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a store should hold: a dumb model. Page contents are tags: tag t stands
 * for the 4096 bytes pool_page(t), different for each t. A book keeps every
 * generation that was ever built; a model says which of them are live.
 */
#ifndef MODEL_H
#define MODEL_H

#include <wpp/store.h>

#define MODEL_IMAGES 3
#define MODEL_KEEP   6
#define MODEL_PAGES  256
#define BOOK_GENS    64

struct model_page {
	uint64_t page;
	uint32_t space;
	uint32_t tag;
};

struct model_gen {
	uint64_t generation;
	uint64_t realtime_ns;
	uint32_t image;
	uint32_t nr;
	uint32_t stream_tag[WPP_STREAM_COUNT];
	uint32_t stream_len[WPP_STREAM_COUNT];
	struct model_page page[MODEL_PAGES]; /* by space, then page */
};

struct book {
	uint32_t nr;
	uint32_t next_tag;
	struct model_gen gen[BOOK_GENS];
};

/* Live generations of each image as indices into the book, oldest first. */
struct model {
	struct {
		uint32_t nr;
		uint32_t gen[MODEL_KEEP];
	} image[MODEL_IMAGES];
};

extern const char *const model_image_name[MODEL_IMAGES];
int model_image_by_name(const char *name); /* or -1 */

/* Immutable contents; neighbours in tag are neighbours in memory. */
#define POOL_PAGES 4096u
int pool_init(void);
const uint8_t *pool_page(uint32_t tag);
uint32_t book_tags(struct book *b, uint32_t nr); /* the first of @nr fresh tags */

/* A new generation in the book, a copy of @from or empty (NULL). */
struct model_gen *book_add(struct book *b, uint32_t image, const struct model_gen *from);
void gen_put(struct model_gen *g, uint32_t space, uint64_t page, uint32_t tag);
void gen_cut(struct model_gen *g, uint32_t space, uint64_t first, uint64_t nr);

const struct model_gen *model_newest(const struct model *m, const struct book *b, uint32_t image);
bool model_has(const struct model *m, uint32_t image, uint32_t gen);
void model_commit(struct model *m, uint32_t image, uint32_t gen, uint32_t keep);
void model_drop(struct model *m, const struct book *b, uint32_t image, uint64_t generation);

#endif
