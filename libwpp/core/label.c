/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The label, twice in INTERNAL, and how a medium gets it. FORMAT.md 3.1. */
#include "crc32c_priv.h"
#include "plat.h"
#include "store_priv.h"

#define CRC_LEN (WPP_PAGE_SIZE - 4)

static bool power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

bool wppi_medium_ok(const struct wpp_medium *m)
{
	return power_of_two(m->io_align) && m->io_align <= WPP_PAGE_SIZE &&
	       power_of_two(m->buf_align) && m->buf_align <= WPP_PAGE_SIZE &&
	       m->io_max >= WPP_PAGE_SIZE && m->io_best <= m->io_max && m->queue_depth &&
	       !(m->caps & ~WPP_CAP_ALL);
}

static uint32_t slots_of(const struct wpp_geometry *geo)
{
	uint64_t blocks = (geo->size[WPP_SEC_INTERNAL] >> WPP_PAGE_SHIFT) - 2;

	return blocks < WPPF_SLOTS_MAX ? (uint32_t)blocks : WPPF_SLOTS_MAX;
}

static uint64_t second_label_off(const struct wpp_geometry *geo)
{
	return geo->base[WPP_SEC_INTERNAL] + geo->size[WPP_SEC_INTERNAL] - WPP_PAGE_SIZE;
}

static void label_encode(struct wppf_label *raw, const struct wpp_geometry *geo, uint64_t store)
{
	wpp_memset(raw, 0, sizeof(*raw));
	wpp_memcpy(raw->head.magic, WPPF_LABEL_MAGIC, sizeof(raw->head.magic));
	raw->head.major = wppf_put16(WPPF_MAJOR);
	raw->head.minor = wppf_put16(WPPF_MINOR);
	raw->store = wppf_put64(store);
	raw->block_shift = wppf_put32(WPP_PAGE_SHIFT);
	raw->nr_slots = wppf_put32(slots_of(geo));
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		raw->section[i].base = wppf_put64(geo->base[i]);
		raw->section[i].size = wppf_put64(geo->size[i]);
	}
	raw->crc = wppf_put32(wppi_crc32c(false, 0, raw, CRC_LEN));
}

static int label_check(const struct wppf_label *raw, const struct wpp_medium *m, uint64_t base,
		       uint64_t off, struct wppi_label *label, struct wpp_diag *diag)
{
	uint32_t crc = wppi_crc32c(false, 0, raw, CRC_LEN);

	if (wpp_memcmp(raw->head.magic, WPPF_LABEL_MAGIC, sizeof(raw->head.magic)))
		return WPP_EFORMAT;
	if (wppf_get32(raw->crc) != crc) {
		wppi_diag(diag, "label", off, wppf_get32(raw->crc), crc);
		return WPP_ECORRUPT;
	}
	if (wppf_get16(raw->head.major) != WPPF_MAJOR ||
	    wppf_get32(raw->head.incompat) & ~WPPF_INCOMPAT_KNOWN)
		return WPP_EFORMAT;
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		label->geo.base[i] = wppf_get64(raw->section[i].base);
		label->geo.size[i] = wppf_get64(raw->section[i].size);
	}
	label->store = wppf_get64(raw->store);
	label->nr_slots = wppf_get32(raw->nr_slots);
	label->ro_compat = wppf_get32(raw->head.ro_compat);
	if (wppf_get32(raw->block_shift) != WPP_PAGE_SHIFT ||
	    wpp_geometry_check(&label->geo, m->size) || label->geo.base[WPP_SEC_INTERNAL] != base ||
	    label->nr_slots != slots_of(&label->geo)) {
		wppi_diag(diag, "label geometry", off, 0, 0);
		return WPP_ECORRUPT;
	}
	return 0;
}

static int label_try(struct wpp_backend *be, const struct wpp_medium *m, uint64_t base,
		     uint64_t off, struct wppf_label *buf, struct wppi_label *label,
		     struct wpp_diag *diag)
{
	int err = wpp_io_run(be, WPP_IO_READ, off, buf, WPP_PAGE_SIZE);

	if (err) {
		wppi_diag(diag, "label", off, 0, 0);
		return err;
	}
	return label_check(buf, m, base, off, label, diag);
}

/*
 * The second label lies at the end of INTERNAL, whose length only the labels
 * know: the default lengths are tried, and whatever a damaged first one claims.
 */
static uint64_t second_guess(const struct wppf_label *first, const struct wpp_medium *m,
			     uint64_t base, uint32_t try)
{
	struct wpp_geometry geo;
	uint64_t size = 0;

	if (try == 0)
		size = wppf_get64(first->section[WPP_SEC_INTERNAL].size);
	else if (try == 1 && !wpp_geometry_fit(&geo, m->size))
		size = geo.size[WPP_SEC_INTERNAL];
	else if (try == 2 && !wpp_geometry_thesis(&geo, m->size))
		size = geo.size[WPP_SEC_INTERNAL];
	if (size & (WPP_PAGE_SIZE - 1) || size < WPPI_INTERNAL_MIN * WPP_PAGE_SIZE ||
	    base > m->size || size > m->size - base)
		return 0;
	return base + size - WPP_PAGE_SIZE;
}

int wppi_label_read(struct wpp_backend *be, const struct wpp_medium *m, uint64_t label_off,
		    struct wppf_label *buf, struct wppi_label *label, struct wpp_diag *diag)
{
	uint64_t guess[3];
	int first, err;

	if (label_off & (WPP_PAGE_SIZE - 1) || label_off > m->size ||
	    m->size - label_off < WPP_PAGE_SIZE)
		return WPP_EINVAL;
	wpp_memset(buf, 0, sizeof(*buf));
	first = label_try(be, m, label_off, label_off, buf, label, diag);
	if (!first)
		return 0;
	for (uint32_t i = 0; i < 3; i++)
		guess[i] = second_guess(buf, m, label_off, i);
	for (uint32_t i = 0; i < 3; i++) {
		if (!guess[i])
			continue;
		err = label_try(be, m, label_off, guess[i], buf, label, diag);
		if (!err) {
			wppi_diag(diag, "label", label_off, 0, 0);
			return 0;
		}
		if (err == WPP_ECORRUPT && first == WPP_EFORMAT)
			first = err;
	}
	return first;
}

int wpp_store_probe(struct wpp_backend *be, const struct wpp_medium *m, uint64_t label_off,
		    struct wpp_geometry *geo, void *scratch)
{
	struct wppi_label label;
	int err;

	if (!wppi_medium_ok(m))
		return WPP_EINVAL;
	err = wppi_label_read(be, m, label_off, scratch, &label, NULL);
	if (!err)
		*geo = label.geo;
	return err;
}

static int flush(struct wpp_backend *be)
{
	return wpp_io_run(be, WPP_IO_FLUSH, 0, NULL, 0);
}

static int write_labels(struct wpp_backend *be, const struct wpp_geometry *geo, void *block)
{
	int err = wpp_io_run(be, WPP_IO_WRITE, second_label_off(geo), block, WPP_PAGE_SIZE);

	if (!err)
		err = wpp_io_run(be, WPP_IO_WRITE, geo->base[WPP_SEC_INTERNAL], block,
				 WPP_PAGE_SIZE);
	return err ? err : flush(be);
}

/* Old page contents could look like a record: no slot keeps what was there. */
static int erase_slots(struct wpp_backend *be, const struct wpp_geometry *geo, void *zero)
{
	uint64_t off = geo->base[WPP_SEC_INTERNAL];
	uint32_t nr = slots_of(geo);
	int err = 0;

	for (uint32_t i = 0; i < nr && !err; i++)
		err = wpp_io_run(be, WPP_IO_WRITE, off + wppi_off(1 + i), zero, WPP_PAGE_SIZE);
	return err ? err : flush(be);
}

int wpp_store_format(struct wpp_backend *be, const struct wpp_medium *m,
		     const struct wpp_geometry *geo, void *scratch)
{
	struct wppi_label old = { .store = 0 };
	int err;

	if (!wppi_medium_ok(m))
		return WPP_EINVAL;
	err = wpp_geometry_check(geo, m->size);
	if (err)
		return err;
	if (wppi_label_read(be, m, geo->base[WPP_SEC_INTERNAL], scratch, &old, NULL))
		old.store = 0;
	wpp_memset(scratch, 0, WPP_PAGE_SIZE);
	err = write_labels(be, geo, scratch);
	if (!err)
		err = erase_slots(be, geo, scratch);
	if (err)
		return err;
	label_encode(scratch, geo, old.store + 1);
	return write_labels(be, geo, scratch);
}
