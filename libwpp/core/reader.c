/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reading one generation. Each reader keeps the tables on the way to its last
 * page; whatever is read is checked against the checksum in its parent (I4), so
 * the chain begins at the commit record.
 */
#include "plat.h"
#include "store_priv.h"

#define NONE (~0u)

static uint32_t index_of(uint64_t page, uint32_t level)
{
	return (uint32_t)(page >> (WPPF_TABLE_SHIFT * level)) & (WPPF_TABLE_LEN - 1);
}

static struct wpp_reader *free_reader(struct wpp_store *st)
{
	for (uint32_t i = 0; i < WPPI_READERS_MAX; i++)
		if (!st->reader[i].st)
			return &st->reader[i];
	return NULL;
}

int wpp_reader_open(struct wpp_store *st, const char *image, uint64_t generation,
		    struct wpp_reader **out, struct wpp_diag *diag)
{
	struct wpp_reader *r = free_reader(st);
	struct wppi_gen *gen = wppi_image_ok(image) ? wppi_gen_find(st, image, generation) : NULL;
	int err;

	*out = NULL;
	if (diag)
		*diag = (struct wpp_diag){ .space = ~0u, .page = ~0ull };
	if (!gen)
		return WPP_ENOENT;
	if (!r)
		return WPP_EBUSY;
	err = wppi_record_read(st, gen, r->record, diag);
	if (err)
		return err;
	r->dir_index = NONE;
	wpp_memset(r->table_place, 0, sizeof(r->table_place));
	r->st = st;
	r->gen = gen;
	gen->readers++;
	*out = r;
	return 0;
}

void wpp_reader_close(struct wpp_reader *r)
{
	wppi_gen_put(r->gen);
	r->st = NULL;
}

void wpp_reader_generation(const struct wpp_reader *r, struct wpp_generation *gen)
{
	wppi_gen_describe(r->gen, gen);
}

static int read_dir(struct wpp_reader *r, uint32_t index, struct wpp_diag *diag)
{
	const struct wppf_ref *ref = &r->record->dir[index];
	int err;

	if (r->dir_index == index)
		return 0;
	r->dir_index = NONE;
	err = wppi_block_read(r->st, "directory", wppf_get32(ref->place), wppf_get32(ref->crc),
			      r->dir, diag);
	if (!err)
		r->dir_index = index;
	return err;
}

/* The first space with an id >= @id; *@root: its root table. */
static int find_space(struct wpp_reader *r, uint32_t id, struct wppi_space *space,
		      struct wppf_ref *root, struct wpp_diag *diag)
{
	uint32_t nr_spaces = wppf_get32(r->record->nr_spaces);

	for (uint32_t i = 0; i < nr_spaces; i++) {
		const struct wppf_space *raw;
		int err = read_dir(r, i / WPPF_DIR_SPACES, diag);

		if (err)
			return err;
		raw = &r->dir->space[i % WPPF_DIR_SPACES];
		if (wppf_get32(raw->space) >= id)
			return wppi_space_decode(r->st, raw, space, root);
	}
	return WPP_ENOENT;
}

static int get_space(struct wpp_reader *r, uint32_t id, struct wppi_space *space,
		     struct wppf_ref *root, struct wpp_diag *diag)
{
	int err = find_space(r, id, space, root, diag);

	return !err && space->id != id ? WPP_ENOENT : err;
}

int wpp_reader_next_space(struct wpp_reader *r, uint32_t space, uint32_t *found)
{
	struct wppi_space s;
	struct wppf_ref root;
	int err = find_space(r, space, &s, &root, NULL);

	if (!err)
		*found = s.id;
	return err;
}

uint64_t wpp_reader_stream_len(const struct wpp_reader *r, enum wpp_stream stream)
{
	return wppf_get64(r->record->stream_len[stream]);
}

/* The table that @ref names, at @level of the path kept. */
static int read_table(struct wpp_reader *r, uint32_t level, struct wppf_ref ref,
		      struct wpp_diag *diag)
{
	uint32_t place = wppf_get32(ref.place);
	int err;

	if (r->table_place[level] == place)
		return 0;
	r->table_place[level] = 0;
	if (!wppi_place_ok(r->st, WPP_SEC_MAPPINGS, place)) {
		wppi_diag(diag, "page table place", 0, 0, place);
		return WPP_ECORRUPT;
	}
	err = wppi_block_read(r->st, "page table", place, wppf_get32(ref.crc), r->table[level],
			      diag);
	if (!err)
		r->table_place[level] = place;
	return err;
}

/*
 * Walk from the root towards *@page. Found: *@ref is its entry. Not there:
 * WPP_ENOENT, and *@page is the first page behind the hole that was met.
 */
static int walk(struct wpp_reader *r, const struct wppi_space *space, struct wppf_ref root,
		uint64_t *page, struct wppf_ref *ref, struct wpp_diag *diag)
{
	*ref = root;
	for (uint32_t level = space->height; level-- > 0;) {
		uint32_t slot = index_of(*page, level), shift = WPPF_TABLE_SHIFT * level;
		int err = read_table(r, level, *ref, diag);

		if (err)
			return err;
		*ref = r->table[level]->ref[slot];
		if (wppf_get32(ref->place))
			continue;
		while (slot < WPPF_TABLE_LEN && !wppf_get32(r->table[level]->ref[slot].place))
			slot++;
		*page = ((*page >> (shift + WPPF_TABLE_SHIFT)) << (shift + WPPF_TABLE_SHIFT)) +
			((uint64_t)slot << shift);
		return WPP_ENOENT;
	}
	if (wppi_place_ok(r->st, wppi_space_section(space->id), wppf_get32(ref->place)))
		return 0;
	wppi_diag_page(diag, "page place", 0, 0, wppf_get32(ref->place), space->id, *page);
	return WPP_ECORRUPT;
}

static bool past_end(const struct wppi_space *space, uint64_t page)
{
	return page >> (WPPF_TABLE_SHIFT * space->height) != 0;
}

/* The first page at or after *@page, and its entry. */
static int find_page(struct wpp_reader *r, const struct wppi_space *space, struct wppf_ref root,
		     uint64_t *page, struct wppf_ref *ref)
{
	int err = WPP_ENOENT;

	while (err == WPP_ENOENT && !past_end(space, *page))
		err = walk(r, space, root, page, ref, NULL);
	return err;
}

int wpp_reader_next(struct wpp_reader *r, uint32_t space, uint64_t page, uint32_t max,
		    struct wpp_run *run)
{
	struct wppi_space s;
	struct wppf_ref root, ref;
	uint32_t place;
	int err = get_space(r, space, &s, &root, NULL);

	if (!err && !max)
		err = WPP_EINVAL;
	if (!err)
		err = find_page(r, &s, root, &page, &ref);
	if (err)
		return err;
	place = wppf_get32(ref.place);
	*run = (struct wpp_run){ .page = page, .off = wppi_off(place), .space = space, .nr = 1 };
	while (run->nr < max) {
		uint64_t next = page + run->nr;

		if (past_end(&s, next))
			break;
		err = walk(r, &s, root, &next, &ref, NULL);
		if (err && err != WPP_ENOENT)
			return err;
		if (err || wppf_get32(ref.place) != place + run->nr)
			break;
		run->nr++;
	}
	return 0;
}

/* Check pages [@first, @first + @nr) of @run, which lie at @buf. */
static int check_pages(struct wpp_reader *r, const struct wpp_run *run, uint32_t first, uint32_t nr,
		       const uint8_t *buf, struct wpp_diag *diag)
{
	struct wppi_space space;
	struct wppf_ref root, ref;
	int err = get_space(r, run->space, &space, &root, diag);

	if (err == WPP_ENOENT)
		return WPP_EINVAL;
	for (uint32_t i = first; i < first + nr && !err; i++, buf += WPP_PAGE_SIZE) {
		uint64_t page = run->page + i;
		uint64_t off = run->off + wppi_off(i);
		uint32_t crc;

		err = past_end(&space, page) ? WPP_EINVAL
					     : walk(r, &space, root, &page, &ref, diag);
		if (err)
			return err == WPP_ENOENT ? WPP_EINVAL : err;
		if (wppi_off(wppf_get32(ref.place)) != off)
			return WPP_EINVAL;
		crc = wppi_block_crc(r->st, buf);
		if (crc == wppf_get32(ref.crc))
			continue;
		wppi_diag_page(diag, run->space < WPP_SPACE_FIRST ? "stream" : "page", off,
			       wppf_get32(ref.crc), crc, run->space, page);
		err = WPP_ECORRUPT;
	}
	return err;
}

static void clear_diag(struct wpp_diag *diag)
{
	if (diag)
		*diag = (struct wpp_diag){ .space = ~0u, .page = ~0ull };
}

int wpp_reader_check(struct wpp_reader *r, const struct wpp_run *run, const void *buf,
		     struct wpp_diag *diag)
{
	clear_diag(diag);
	return check_pages(r, run, 0, run->nr, buf, diag);
}

/* Fits the run the medium's sections? Says it before anything is read. */
static bool run_ok(const struct wpp_reader *r, const struct wpp_run *run)
{
	const struct wppi_range *sec = &r->st->sec[wppi_space_section(run->space)];
	uint64_t place = run->off >> WPP_PAGE_SHIFT;

	return !(run->off & (WPP_PAGE_SIZE - 1)) && run->nr && place >= sec->first &&
	       place < sec->end && run->nr <= sec->end - place;
}

/* A run is read in parts of the medium's best length, some of them ahead of the check. */
#define AHEAD_MAX 8u

struct parts {
	struct wpp_reader *r;
	const struct wpp_run *run;
	uint8_t *buf;
	uint32_t part; /* pages */
	uint32_t ahead;
	struct wppi_wait wait[AHEAD_MAX];
};

static uint32_t part_len(const struct parts *ps, uint32_t first)
{
	return ps->run->nr - first < ps->part ? ps->run->nr - first : ps->part;
}

static struct wppi_wait *part_wait(struct parts *ps, uint32_t first)
{
	return &ps->wait[first / ps->part % ps->ahead];
}

static void part_start(struct parts *ps, uint32_t first)
{
	/* An error is told by part_finish(). */
	int err = wppi_moves_read(&ps->r->st->moves, ps->run->off + wppi_off(first),
				  ps->buf + (size_t)first * WPP_PAGE_SIZE,
				  part_len(ps, first) << WPP_PAGE_SHIFT, part_wait(ps, first));

	(void)err;
}

static int part_finish(struct parts *ps, uint32_t first, struct wpp_diag *diag)
{
	int err = wppi_moves_wait(&ps->r->st->moves, part_wait(ps, first));

	if (err) {
		wppi_diag_page(diag, "page", ps->run->off + wppi_off(first), 0, 0, ps->run->space,
			       ps->run->page + first);
		return err;
	}
	return check_pages(ps->r, ps->run, first, part_len(ps, first),
			   ps->buf + (size_t)first * WPP_PAGE_SIZE, diag);
}

int wpp_reader_read(struct wpp_reader *r, const struct wpp_run *run, void *buf,
		    struct wpp_diag *diag)
{
	const struct wppi_moves *moves = &r->st->moves;
	struct parts ps = { .r = r, .run = run, .buf = buf };
	uint64_t next = 0;
	int err = 0;

	clear_diag(diag);
	if (!run_ok(r, run) || (uintptr_t)buf & (r->st->medium.buf_align - 1))
		return WPP_EINVAL;
	ps.part = moves->best >> WPP_PAGE_SHIFT;
	ps.ahead = moves->nr < AHEAD_MAX ? moves->nr : AHEAD_MAX;
	for (uint64_t at = 0; at < next || (at < run->nr && !err); at += ps.part) {
		for (; next < run->nr && next < at + (uint64_t)ps.part * ps.ahead && !err;
		     next += ps.part)
			part_start(&ps, (uint32_t)next);
		if (!err)
			err = part_finish(&ps, (uint32_t)at, diag);
		else if (wppi_moves_wait(&r->st->moves, part_wait(&ps, (uint32_t)at)))
			continue; /* the first error counts, but no move may outlive the call */
	}
	return err;
}

/* Part of one page of a stream, through the reader's own page. */
static int stream_part(struct wpp_reader *r, enum wpp_stream stream, uint64_t off, void *buf,
		       uint32_t len)
{
	struct wpp_run run;
	int err = wpp_reader_next(r, stream, off >> WPP_PAGE_SHIFT, 1, &run);

	if (!err && run.page != off >> WPP_PAGE_SHIFT)
		err = WPP_ENOENT;
	if (!err)
		err = wpp_reader_read(r, &run, r->page, NULL);
	if (!err)
		wpp_memcpy(buf, r->page + (off & (WPP_PAGE_SIZE - 1)), len);
	return err == WPP_ENOENT ? WPP_ECORRUPT : err;
}

/* Whole pages straight into the caller's buffer; *@len: bytes read. */
static int stream_pages(struct wpp_reader *r, enum wpp_stream stream, uint64_t off, void *buf,
			uint64_t *len)
{
	uint64_t nr = *len >> WPP_PAGE_SHIFT;
	struct wpp_run run;
	int err = wpp_reader_next(r, stream, off >> WPP_PAGE_SHIFT, nr < NONE ? (uint32_t)nr : NONE,
				  &run);

	if (!err && run.page != off >> WPP_PAGE_SHIFT)
		err = WPP_ENOENT;
	if (!err)
		err = wpp_reader_read(r, &run, buf, NULL);
	if (!err)
		*len = (uint64_t)run.nr << WPP_PAGE_SHIFT;
	return err == WPP_ENOENT ? WPP_ECORRUPT : err;
}

int wpp_reader_stream(struct wpp_reader *r, enum wpp_stream stream, uint64_t off, void *buf,
		      uint64_t len)
{
	uint64_t total;
	uint8_t *to = buf;

	if ((uint32_t)stream >= WPP_STREAM_COUNT)
		return WPP_EINVAL;
	total = wpp_reader_stream_len(r, stream);
	if (off > total || len > total - off)
		return WPP_ERANGE;
	while (len) {
		uint32_t in_page = (uint32_t)off & (WPP_PAGE_SIZE - 1);
		uint64_t part = WPP_PAGE_SIZE - in_page < len ? WPP_PAGE_SIZE - in_page : len;
		bool whole =
			part == WPP_PAGE_SIZE && !((uintptr_t)to & (r->st->medium.buf_align - 1));
		int err;

		if (whole) {
			part = len & ~(uint64_t)(WPP_PAGE_SIZE - 1);
			err = stream_pages(r, stream, off, to, &part);
		} else {
			err = stream_part(r, stream, off, to, (uint32_t)part);
		}
		if (err)
			return err;
		off += part;
		to += (size_t)part;
		len -= part;
	}
	return 0;
}

static int gather_start(struct wpp_reader *r, const struct wpp_run *run, uint8_t *buf)
{
	uint32_t place = (uint32_t)(run->off >> WPP_PAGE_SHIFT);
	int err = 0;

	for (uint32_t i = 0; i < run->nr && !err; i++)
		err = wppi_moves_add(&r->st->moves, WPP_IO_READ, place + i,
				     buf + (size_t)i * WPP_PAGE_SIZE);
	return err;
}

int wpp_reader_gather(struct wpp_reader *r, const struct wpp_run *run, uint32_t nr, void *buf,
		      struct wpp_diag *diag)
{
	struct wppi_moves *moves = &r->st->moves;
	uint8_t *at = buf;
	int err = 0, settled;

	if (nr == 1)
		return wpp_reader_read(r, run, buf, diag);
	clear_diag(diag);
	for (uint32_t i = 0; i < nr; i++)
		if (!run_ok(r, &run[i]) || (uintptr_t)buf & (r->st->medium.buf_align - 1))
			return WPP_EINVAL;
	for (uint32_t i = 0; i < nr && !err; i++) {
		err = gather_start(r, &run[i], at);
		at += (size_t)run[i].nr * WPP_PAGE_SIZE;
	}
	settled = wppi_moves_settle_reads(moves);
	if (settled)
		wppi_diag(diag, "page", moves->read_err_off, 0, 0);
	err = err ? err : settled;
	at = buf;
	for (uint32_t i = 0; i < nr && !err; i++) {
		err = check_pages(r, &run[i], 0, run[i].nr, at, diag);
		at += (size_t)run[i].nr * WPP_PAGE_SIZE;
	}
	return err;
}
