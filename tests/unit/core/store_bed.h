/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A formatted, open store on a RAM medium, and a buffer aligned for it. */
#ifndef WPP_TEST_STORE_BED_H
#define WPP_TEST_STORE_BED_H

#include <wpp/store.h>

#include "core/ram_backend.h"

#define BED_BUF_PAGES 1024

struct bed {
	struct ram *ram;
	struct wpp_geometry geo;
	struct wpp_store_cfg cfg;
	struct wpp_store *st;
	struct wpp_diag diag;
	uint8_t *ws, *buf;
	uint64_t ws_len;
};

static inline int bed_open(struct bed *bed)
{
	memset(bed->ws, 0, (size_t)bed->ws_len);
	return wpp_store_open(&bed->st, &bed->ram->be, &bed->ram->medium, &bed->cfg, bed->ws,
			      bed->ws_len, &bed->diag);
}

static inline void bed_close(struct bed *bed)
{
	if (bed->st)
		wpp_store_close(bed->st);
	bed->st = NULL;
}

static inline void bed_reopen(struct bed *bed)
{
	bed_close(bed);
	assert_int_equal(bed_open(bed), 0);
}

static inline void bed_workspace(struct bed *bed)
{
	free(bed->ws);
	bed->ws_len = wpp_store_workspace(&bed->geo, &bed->ram->medium, &bed->cfg);
	assert_true(bed->ws_len > 0);
	bed->ws = aligned_alloc(4096, (size_t)((bed->ws_len + 4095) & ~4095ull));
	assert_non_null(bed->ws);
}

static inline struct bed *bed_new(uint64_t size, uint32_t queue_depth, uint32_t caps)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed->ram = ram_new(size, queue_depth, caps);
	bed->cfg.size = sizeof(bed->cfg);
	bed->buf = aligned_alloc(4096, BED_BUF_PAGES * 4096);
	assert_non_null(bed->buf);
	assert_int_equal(wpp_geometry_fit(&bed->geo, size), 0);
	assert_int_equal(wpp_store_format(&bed->ram->be, &bed->ram->medium, &bed->geo, bed->buf),
			 0);
	bed_workspace(bed);
	assert_int_equal(bed_open(bed), 0);
	return bed;
}

static inline void bed_free(struct bed *bed)
{
	bed_close(bed);
	ram_free(bed->ram);
	free(bed->ws);
	free(bed->buf);
	free(bed);
}

static inline void fill_le32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

/* A page that no other @tag gives, the same on every machine. */
static inline void fill(uint8_t *page, uint32_t tag)
{
	uint32_t v = tag * 2654435761u + 12345;

	for (uint32_t i = 0; i < 4096; i += 4) {
		fill_le32(page + i, v);
		v = v * 1664525u + 1013904223u;
	}
	fill_le32(page, tag);
}

#endif
