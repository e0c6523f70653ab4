/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The store: what open() found, the allocator, the cached tables, one writer,
 * a few readers. All of it lies in the workspace that the caller lends.
 */
#ifndef WPPI_STORE_PRIV_H
#define WPPI_STORE_PRIV_H

#include <wpp/store.h>

#include "bitmap_priv.h"
#include "format.h"
#include "geometry_priv.h"
#include "move_priv.h"
#include "pagemap_priv.h"

#define WPPI_READERS_MAX 8
#define WPPI_GENS	 (WPPF_LIVE_MAX + WPPI_READERS_MAX)

enum wppi_gen_state {
	WPPI_GEN_FREE = 0,
	WPPI_GEN_LIVE,
	WPPI_GEN_DYING, /* released, but a reader holds its blocks */
	WPPI_GEN_LOST,	/* its tables do not verify: only its number counts */
};

struct wppi_gen {
	char image[WPP_IMAGE_NAME_MAX + 1];
	uint64_t seq;
	uint64_t generation;
	uint64_t nr_pages;
	uint64_t nr_written;
	uint64_t realtime_ns;
	uint32_t nr_spaces;
	uint32_t slot;
	uint32_t state;
	uint32_t readers;
	bool big; /* the page map can't hold it */
	struct wppi_bitmap blocks;
};

enum wppi_slot_state {
	WPPI_SLOT_EMPTY = 0,
	WPPI_SLOT_LIVE,
	WPPI_SLOT_STALE, /* a record that verifies but counts no more */
};

struct wppi_label {
	uint64_t store;
	uint32_t nr_slots;
	uint32_t ro_compat;
	struct wpp_geometry geo;
};

struct wppi_range {
	uint32_t first, end; /* blocks */
};

struct wpp_writer {
	struct wpp_store *st;
	struct wppi_gen *parent; /* NULL: none */
	struct wppi_gen *gen;	 /* what commit will fill */
	uint64_t generation;
	uint64_t nr_written;
	struct wppi_bitmap blocks;
	uint8_t *direct; /* address of direct_place; NULL: nothing reserved */
	uint32_t direct_place, direct_nr;
	char image[WPP_IMAGE_NAME_MAX + 1];
};

struct wpp_reader {
	struct wpp_store *st; /* NULL: not open */
	struct wppi_gen *gen;
	struct wppf_commit *record;
	struct wppf_dir *dir;
	uint32_t dir_index; /* which one is in dir; ~0: none */
	struct wppf_table *table[WPPF_HEIGHT_MAX];
	uint32_t table_place[WPPF_HEIGHT_MAX]; /* 0: none */
	uint8_t *page;
};

struct wppi_alloc {
	struct wppi_bitmap used;
	uint32_t free[WPP_SEC_COUNT];
	uint32_t hint[WPP_SEC_COUNT];
	bool scrape[WPP_SEC_COUNT]; /* long runs are used up: take any */
};

struct wpp_store {
	struct wpp_backend *be;
	struct wpp_medium medium;
	struct wpp_geometry geo;
	struct wppi_range sec[WPP_SEC_COUNT];
	uint64_t id; /* label's store number */
	uint64_t last_seq;
	uint32_t generations;
	uint32_t nr_slots;
	bool rdonly;
	bool crc_hw;
	uint8_t slot[WPPF_SLOTS_MAX];
	struct wppi_gen *gen; /* [WPPI_GENS] */
	struct wppi_alloc alloc;
	struct wppi_moves moves;
	struct wppi_pagemap map;
	uint64_t map_seq;    /* generation whose tables are in map; 0: none */
	uint32_t *dir_place; /* [max_dirs]: directory blocks of the generation in map */
	uint32_t nr_dirs, max_dirs;
	struct wppf_commit *record; /* scratch block */
	struct wppf_dir *dir;	    /* scratch block */
	struct wpp_writer writer;
	struct wpp_reader reader[WPPI_READERS_MAX];
};

static inline uint64_t wppi_off(uint32_t place)
{
	return (uint64_t)place << WPP_PAGE_SHIFT;
}

static inline enum wpp_section wppi_space_section(uint32_t space)
{
	return space == WPP_STREAM_PCB	     ? WPP_SEC_METADATA
	       : space == WPP_STREAM_REGIONS ? WPP_SEC_REGIONS
					     : WPP_SEC_PAGES;
}

static inline bool wppi_place_ok(const struct wpp_store *st, enum wpp_section sec, uint32_t place)
{
	return place && place >= st->sec[sec].first && place < st->sec[sec].end;
}

static inline uint32_t wppi_slot_place(const struct wpp_store *st, uint32_t slot)
{
	return st->sec[WPP_SEC_INTERNAL].first + 1 + slot;
}

static inline bool wppi_poisoned(const struct wpp_store *st)
{
	return st->moves.write_err != 0;
}

/* ---- block.c: diag fills @diag unless it is NULL or was filled before */
void wppi_diag(struct wpp_diag *diag, const char *what, uint64_t off, uint64_t expected,
	       uint64_t found);
void wppi_diag_page(struct wpp_diag *diag, const char *what, uint64_t off, uint64_t expected,
		    uint64_t found, uint32_t space, uint64_t page);

uint32_t wppi_block_crc(const struct wpp_store *st, const void *block);
int wppi_block_read(struct wpp_store *st, const char *what, uint32_t place, uint32_t crc, void *buf,
		    struct wpp_diag *diag);
/* @place becomes part of @blocks; WPP_ECORRUPT: it is one of them, or none of @sec's. */
int wppi_block_claim(const struct wpp_store *st, struct wppi_bitmap *blocks, enum wpp_section sec,
		     uint32_t place, const char *what, uint64_t from, struct wpp_diag *diag);
bool wppi_block_is_zero(const void *block);

/* ---- label.c */
bool wppi_medium_ok(const struct wpp_medium *m);
int wppi_label_read(struct wpp_backend *be, const struct wpp_medium *m, uint64_t label_off,
		    struct wppf_label *buf, struct wppi_label *label, struct wpp_diag *diag);

/* ---- record.c */
bool wppi_image_ok(const char *image);
uint32_t wppi_record_crc(bool hw, const struct wppf_commit *rec);
/* Is this the record of a generation? 0; WPP_ENOENT: empty or of another store; WPP_ECORRUPT;
 * WPP_EFORMAT: a later version's. */
int wppi_record_check(const struct wpp_store *st, const struct wppf_commit *rec, uint64_t off,
		      struct wpp_diag *diag);
void wppi_record_decode(const struct wppf_commit *rec, struct wppi_gen *gen);
bool wppi_record_keeps(const struct wppf_commit *rec, uint64_t seq);
/* Pages that the record says a stream has. */
uint64_t wppi_stream_pages(const struct wppf_commit *rec, uint32_t stream);
/* Read the record of @gen again. */
int wppi_record_read(struct wpp_store *st, const struct wppi_gen *gen, struct wppf_commit *rec,
		     struct wpp_diag *diag);

/* ---- recover.c: which generations are live (I3) */
int wppi_recover(struct wpp_store *st, struct wpp_diag *diag);

/* ---- load.c: all tables of @gen into st->map, its blocks into @blocks */
int wppi_load(struct wpp_store *st, const struct wppi_gen *gen, struct wppi_bitmap *blocks,
	      struct wpp_diag *diag);
/* One directory entry, checked. */
int wppi_space_decode(const struct wpp_store *st, const struct wppf_space *raw,
		      struct wppi_space *space, struct wppf_ref *root);

/* ---- scan.c: the blocks of a generation whose tables do not fit st->map */
int wppi_scan(struct wpp_store *st, const struct wppi_gen *gen, struct wppi_bitmap *blocks,
	      struct wpp_diag *diag);

/* ---- gen.c */
struct wppi_gen *wppi_gen_find(const struct wpp_store *st, const char *image, uint64_t generation);
struct wppi_gen *wppi_gen_new(struct wpp_store *st);
uint64_t wppi_gen_last_number(const struct wpp_store *st, const char *image);
void wppi_gen_release(struct wpp_store *st, struct wppi_gen *gen);
void wppi_gen_put(struct wppi_gen *gen);
void wppi_gen_describe(const struct wppi_gen *g, struct wpp_generation *gen);
uint32_t wppi_slot_pick(const struct wpp_store *st);

/* ---- alloc.c */
void wppi_alloc_rebuild(struct wpp_store *st);
/* Take up to @want neighbours of a section; returns how many, 0: full. */
uint32_t wppi_alloc_run(struct wpp_store *st, enum wpp_section sec, uint32_t want, uint32_t *place);
void wppi_alloc_give_back(struct wpp_store *st, enum wpp_section sec, uint32_t place, uint32_t nr);
/* Make sure that @nr blocks are free, waiting for moves to reclaim what the writer replaced. */
int wppi_alloc_check(struct wpp_store *st, enum wpp_section sec, uint64_t nr);

#endif
