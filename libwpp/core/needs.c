/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How much memory the generations on a medium ask for, from their commit records alone. */
#include <wpp/sized.h>

#include "crc32c_priv.h"
#include "plat.h"
#include "store_priv.h"

static bool is_record(const struct wppf_commit *rec, uint64_t store)
{
	return wppf_get32(rec->crc) == wppi_record_crc(wppi_crc32c_hw(), rec) &&
	       !wpp_memcmp(rec->head.magic, WPPF_COMMIT_MAGIC, sizeof(rec->head.magic)) &&
	       wppf_get64(rec->store) == store && wppf_get16(rec->head.major) == WPPF_MAJOR;
}

static void take_record(const struct wppf_commit *rec, const struct wpp_geometry *geo,
			struct wpp_store_needs *needs)
{
	const uint32_t most = WPPF_DIRS_MAX * WPPF_DIR_SPACES - WPP_STREAM_COUNT;
	uint64_t pages = wppf_get64(rec->nr_pages);
	uint32_t spaces = wppf_get32(rec->nr_spaces);

	for (uint32_t i = 0; i < WPP_STREAM_COUNT; i++)
		spaces -= spaces && wppf_get64(rec->stream_len[i]);
	if (spaces > most || pages > geo->size[WPP_SEC_PAGES] >> WPP_PAGE_SHIFT)
		return; /* no generation is like that: open finds it damaged */
	needs->nr_generations++;
	if (spaces > needs->max_spaces)
		needs->max_spaces = spaces;
	if (pages > needs->max_pages)
		needs->max_pages = pages;
}

/* What can't be read is the business of open. */
static int read_records(struct wpp_backend *be, const struct wppi_label *label, void *scratch,
			struct wpp_store_needs *needs)
{
	uint64_t off = label->geo.base[WPP_SEC_INTERNAL];
	uint32_t failed = 0;
	int first = 0;

	for (uint32_t i = 0; i < label->nr_slots; i++) {
		int err =
			wpp_io_run(be, WPP_IO_READ, off + wppi_off(1 + i), scratch, WPP_PAGE_SIZE);

		if (!err && is_record(scratch, label->store))
			take_record(scratch, &label->geo, needs);
		first = first ? first : err;
		failed += !!err;
	}
	return failed == label->nr_slots ? first : 0;
}

int wpp_store_needs(struct wpp_backend *be, const struct wpp_medium *m, uint64_t label_off,
		    struct wpp_store_needs *needs, void *scratch)
{
	struct wpp_store_needs found = { .size = sizeof(found) };
	struct wpp_store_cfg cfg = { .size = sizeof(cfg), .label_off = label_off };
	struct wppi_label label;
	int err;

	if (!wpp_sized_fits(needs, WPP_SIZE_UPTO(struct wpp_store_needs, workspace)) ||
	    !wppi_medium_ok(m))
		return WPP_EINVAL;
	err = wppi_label_read(be, m, label_off, scratch, &label, NULL);
	if (!err)
		err = read_records(be, &label, scratch, &found);
	if (err)
		return err;
	cfg.max_spaces = found.max_spaces;
	cfg.max_pages = found.max_pages;
	found.workspace = wpp_store_workspace(&label.geo, m, &cfg);
	wpp_sized_out(needs, &found, sizeof(found));
	return 0;
}
