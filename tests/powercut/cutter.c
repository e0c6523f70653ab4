/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cutter.h"
#include "verify.h"

#define IMAGES_AGAIN 8 /* tried per cut behind a cut */

static const uint8_t zeros[WORLD_BYTES];

int cutter_init(struct cutter *c, const struct media_class *medium, const struct scenario *sc,
		uint64_t seed)
{
	int err;

	memset(c, 0, sizeof(*c));
	c->medium = medium;
	c->sc = sc;
	c->seed = seed;
	c->be = media_open(medium, WORLD_BYTES, seed);
	c->be2 = media_open(medium, WORLD_BYTES, seed + 1);
	wpp_sim_load(c->be, zeros);
	c->contents = calloc(1, WORLD_BYTES);
	err = world_init(&c->w, c->be, sc->keep, &c->book);
	if (!err)
		err = world_init(&c->w2, c->be2, sc->keep, &c->book);
	return c->contents ? err : WPP_ENOMEM;
}

void cutter_fini(struct cutter *c)
{
	world_fini(&c->w);
	world_fini(&c->w2);
	c->be->ops->close(c->be);
	c->be2->ops->close(c->be2);
	free(c->contents);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185u;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44du;
	return x ^ x >> 33;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The k-th image to try of a dead medium, when @budget is all we want to spend. */
static uint64_t choose_image(const struct wpp_backend *be, uint64_t k, uint64_t budget)
{
	uint64_t total = wpp_sim_images(be);

	if (k < 2 || total <= budget)
		return k;
	if (total != UINT64_MAX)
		return mix(k) % total;
	return k < budget / 2 ? k : 2 + 2 * wpp_sim_pending(be) + mix(k) % (1u << 30);
}

static bool wrong(const char *what, int err)
{
	snprintf(verify_why, sizeof(verify_why), "%s: %s", what, world_strerror(err));
	return false;
}

static bool format_again(struct world *w)
{
	int err;

	memset(&w->now, 0, sizeof(w->now));
	err = wpp_store_format(w->be, &w->medium, &w->geo, w->ws);
	if (!err)
		err = world_open(w, NULL);
	return err ? wrong("format after the cut", err) : true;
}

static bool say_damage(const struct wpp_diag *diag)
{
	size_t len = strlen(verify_why);

	if (diag->what)
		snprintf(verify_why + len, sizeof(verify_why) - len, "; %s at 0x%llx is damaged",
			 diag->what, (unsigned long long)diag->off);
	return false;
}

/* The power is back. What is live? Becomes w->now; leaves the store open. */
static bool recover(struct world *w, const struct model *before, const struct model *after,
		    bool formatting)
{
	struct wpp_diag diag;
	int err = world_open(w, &diag);

	if (formatting && (err == WPP_EFORMAT || err == WPP_ECORRUPT))
		return format_again(w);
	if (err)
		return wrong("open after the cut", err);
	return verify_between(w, before, after, &w->now) || say_damage(&diag);
}

static bool commit_and_verify(struct world *w, uint32_t image)
{
	struct model found;
	int err = world_commit_more(w, image);

	if (err)
		return wrong("commit after the cut", err);
	return verify_between(w, &w->now, &w->now, &found);
}

/* One image: recover, then go on to work. */
static bool check_state(struct world *w, const struct model *before, const struct model *after,
			bool formatting, uint64_t img)
{
	uint32_t nr = w->book->nr, tag = w->book->next_tag;
	int err = wpp_sim_boot(w->be, img);
	bool ok;

	if (err)
		return wrong("boot", err);
	ok = recover(w, before, after, formatting) &&
	     commit_and_verify(w, (uint32_t)(img % MODEL_IMAGES));
	world_close(w);
	w->book->nr = nr;
	w->book->next_tag = tag;
	return ok;
}

/* ---- The cut behind the cut -------------------------------------------------------------------
 */

/* c->contents is a recoverable medium holding @live: recover and commit until the m-th operation.
 */
static void run_again(struct cutter *c, const struct model *live, uint64_t m)
{
	struct world *w = &c->w2;

	wpp_sim_load(w->be, NULL);
	wpp_sim_cut_at(w->be, m);
	w->now = *live;
	w->next = *live;
	if (world_open(w, NULL) == 0 && world_commit_more(w, 0) == 0)
		w->next = w->now;
	world_close(w);
}

static bool check_images_again(struct cutter *c)
{
	const struct model before = c->w2.now, after = c->w2.next;
	uint64_t nr = min64(wpp_sim_images(c->be2), IMAGES_AGAIN);

	for (uint64_t k = 0; k < nr; k++) {
		c->then.img = choose_image(c->be2, k, nr);
		c->states_again++;
		if (!check_state(&c->w2, &before, &after, false, c->then.img))
			return false;
	}
	return true;
}

static bool check_again(struct cutter *c, const struct model *live)
{
	uint32_t nr = c->book.nr, tag = c->book.next_tag;
	bool ok = true, dead = true;

	for (c->then.n = 1; ok && dead; c->then.n++) {
		run_again(c, live, c->then.n);
		dead = wpp_sim_dead(c->be2);
		ok = !dead || check_images_again(c);
		c->book.nr = nr;
		c->book.next_tag = tag;
	}
	if (ok)
		c->then.n = 0;
	else
		c->then.n--;
	return ok;
}

/* What is live in an image, and the image itself, for check_again(). */
static bool take_image(struct cutter *c, const struct model *before, const struct model *after,
		       struct model *live)
{
	bool ok;

	if (wpp_sim_boot(c->be, c->at.img))
		return false;
	memcpy(c->contents, wpp_sim_contents(c->be), WORLD_BYTES);
	wpp_sim_load(c->be2, c->contents);
	ok = recover(&c->w, before, after, false);
	*live = c->w.now;
	world_close(&c->w);
	return ok;
}

/* ---- The first cut ------------------------------------------------------------------------------
 */

static void start(struct cutter *c)
{
	wpp_sim_load(c->be, NULL);
	world_forget(&c->w);
}

/* Play until the power fails at operation @n, or behind the last one. */
static bool play_until(struct cutter *c, uint64_t n)
{
	int err;

	start(c);
	wpp_sim_cut_at(c->be, n);
	err = world_play(&c->w, c->sc);
	if (err && !wpp_sim_dead(c->be)) {
		snprintf(verify_why, sizeof(verify_why), "step %u without a cut: %s", c->w.step,
			 world_strerror(err));
		return false;
	}
	if (wpp_sim_in_flight(c->be))
		return wrong("moves are in flight after close", err);
	wpp_sim_cut(c->be);
	return true;
}

static bool check_images(struct cutter *c)
{
	const struct model before = c->w.now, after = c->w.next;
	bool formatting = c->w.formatting;
	uint64_t nr = min64(wpp_sim_images(c->be), c->images);
	struct model live;

	for (uint64_t k = 0; k < nr; k++) {
		c->at.img = choose_image(c->be, k, c->images);
		c->states++;
		if (!check_state(&c->w, &before, &after, formatting, c->at.img))
			return false;
		if (!c->again || formatting || c->states % c->again)
			continue;
		if (!take_image(c, &before, &after, &live) || !check_again(c, &live))
			return false;
	}
	return true;
}

static bool run_clean(struct cutter *c, uint64_t *ops)
{
	bool ok;
	int err;

	start(c);
	err = world_play(&c->w, c->sc);
	if (err) {
		snprintf(verify_why, sizeof(verify_why), "step %u without a cut: %s", c->w.step,
			 world_strerror(err));
		return false;
	}
	*ops = wpp_sim_ops(c->be);
	ok = recover(&c->w, &c->w.now, &c->w.now, false);
	world_close(&c->w);
	return ok;
}

bool cutter_run(struct cutter *c)
{
	uint64_t ops;

	c->at = (struct cut_id){ 0 };
	c->then = (struct cut_id){ 0 };
	if (!run_clean(c, &ops))
		return false;
	for (c->at.n = 1; c->at.n <= ops + 1; c->at.n++) {
		c->at.img = 0;
		c->cuts++;
		if (!play_until(c, c->at.n) || !check_images(c))
			return false;
	}
	return true;
}

bool cutter_replay(struct cutter *c, const struct cut_id *at, const struct cut_id *then)
{
	struct model before, after, live;

	c->at = *at;
	if (!play_until(c, at->n))
		return false;
	before = c->w.now;
	after = c->w.next;
	if (!then)
		return check_state(&c->w, &before, &after, c->w.formatting, at->img);
	c->then = *then;
	if (!take_image(c, &before, &after, &live))
		return false;
	run_again(c, &live, then->n);
	if (!wpp_sim_dead(c->be2))
		return wrong("there is no such second cut", WPP_EINVAL);
	before = c->w2.now;
	after = c->w2.next;
	return check_state(&c->w2, &before, &after, false, then->img);
}
