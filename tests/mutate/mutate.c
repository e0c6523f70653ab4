/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Damaged media: whatever is still listed is either refused when it is read, or has exactly the
 * bytes that were committed under its name and number (I3, I4, I6). Half of the media are read
 * through direct(), half by moves; some are written to afterwards.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_ram.h"
#include "damage.h"
#include "mediaclass.h"
#include "verify.h"

#define NR_SPECIMENS 4
#define KEEP	     3

static struct specimen specimen[NR_SPECIMENS];
static struct book fresh; /* what is committed on a damaged medium */
static struct world ram_world, disk_world;
static uint8_t *damaged;
static struct {
	uint64_t refused, empty, readable, commits;
} count;

static bool wrong(const char *what, int err)
{
	snprintf(verify_why, sizeof(verify_why), "%s: %s (%d)", what, wpp_strerror(err), err);
	return false;
}

/* An open that refuses must say so in words that mean damage. */
static bool refusal(int err)
{
	count.refused++;
	if (err == WPP_ECORRUPT || err == WPP_EFORMAT || err == WPP_ERANGE || err == WPP_EINVAL)
		return true;
	return wrong("open", err);
}

static int commit_fresh(struct world *w, struct model_gen *g)
{
	static const uint64_t page[] = { 7, 8, 0x7fffffff0 };
	uint32_t tag = book_tags(&fresh, 5);
	int err = wpp_writer_begin(w->st, model_image_name[g->image], WPP_WRITER_EMPTY, &w->w);

	if (err)
		return err;
	for (uint32_t i = 0; i < 3; i++)
		gen_put(g, 2, page[i], tag + i);
	g->stream_tag[WPP_STREAM_PCB] = tag + 3;
	g->stream_len[WPP_STREAM_PCB] = 5000;
	g->realtime_ns = 1;
	err = wpp_writer_put(w->w, 2, page, 3, pool_page(tag));
	if (!err)
		err = wpp_writer_stream(w->w, WPP_STREAM_PCB, pool_page(tag + 3), 5000);
	if (err) {
		wpp_writer_abort(w->w);
		return err;
	}
	return wpp_writer_commit(w->w, g->realtime_ns, &g->generation);
}

/* A generation on top of what is left: when it is acknowledged, it can be read after a reopen. */
static bool commit_on_top(struct world *w, uint32_t image)
{
	struct model_gen *g;
	int err;

	fresh.nr = 0;
	fresh.next_tag = POOL_PAGES - 8;
	g = book_add(&fresh, image, NULL);
	err = commit_fresh(w, g);
	world_close(w);
	if (err)
		return true;
	count.commits++;
	err = world_open(w, NULL);
	if (err)
		return wrong("reopen after a commit", err);
	return verify_generation(w, g);
}

static bool check(struct world *w, const struct book *const *books, uint64_t id)
{
	uint32_t readable;
	int err;
	bool ok;

	if (w->medium.size < WPP_PAGE_SIZE)
		return true;
	err = world_open(w, NULL);
	if (err)
		return refusal(err);
	ok = verify_honest(w, books, 2, &readable);
	count.empty += !readable;
	count.readable += readable;
	if (ok && id % 4 == 0)
		ok = commit_on_top(w, (uint32_t)(id / 4 % MODEL_IMAGES));
	world_close(w);
	return ok;
}

static bool run_one(uint64_t id)
{
	const struct specimen *own = &specimen[id % NR_SPECIMENS];
	const struct specimen *other = &specimen[(id + 1 + id / NR_SPECIMENS % 3) % NR_SPECIMENS];
	const struct book *books[] = { &own->book, &other->book };
	struct world *w = id / NR_SPECIMENS % 2 ? &ram_world : &disk_world;
	struct damage d = { .own = own, .other = other, .mem = damaged };
	bool ok;

	memcpy(damaged, specimen_newest(own), WORLD_BYTES);
	damage_do(&d, id);
	if (w == &disk_world)
		wpp_sim_load(w->be, damaged);
	else
		memcpy(w->be->ops->direct(w->be, 0, WORLD_BYTES), damaged, WORLD_BYTES);
	w->medium.size = d.size;
	ok = check(w, books, id);
	if (!ok)
		printf("FAILED: %s: %s\n  replay: mutate --replay %" PRIu64 "\n", d.what,
		       verify_why, id);
	return ok;
}

static int make_specimens(void)
{
	int err = pool_init();

	for (uint32_t i = 0; i < NR_SPECIMENS && !err; i++) {
		struct scenario sc;

		scenario_random(&sc, 1000 + i);
		sc.keep = KEEP;
		err = specimen_make(&specimen[i], &sc);
	}
	return err;
}

static int setup(void)
{
	struct wpp_backend *ram;
	int err = make_specimens();

	if (!err)
		err = backend_ram_open(WORLD_BYTES, &ram);
	if (!err)
		err = world_init(&ram_world, ram, KEEP, &fresh);
	if (!err)
		err = world_init(&disk_world, media_open(media_class_find("disk"), WORLD_BYTES, 1),
				 KEEP, &fresh);
	damaged = malloc(WORLD_BYTES);
	return damaged ? err : WPP_ENOMEM;
}

static int run(uint64_t first, uint64_t nr)
{
	uint64_t failed = 0;

	for (uint64_t id = first; id < first + nr && failed < 5; id++)
		failed += !run_one(id);
	printf("%" PRIu64 " damaged media: %" PRIu64 " refused, %" PRIu64 " without a readable "
	       "generation, %" PRIu64 " generations read, %" PRIu64 " commits on top, %" PRIu64
	       " wrong\n",
	       nr, count.refused, count.empty, count.readable, count.commits, failed);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	int err = setup();

	if (err) {
		fprintf(stderr, "mutate: %s\n", wpp_strerror(err));
		return 1;
	}
	if (argc == 3 && !strcmp(argv[1], "--replay"))
		return run(strtoull(argv[2], NULL, 0), 1);
	if (argc == 3 && !strcmp(argv[1], "--count"))
		return run(0, strtoull(argv[2], NULL, 0));
	fprintf(stderr, "usage: mutate --count N | --replay ID\n");
	return 2;
}
