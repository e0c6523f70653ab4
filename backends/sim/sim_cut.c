/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a power cut leaves of the sim medium. */
#include <stdlib.h>
#include <string.h>

#include "sim_priv.h"

/* Torn forms of each choice of writes, beside the one that has them whole. */
#define TORN_FORMS 3u

/* ---- Units -------------------------------------------------------------------------------- */

static int reserve(struct unit_list *list, size_t len)
{
	if (list->nr == list->max) {
		size_t max = list->max ? 2 * list->max : 64;
		void *p = realloc(list->unit, max * sizeof(list->unit[0]));

		if (!p)
			return WPP_ENOMEM;
		list->unit = p;
		list->max = max;
	}
	if (list->size - list->used < len) {
		size_t size = 2 * list->size + len;
		void *p = realloc(list->bytes, size);

		if (!p)
			return WPP_ENOMEM;
		list->bytes = p;
		list->size = size;
	}
	return 0;
}

int wppi_unit_add(struct unit_list *list, const struct unit *like, const void *data)
{
	struct unit *u;
	int err = reserve(list, like->len);

	if (err)
		return err;
	u = &list->unit[list->nr++];
	*u = *like;
	u->data = list->used;
	memcpy(list->bytes + u->data, data, u->len);
	list->used += u->len;
	return 0;
}

static void list_clear(struct unit_list *list)
{
	list->nr = 0;
	list->used = 0;
}

/* ---- Stores through direct() that no WRITE announced ---------------------------------------- */

static bool same_word(const struct sim *s, const uint8_t *expected, uint64_t off)
{
	return !memcmp(s->view + off, expected + off, 8);
}

static void add_strays_of_block(struct sim *s, const uint8_t *expected, uint64_t block)
{
	uint64_t end = block + SIM_BLOCK;

	for (uint64_t off = block; off < end; off += 8) {
		struct unit u = { .off = off, .flags = UNIT_STRAY };

		while (off < end && !same_word(s, expected, off))
			off += 8;
		u.len = (uint32_t)(off - u.off);
		if (u.len && wppi_unit_add(&s->pending, &u, s->view + u.off))
			abort(); /* a test tool without memory can't say anything true */
	}
}

/* A CPU may evict a dirty line at any time: what differs from the announced state is pending. */
static void add_strays(struct sim *s)
{
	uint8_t *expected = s->scratch;
	size_t nr = s->pending.nr;

	memcpy(expected, s->base, s->cfg.bytes);
	for (size_t i = 0; i < nr; i++) {
		const struct unit *u = &s->pending.unit[i];

		memcpy(expected + u->off, s->pending.bytes + u->data, u->len);
	}
	for (uint64_t off = 0; off < s->cfg.bytes; off += SIM_BLOCK)
		if (memcmp(s->view + off, expected + off, SIM_BLOCK))
			add_strays_of_block(s, expected, off);
}

/* ---- Images ------------------------------------------------------------------------------- */

static uint32_t granule(const struct sim *s, const struct unit *u)
{
	return u->flags & UNIT_STRAY ? 8 : s->cfg.tear;
}

/* Can @u be torn? Not within one granule or one atomic write. */
static bool can_tear(const struct sim *s, const struct unit *u)
{
	uint32_t atomic = s->cfg.atomic_len;
	bool is_atomic = u->len <= atomic && u->off % atomic + u->len <= atomic;

	return u->len > granule(s, u) && (!is_atomic || u->flags & UNIT_STRAY);
}

static bool any_can_tear(const struct sim *s)
{
	for (size_t i = 0; i < s->lost.nr; i++)
		if (can_tear(s, &s->lost.unit[i]))
			return true;
	return false;
}

static void put_bytes(struct sim *s, uint64_t off, const void *data, uint64_t len)
{
	memcpy(s->base + off, data, len);
	memcpy(s->view + off, data, len);
	wppi_sim_touch(s, off, len);
}

static void put_garbage(struct sim *s, uint64_t off, uint32_t len, uint64_t how)
{
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t word = sim_mix(how + i);

		put_bytes(s, off + i, &word, 8);
	}
}

enum tear_form {
	TEAR_HEAD, /* the first granules are new */
	TEAR_TAIL, /* the last ones are */
	TEAR_ANY,  /* each one may be */
};

static bool granule_is_new(enum tear_form form, uint64_t how, uint32_t i, uint32_t border)
{
	if (form == TEAR_HEAD)
		return i < border;
	if (form == TEAR_TAIL)
		return i >= border;
	return sim_mix(how + i) & 1;
}

/* Without POWERSAFE one io_align block of a torn write may hold neither old nor new bytes. */
static void harm_block(struct sim *s, const struct unit *u, uint64_t how)
{
	uint32_t align = s->cfg.io_align;
	uint32_t nr = u->len / align;

	if (s->cfg.caps & WPP_CAP_POWERSAFE || align < 8 || !nr || how & 0x100)
		return;
	put_garbage(s, u->off + (how >> 16) % nr * align, align, how);
}

static void apply_torn(struct sim *s, const struct unit *u, uint64_t how)
{
	const uint8_t *data = s->lost.bytes + u->data;
	uint32_t g = granule(s, u);
	uint32_t nr = (u->len + g - 1) / g;
	uint32_t border = 1 + (uint32_t)(how >> 32) % (nr - 1);
	enum tear_form form = (enum tear_form)(how % 3);

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t len = i < nr - 1 ? g : u->len - i * g;

		if (granule_is_new(form, how, i, border))
			put_bytes(s, u->off + i * g, data + (size_t)i * g, len);
	}
	if (!(u->flags & UNIT_STRAY))
		harm_block(s, u, how);
}

static void apply_whole(struct sim *s, const struct unit *u)
{
	put_bytes(s, u->off, s->lost.bytes + u->data, u->len);
}

static void apply_unit(struct sim *s, size_t i, bool torn, uint64_t img)
{
	const struct unit *u = &s->lost.unit[i];

	if (torn && can_tear(s, u))
		apply_torn(s, u, sim_mix(sim_mix(s->cfg.seed ^ img) + i));
	else
		apply_whole(s, u);
}

static size_t nr_announced(const struct sim *s)
{
	size_t nr = 0;

	while (nr < s->lost.nr && !(s->lost.unit[nr].flags & UNIT_STRAY))
		nr++;
	return nr;
}

/* ORDERED: a prefix, the write behind it lost or torn; strays know no order. */
static void apply_ordered(struct sim *s, uint64_t img)
{
	size_t nr = nr_announced(s);
	size_t whole = (size_t)(img % (nr + 1));
	uint64_t form = img / (nr + 1);

	for (size_t i = 0; i < whole; i++)
		apply_whole(s, &s->lost.unit[i]);
	if (form && whole < nr && can_tear(s, &s->lost.unit[whole]))
		apply_unit(s, whole, true, img);
	for (size_t i = nr; i < s->lost.nr; i++)
		if (sim_mix(img + i) & 1)
			apply_unit(s, i, form, img);
}

static void apply_exhaustive(struct sim *s, uint64_t img)
{
	for (size_t i = 0; i < s->lost.nr; i++)
		if (img >> i & 1)
			apply_unit(s, i, img >> s->lost.nr, img);
}

/* Beyond WPP_SIM_EXHAUSTIVE: which of the many units does sample @img keep? */
static bool sample_has(const struct sim *s, uint64_t img, size_t i)
{
	uint64_t nr = s->lost.nr;
	uint64_t how = sim_mix(s->cfg.seed + img);

	if (img < 2)
		return img;
	if (img < 2 + nr)
		return img - 2 != i;
	if (img < 2 + 2 * nr)
		return img - 2 - nr == i;
	/* one of eight, half, seven of eight */
	switch (how % 3) {
	case 0:
		return sim_mix(how + i) % 8 == 0;
	case 1:
		return sim_mix(how + i) % 2;
	default:
		return sim_mix(how + i) % 8;
	}
}

static void apply_sample(struct sim *s, uint64_t img)
{
	bool torn = img >= 2 + 2 * s->lost.nr && sim_mix(img) & 1;

	for (size_t i = 0; i < s->lost.nr; i++)
		if (sample_has(s, img, i))
			apply_unit(s, i, torn, img);
}

static void apply_image(struct sim *s, uint64_t img)
{
	if (s->cfg.caps & WPP_CAP_ORDERED)
		apply_ordered(s, img);
	else if (s->lost.nr <= WPP_SIM_EXHAUSTIVE)
		apply_exhaustive(s, img);
	else
		apply_sample(s, img);
}

uint64_t wpp_sim_images(const struct wpp_backend *be)
{
	const struct sim *s = to_const_sim(be);
	uint64_t forms = any_can_tear(s) ? 1 + TORN_FORMS : 1;

	if (s->cfg.caps & WPP_CAP_ORDERED)
		return (nr_announced(s) + 1) *
		       (s->lost.nr > nr_announced(s) ? 1 + TORN_FORMS : forms);
	if (s->lost.nr <= WPP_SIM_EXHAUSTIVE)
		return forms << s->lost.nr;
	return UINT64_MAX;
}

/* ---- Power ---------------------------------------------------------------------------------- */

void wppi_sim_touch(struct sim *s, uint64_t off, uint64_t len)
{
	for (uint64_t b = off / SIM_BLOCK; b <= (off + len - 1) / SIM_BLOCK; b++)
		s->touched[b] = TOUCHED_BOTH;
}

void wppi_sim_die(struct sim *s)
{
	struct unit_list empty = s->lost;

	if (s->cfg.caps & WPP_CAP_DIRECT)
		add_strays(s);
	s->lost = s->pending;
	s->pending = empty;
	list_clear(&s->pending);
	s->dead = true;
	s->was_cut = true;
	s->booted = false;
}

void wpp_sim_cut(struct wpp_backend *be)
{
	if (!to_sim(be)->dead)
		wppi_sim_die(to_sim(be));
}

void wpp_sim_cut_at(struct wpp_backend *be, uint64_t n)
{
	struct sim *s = to_sim(be);

	s->cut_at = n ? s->ops_done + n : 0;
}

bool wpp_sim_dead(const struct wpp_backend *be)
{
	return to_const_sim(be)->dead;
}

uint64_t wpp_sim_ops(const struct wpp_backend *be)
{
	return to_const_sim(be)->ops_done;
}

uint32_t wpp_sim_in_flight(const struct wpp_backend *be)
{
	return to_const_sim(be)->nr_queue;
}

uint32_t wpp_sim_pending(const struct wpp_backend *be)
{
	return (uint32_t)to_const_sim(be)->lost.nr;
}

static void power_on(struct sim *s, uint64_t img)
{
	list_clear(&s->pending);
	s->ops_done = 0;
	s->cut_at = 0;
	s->rng = sim_mix(s->cfg.seed ^ sim_mix(img));
	s->dead = false;
}

static void copy_block(uint8_t *to, const uint8_t *from, uint64_t block)
{
	memcpy(to + block * SIM_BLOCK, from + block * SIM_BLOCK, SIM_BLOCK);
}

/* Stores through direct() leave no trace in touched, so look for them. */
static bool differs(const struct sim *s, uint64_t block, const uint8_t *from, uint8_t bit)
{
	const size_t off = (size_t)block * SIM_BLOCK;

	return s->touched[block] & bit ||
	       (s->cfg.caps & WPP_CAP_DIRECT && memcmp(s->view + off, from + off, SIM_BLOCK) != 0);
}

/* All blocks of base and view become those of @from again. */
static void restore(struct sim *s, const uint8_t *from, uint8_t bit)
{
	for (uint64_t b = 0; b < s->cfg.bytes / SIM_BLOCK; b++) {
		if (!differs(s, b, from, bit))
			continue;
		copy_block(s->base, from, b);
		copy_block(s->view, from, b);
		s->touched[b] = TOUCHED_BOTH & (uint8_t)~bit;
	}
}

/* Remember base for the next boots; view loses what was not durable. */
static void first_boot(struct sim *s)
{
	for (uint64_t b = 0; b < s->cfg.bytes / SIM_BLOCK; b++) {
		if (!differs(s, b, s->base, TOUCHED_CUT))
			continue;
		copy_block(s->at_cut, s->base, b);
		copy_block(s->view, s->base, b);
		s->touched[b] = TOUCHED_LOAD;
	}
	s->booted = true;
}

int wpp_sim_boot(struct wpp_backend *be, uint64_t img)
{
	struct sim *s = to_sim(be);

	if (s->nr_queue)
		return WPP_EBUSY;
	if (!s->was_cut || img >= wpp_sim_images(be))
		return WPP_EINVAL;
	if (s->booted)
		restore(s, s->at_cut, TOUCHED_CUT);
	else
		first_boot(s);
	apply_image(s, img);
	power_on(s, img);
	return 0;
}

const void *wpp_sim_contents(const struct wpp_backend *be)
{
	return to_const_sim(be)->base;
}

void wpp_sim_load(struct wpp_backend *be, const void *contents)
{
	struct sim *s = to_sim(be);

	if (contents) {
		s->loaded = contents;
		memset(s->touched, TOUCHED_BOTH, s->cfg.bytes / SIM_BLOCK);
	}
	restore(s, s->loaded, TOUCHED_LOAD);
	list_clear(&s->lost);
	s->was_cut = false;
	s->booted = false;
	power_on(s, 0);
}

void wpp_sim_damage(struct wpp_backend *be, uint64_t off, const void *bytes, uint64_t len)
{
	struct sim *s = to_sim(be);

	if (len && off <= s->cfg.bytes && len <= s->cfg.bytes - off)
		put_bytes(s, off, bytes, len);
}
