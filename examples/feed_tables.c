/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * feed_tables FILE: persist an address space from a tool's own events.
 *
 * A hypervisor, an emulator or firmware sees mappings and page faults itself
 * and needs no /proc. This toy machine has 4 MiB of physical memory; its events
 * are fed into the tables, what must be saved is planned and persisted on the
 * medium FILE, and read back into an empty machine and compared.
 *
 * Build: cc feed_tables.c $(pkg-config --cflags --libs wpp)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wpp/media.h>
#include <wpp/pcb.h>
#include <wpp/plan.h>
#include <wpp/pte.h>
#include <wpp/region.h>

#define RAM_SIZE   (4u << 20)
#define REGIONS	   64u
#define PATHS	   16384u
#define PTES_BYTES 65536u
#define PAGES	   64u /* that are present at a time, at most */
#define SPACE	   WPP_SPACE_FIRST

#define READ	     1u
#define WRITE	     2u
#define PRIVATE_ANON 0x22u

#define STACK	  0x7ffe00000000u
#define STACK_LEN 0x10000u
#define STACK_TOP (STACK + 0xf800u) /* where the guest's SP is now */

struct machine {
	unsigned char *ram;
	struct wpp_regions regions;
	struct wpp_ptes ptes;
	void *regions_mem, *ptes_mem;
};

enum kind { MAP, UNMAP, PROTECT, FAULT };

struct event {
	enum kind kind;
	uint64_t va, len;
	uint32_t prot;
	uint64_t pa;
};

/* What a guest did: a heap with a hole, a stack with a page left behind, a page that moved. */
static const struct event events[] = {
	{ MAP, 0x400000, 0x40000, READ | WRITE, 0 },
	{ MAP, STACK, STACK_LEN, READ | WRITE, 0 },
	{ FAULT, 0x400000, 0, 0, 0x3ff000 },
	{ FAULT, 0x401000, 0, 0, 0x001000 },
	{ FAULT, 0x402000, 0, 0, 0x002000 },
	{ FAULT, 0x410000, 0, 0, 0x100000 },
	{ FAULT, 0x43f000, 0, 0, 0x101000 },
	{ FAULT, 0x7ffe0000f000, 0, 0, 0x200000 },
	{ FAULT, 0x7ffe00001000, 0, 0, 0x201000 },
	{ UNMAP, 0x410000, 0x8000, 0, 0 },	/* splits the heap */
	{ PROTECT, 0x400000, 0x1000, READ, 0 }, /* splits it again */
	{ FAULT, 0x403000, 0, 0, 0x301000 },
	{ FAULT, 0x402000, 0, 0, 0x300000 }, /* copied elsewhere: the newest place counts */
};

static int machine_init(struct machine *m)
{
	size_t regions_bytes = (size_t)wpp_regions_bytes(REGIONS, PATHS);
	int err;

	m->ram = aligned_alloc(WPP_PAGE_SIZE, RAM_SIZE);
	m->regions_mem = malloc(regions_bytes);
	m->ptes_mem = aligned_alloc(64, PTES_BYTES);
	if (!m->ram || !m->regions_mem || !m->ptes_mem)
		return WPP_ENOMEM;
	memset(m->ram, 0, RAM_SIZE);
	err = wpp_regions_init(&m->regions, m->regions_mem, regions_bytes, REGIONS, 1);
	return err ? err : wpp_ptes_init(&m->ptes, m->ptes_mem, PTES_BYTES, 1);
}

static void machine_fini(struct machine *m)
{
	free(m->ram);
	free(m->regions_mem);
	free(m->ptes_mem);
}

/* ---- Events into the tables --------------------------------------------------------------- */

static int feed(struct machine *m, const struct event *e)
{
	struct wpp_region region = { .start = e->va,
				     .len = e->len,
				     .prot = e->prot,
				     .space = SPACE,
				     .flags = PRIVATE_ANON,
				     .file_off = e->va };
	struct wpp_pte pte = { .va = e->va, .pa = e->pa, .size = WPP_PTE_4K };
	int err;

	switch (e->kind) {
	case MAP:
		return wpp_regions_add(&m->regions, &region);
	case UNMAP:
		err = wpp_regions_remove(&m->regions, e->va, e->len);
		return err ? err : wpp_ptes_remove_range(&m->ptes, e->va, e->len);
	case PROTECT:
		return wpp_regions_protect(&m->regions, e->va, e->len, e->prot);
	case FAULT:
		memset(m->ram + e->pa, (int)(e->va >> 12 & 0xff) + 1, WPP_PAGE_SIZE);
		return wpp_ptes_add(&m->ptes, &pte);
	}
	return WPP_EINVAL;
}

/* ---- Tables onto the medium --------------------------------------------------------------- */

static int put_regions(struct wpp_writer *w, const struct machine *m, void *buf, size_t size)
{
	struct wpp_region region;
	uint64_t cursor = 0, len = 0;

	while (!wpp_regions_next(&m->regions, &cursor, &region)) {
		struct wpp_rec_region fields = {
			.start = region.start,
			.len = region.len,
			.prot = region.prot,
			.flags = region.flags,
			.kind = WPP_REGION_ANON,
			.file_off = region.file_off,
		};
		struct wpp_rec rec = { .type = WPP_REC_REGION,
				       .nr_fields = WPP_REC_NR(fields),
				       .task = 1,
				       .id = region.start };
		int64_t n = wpp_rec_put((char *)buf + len, size - len, &rec, &fields.start);

		if (n < 0)
			return (int)n;
		len += (uint64_t)n;
	}
	return wpp_writer_stream(w, WPP_STREAM_REGIONS, buf, len);
}

/* Which moves save it, and do they fit into the 16 ms that a power supply promises? */
static int plan(const struct machine *m, const struct wpp_medium *medium, struct wpp_plan *p,
		struct wpp_move *moves, struct wpp_forecast *forecast)
{
	struct wpp_stack stack = { .start = STACK, .len = STACK_LEN, .sp = STACK_TOP };
	struct wpp_plan_cfg cfg = {
		.size = sizeof(cfg),
		.medium = medium,
		.bandwidth = 1u << 30,
		.latency_ns = 20000,
		.flush_ns = 100000,
		.window_ns = 16000000,
		.stacks = &stack,
		.nr_stacks = 1,
		.stack_space = SPACE,
		.moves = moves,
		.max_moves = PAGES,
	};
	struct wpp_pte ptes[PAGES];
	uint64_t nr;
	int err = wpp_ptes_sorted(&m->ptes, WPP_PTE_BY_VA, ptes, PAGES, &nr);

	if (!err)
		err = wpp_plan_begin(p, &cfg);
	for (uint64_t i = 0; !err && i < nr; i++) {
		struct wpp_page_run run = { .src = ptes[i].pa,
					    .page = ptes[i].va >> WPP_PAGE_SHIFT,
					    .nr = 1,
					    .space = SPACE };

		err = wpp_plan_add_run(p, &run);
	}
	return err ? err : wpp_plan_end(p, forecast);
}

static int put_pages(struct wpp_writer *w, const struct machine *m, const struct wpp_plan *p)
{
	uint64_t pages[PAGES];
	int err = 0;

	for (uint32_t i = 0; !err && i < p->nr_moves; i++) {
		const struct wpp_move *move = &p->moves[i];

		for (uint32_t n = 0; n < move->nr; n++)
			pages[n] = move->page + n;
		err = wpp_writer_put(w, move->space, pages, move->nr, m->ram + move->src);
	}
	return err;
}

static int persist(struct wpp_media *media, const struct machine *m, struct wpp_forecast *forecast,
		   uint64_t *generation)
{
	struct wpp_move moves[PAGES];
	struct wpp_writer *w;
	struct wpp_plan p;
	char records[8192];
	int err = plan(m, wpp_media_medium(media), &p, moves, forecast);

	if (!err)
		err = wpp_writer_begin(wpp_media_store(media), "toy", WPP_WRITER_EMPTY, &w);
	if (err)
		return err;
	err = put_pages(w, m, &p);
	if (!err)
		err = put_regions(w, m, records, sizeof(records));
	if (err) {
		wpp_writer_abort(w);
		return err;
	}
	return wpp_writer_commit(w, 0, generation);
}

/* ---- And back into an empty machine ------------------------------------------------------- */

static int get_regions(struct wpp_reader *r, struct machine *m)
{
	char records[8192];
	uint64_t len = wpp_reader_stream_len(r, WPP_STREAM_REGIONS);
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	if (len > sizeof(records))
		return WPP_ECORRUPT;
	err = wpp_reader_stream(r, WPP_STREAM_REGIONS, 0, records, len);
	while (!err && !(err = wpp_rec_next(records, len, &pos, &rec))) {
		struct wpp_rec_region fields = { 0 };
		struct wpp_region region = { .space = SPACE };

		if (rec.type != WPP_REC_REGION)
			continue;
		wpp_rec_get(&rec, &fields.start, WPP_REC_NR(fields));
		region.start = fields.start;
		region.len = fields.len;
		region.prot = (uint32_t)fields.prot;
		region.flags = fields.flags;
		region.file_off = fields.file_off;
		err = wpp_regions_add(&m->regions, &region);
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* Physical memory is given out from the bottom: pages need not be where they were. */
static int get_pages(struct wpp_reader *r, struct machine *m)
{
	struct wpp_pte pte = { .size = WPP_PTE_4K };
	struct wpp_run run;
	uint64_t page = 0;
	int err;

	while (!(err = wpp_reader_next(r, SPACE, page, 1, &run))) {
		if (pte.pa == RAM_SIZE)
			return WPP_ENOSPC;
		err = wpp_reader_read(r, &run, m->ram + pte.pa, NULL);
		if (err)
			return err;
		pte.va = run.page << WPP_PAGE_SHIFT;
		err = wpp_ptes_add(&m->ptes, &pte);
		if (err)
			return err;
		pte.pa += WPP_PAGE_SIZE;
		page = run.page + 1;
	}
	return err == WPP_ENOENT ? 0 : err;
}

static int restore(struct wpp_store *store, struct machine *m)
{
	struct wpp_reader *r;
	int err = wpp_reader_open(store, "toy", 0, &r, NULL);

	if (err)
		return err;
	err = get_regions(r, m);
	if (!err)
		err = get_pages(r, m);
	wpp_reader_close(r);
	return err;
}

static bool same_regions(const struct machine *a, const struct machine *b)
{
	uint64_t i = 0, j = 0;
	struct wpp_region x, y;

	while (!wpp_regions_next(&a->regions, &i, &x))
		if (wpp_regions_next(&b->regions, &j, &y) || x.start != y.start || x.len != y.len ||
		    x.prot != y.prot)
			return false;
	return wpp_regions_next(&b->regions, &j, &y) == WPP_ENOENT;
}

/* Every page that was saved; those below the stack pointer are dead and not among them. */
static bool same_pages(const struct machine *a, const struct machine *b)
{
	uint64_t cursor = 0;
	struct wpp_pte x, y;

	while (!wpp_ptes_next(&b->ptes, &cursor, &y))
		if (wpp_ptes_find(&a->ptes, y.va, &x) ||
		    memcmp(a->ram + x.pa, b->ram + y.pa, WPP_PAGE_SIZE))
			return false;
	return true;
}

static int run(struct wpp_media *media, struct machine *before, struct machine *after)
{
	struct wpp_forecast forecast;
	uint64_t generation = 0;
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(events) / sizeof(events[0]); i++)
		err = feed(before, &events[i]);
	if (!err)
		err = persist(media, before, &forecast, &generation);
	if (err)
		return err;
	printf("generation %" PRIu64 ": %" PRIu64 " pages in %" PRIu64 " moves, %" PRIu64
	       " dead; predicted %" PRIu64 " us\n",
	       generation, forecast.nr_pages, forecast.nr_moves, forecast.nr_dead,
	       forecast.time_ns / 1000);
	err = restore(wpp_media_store(media), after);
	if (err)
		return err;
	if (!same_regions(before, after) || !same_pages(before, after) ||
	    wpp_ptes_count(&after->ptes) != forecast.nr_pages)
		return WPP_ECORRUPT;
	puts("read back: regions and pages are the same");
	return 0;
}

int main(int argc, char **argv)
{
	struct machine before = { 0 }, after = { 0 };
	struct wpp_media_error err = { 0 };
	struct wpp_media *media = NULL;
	struct wpp_conf *conf = NULL;
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: feed_tables FILE\n");
		return 2;
	}
	failed = wpp_conf_load(NULL, &conf, &err);
	if (!failed)
		failed = wpp_conf_set(conf, "wpp", "path", argv[1], &err);
	if (!failed)
		failed = wpp_media_open(conf, WPP_MEDIA_CREATE, &media, &err);
	if (!failed)
		failed = machine_init(&before);
	if (!failed)
		failed = machine_init(&after);
	if (!failed)
		failed = run(media, &before, &after);
	if (failed)
		fprintf(stderr, "feed_tables: %s\n", err.code ? err.text : wpp_strerror(failed));
	machine_fini(&before);
	machine_fini(&after);
	wpp_media_close(media);
	wpp_conf_free(conf);
	return failed ? 1 : 0;
}
