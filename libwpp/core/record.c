/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The commit record: check once at the edge, then decode. FORMAT.md 3.2. */
#include "crc32c_priv.h"
#include "plat.h"
#include "store_priv.h"

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool wppi_image_ok(const char *image)
{
	uint32_t len = 0;

	if (!image || image[0] == '.' || image[0] == '-')
		return false;
	for (; image[len]; len++)
		if (len == WPP_IMAGE_NAME_MAX || !name_char(image[len]))
			return false;
	return len > 0;
}

uint32_t wppi_record_crc(bool hw, const struct wppf_commit *rec)
{
	return wppi_crc32c(hw, 0, rec, offsetof(struct wppf_commit, crc));
}

static bool name_sound(const struct wppf_commit *rec)
{
	char name[WPP_IMAGE_NAME_MAX + 1];

	wpp_memcpy(name, rec->image, sizeof(name));
	return !name[WPP_IMAGE_NAME_MAX] && wppi_image_ok(name);
}

static bool dirs_sound(const struct wpp_store *st, const struct wppf_commit *rec)
{
	uint32_t nr_spaces = wppf_get32(rec->nr_spaces);
	uint32_t nr_dirs = wppf_get32(rec->nr_dirs);

	if (nr_dirs > WPPF_DIRS_MAX || nr_spaces > WPPF_DIRS_MAX * WPPF_DIR_SPACES ||
	    nr_dirs != (nr_spaces + WPPF_DIR_SPACES - 1) / WPPF_DIR_SPACES)
		return false;
	for (uint32_t i = 0; i < nr_dirs; i++)
		if (!wppi_place_ok(st, WPP_SEC_MAPPINGS, wppf_get32(rec->dir[i].place)))
			return false;
	return true;
}

static bool numbers_sound(const struct wpp_store *st, const struct wppf_commit *rec)
{
	uint64_t seq = wppf_get64(rec->seq);
	uint64_t generation = wppf_get64(rec->generation);
	uint64_t nr_pages = wppf_get64(rec->nr_pages);

	if (!seq || seq > WPPF_NUMBER_MAX || !generation || generation > WPPF_NUMBER_MAX ||
	    wppf_get64(rec->parent) >= generation)
		return false;
	for (uint32_t i = 0; i < WPPF_KEPT_MAX; i++)
		if (wppf_get64(rec->kept[i]) >= seq)
			return false;
	return nr_pages <= st->sec[WPP_SEC_PAGES].end - st->sec[WPP_SEC_PAGES].first &&
	       wppf_get64(rec->nr_written) <= nr_pages;
}

int wppi_record_check(const struct wpp_store *st, const struct wppf_commit *rec, uint64_t off,
		      struct wpp_diag *diag)
{
	uint32_t crc = wppi_record_crc(st->crc_hw, rec);

	if (wppf_get32(rec->crc) != crc) {
		if (wppi_block_is_zero(rec))
			return WPP_ENOENT;
		wppi_diag(diag, "commit record", off, wppf_get32(rec->crc), crc);
		return WPP_ECORRUPT;
	}
	if (wpp_memcmp(rec->head.magic, WPPF_COMMIT_MAGIC, sizeof(rec->head.magic)) ||
	    wppf_get64(rec->store) != st->id)
		return WPP_ENOENT;
	if (wppf_get16(rec->head.major) != WPPF_MAJOR ||
	    wppf_get32(rec->head.incompat) & ~WPPF_INCOMPAT_KNOWN)
		return WPP_EFORMAT;
	if (name_sound(rec) && dirs_sound(st, rec) && numbers_sound(st, rec))
		return 0;
	wppi_diag(diag, "commit record field", off, 0, 0);
	return WPP_ECORRUPT;
}

void wppi_record_decode(const struct wppf_commit *rec, struct wppi_gen *gen)
{
	wpp_memcpy(gen->image, rec->image, sizeof(gen->image));
	gen->seq = wppf_get64(rec->seq);
	gen->generation = wppf_get64(rec->generation);
	gen->nr_pages = wppf_get64(rec->nr_pages);
	gen->nr_written = wppf_get64(rec->nr_written);
	gen->realtime_ns = wppf_get64(rec->realtime_ns);
	gen->nr_spaces = wppf_get32(rec->nr_spaces);
	gen->big = false;
}

bool wppi_record_keeps(const struct wppf_commit *rec, uint64_t seq)
{
	for (uint32_t i = 0; i < WPPF_KEPT_MAX; i++)
		if (wppf_get64(rec->kept[i]) == seq)
			return true;
	return false;
}

uint64_t wppi_stream_pages(const struct wppf_commit *rec, uint32_t stream)
{
	uint64_t len = wppf_get64(rec->stream_len[stream]);

	return (len >> WPP_PAGE_SHIFT) + !!(len & (WPP_PAGE_SIZE - 1));
}

int wppi_record_read(struct wpp_store *st, const struct wppi_gen *gen, struct wppf_commit *rec,
		     struct wpp_diag *diag)
{
	uint64_t off = wppi_off(wppi_slot_place(st, gen->slot));
	int err = wpp_io_run(st->be, WPP_IO_READ, off, rec, WPP_PAGE_SIZE);

	if (err) {
		wppi_diag(diag, "commit record", off, 0, 0);
		return err;
	}
	err = wppi_record_check(st, rec, off, diag);
	if (!err && wppf_get64(rec->seq) == gen->seq)
		return 0;
	wppi_diag(diag, "commit record", off, gen->seq, err ? 0 : wppf_get64(rec->seq));
	return WPP_ECORRUPT;
}
