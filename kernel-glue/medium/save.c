/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One generation, from runs of page frames to a commit. Pages are lent to the
 * device where they are; nothing is allocated here.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/kerrno.h"
#include "medium/kmedium.h"
#include "medium/save.h"

#define BATCH 1024u /* pages put at a time: tables and places are reserved once for all */

struct wppk_save {
	struct wpp_store *st;
	struct wpp_writer *w;
	u32 space, nr;
	u64 first_move, nr_moves;
	u64 bytes;
	u64 page[BATCH];
	const void *data[BATCH];
};

/* There is one medium, so there is one save at a time. */
static struct wppk_save the_save;

static int begin(struct wppk_save *save, const char *image)
{
	int err = save->st ? 0 : WPP_EPOISON; /* its last reopen failed */

	if (!err)
		err = wpp_writer_begin(save->st, image, WPP_WRITER_EMPTY, &save->w);
	if (err != WPP_EPOISON)
		return err;
	err = wppk_medium_reopen(&save->st);
	if (err)
		return err;
	return wpp_writer_begin(save->st, image, WPP_WRITER_EMPTY, &save->w);
}

int wppk_save_begin(const char *image, struct wppk_save **out)
{
	struct wppk_save *save = &the_save;
	struct wpp_store *st;
	int err = wppk_medium_get(&st);

	*out = NULL;
	if (err)
		return err;
	save->st = st;
	save->w = NULL;
	save->nr = 0;
	save->bytes = 0;
	err = begin(save, image);
	if (err) {
		wppk_medium_put();
		return wppk_errno(err);
	}
	save->first_move = wpp_writer_mark(save->w);
	*out = save;
	return 0;
}

static int put_batch(struct wppk_save *save)
{
	u32 nr = save->nr;
	int err;

	if (!nr)
		return 0;
	save->nr = 0;
	err = wpp_writer_put_pages(save->w, save->space, save->page, nr, save->data);
	if (!err)
		save->bytes += (u64)nr << WPP_PAGE_SHIFT;
	return wppk_errno(err);
}

static bool goes_on(const struct wppk_save *save, u32 space, u64 page)
{
	return !save->nr || (save->space == space && save->page[save->nr - 1] < page);
}

int wppk_save_run(struct wppk_save *save, u32 space, const struct wppk_run *run)
{
	int err = 0;

	if (!goes_on(save, space, run->page))
		err = put_batch(save);
	save->space = space;
	for (u32 i = 0; i < run->nr && !err; i++) {
		save->page[save->nr] = run->page + i;
		save->data[save->nr] = page_address(pfn_to_page(run->pfn + i));
		if (++save->nr == BATCH)
			err = put_batch(save);
	}
	return err;
}

int wppk_save_settle(struct wppk_save *save)
{
	int err = put_batch(save);

	return err ? err : wppk_errno(wpp_writer_settle(save->w));
}

int wppk_save_stream(struct wppk_save *save, enum wpp_stream stream, const struct wppk_buf *buf)
{
	int err = buf->err ? buf->err : put_batch(save);

	if (err)
		return err;
	save->bytes += buf->len;
	return wppk_errno(wpp_writer_stream(save->w, stream, buf->data, buf->len));
}

int wppk_save_commit(struct wppk_save *save, u64 *generation, u64 *nr_moves, u64 *bytes)
{
	int err = put_batch(save);

	if (err) {
		wppk_save_abort(save);
		return err;
	}
	*nr_moves = wpp_writer_mark(save->w) - save->first_move;
	*bytes = save->bytes;
	err = wpp_writer_commit(save->w, ktime_get_real_ns(), generation);
	wppk_medium_put();
	return wppk_errno(err);
}

void wppk_save_abort(struct wppk_save *save)
{
	wpp_writer_abort(save->w);
	wppk_medium_put();
}
