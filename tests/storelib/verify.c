/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verify.h"

#define RUN_PAGES 16

char verify_why[256];

__attribute__((format(printf, 1, 2))) static bool wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(verify_why, sizeof(verify_why), fmt, ap);
	va_end(ap);
	return false;
}

/* What reading a generation came to. */
enum verdict {
	SAME,
	UNREADABLE, /* an error was returned, all bytes before it were right */
	DIFFERENT,
};

static _Alignas(4096) uint8_t buf[RUN_PAGES * WPP_PAGE_SIZE];

static enum verdict unreadable(const char *what, int err)
{
	if (err != WPP_ECORRUPT && err != WPP_EIO && err != WPP_EFORMAT) {
		wrong("%s: error %d says nothing about damage", what, err);
		return DIFFERENT;
	}
	wrong("%s: %s", what, wpp_strerror(err));
	return UNREADABLE;
}

static enum verdict check_stream(struct wpp_reader *r, const struct model_gen *g,
				 enum wpp_stream stream)
{
	uint64_t len = wpp_reader_stream_len(r, stream);
	int err;

	if (len != g->stream_len[stream]) {
		wrong("stream %u: %llu bytes instead of %u", stream, (unsigned long long)len,
		      g->stream_len[stream]);
		return DIFFERENT;
	}
	if (len > sizeof(buf)) {
		wrong("stream %u is too long for the test", stream);
		return DIFFERENT;
	}
	err = wpp_reader_stream(r, stream, 0, buf, len);
	if (err)
		return unreadable("stream", err);
	if (memcmp(buf, pool_page(g->stream_tag[stream]), len)) {
		wrong("stream %u has other bytes", stream);
		return DIFFERENT;
	}
	return SAME;
}

/* Pages [i, ..) of the model against one run; *i goes on behind it. */
static enum verdict check_run(struct wpp_reader *r, const struct model_gen *g,
			      const struct wpp_run *run, uint32_t *i)
{
	int err;

	if (run->nr == 0 || run->nr > RUN_PAGES || run->nr > g->nr - *i) {
		wrong("run of %u pages at 0x%llx", run->nr, (unsigned long long)run->page);
		return DIFFERENT;
	}
	err = wpp_reader_read(r, run, buf, NULL);
	if (err)
		return unreadable("page", err);
	for (uint32_t n = 0; n < run->nr; n++, ++*i) {
		const struct model_page *p = &g->page[*i];

		if (p->space != run->space || p->page != run->page + n ||
		    memcmp(buf + n * WPP_PAGE_SIZE, pool_page(p->tag), WPP_PAGE_SIZE)) {
			wrong("page %u:0x%llx is not the model's %u:0x%llx", run->space,
			      (unsigned long long)(run->page + n), p->space,
			      (unsigned long long)p->page);
			return DIFFERENT;
		}
	}
	return SAME;
}

static enum verdict check_space(struct wpp_reader *r, const struct model_gen *g, uint32_t space,
				uint32_t *i)
{
	struct wpp_run run = { 0 };
	uint64_t page = 0;
	int err;

	while (!(err = wpp_reader_next(r, space, page, RUN_PAGES, &run))) {
		enum verdict v;

		if (run.space != space || run.page < page) {
			wrong("the next run goes back");
			return DIFFERENT;
		}
		v = check_run(r, g, &run, i);
		if (v != SAME)
			return v;
		page = run.page + run.nr;
	}
	return err == WPP_ENOENT ? SAME : unreadable("next run", err);
}

static enum verdict check_pages(struct wpp_reader *r, const struct model_gen *g)
{
	uint32_t i = 0, space = WPP_SPACE_FIRST;
	int err;

	while (!(err = wpp_reader_next_space(r, space, &space))) {
		enum verdict v = check_space(r, g, space, &i);

		if (v != SAME)
			return v;
		space++;
	}
	if (err != WPP_ENOENT)
		return unreadable("next space", err);
	if (i != g->nr) {
		wrong("%u pages instead of %u", i, g->nr);
		return DIFFERENT;
	}
	return SAME;
}

static enum verdict check_contents(struct wpp_reader *r, const struct model_gen *g)
{
	enum verdict v = check_stream(r, g, WPP_STREAM_PCB);

	if (v == SAME)
		v = check_stream(r, g, WPP_STREAM_REGIONS);
	return v == SAME ? check_pages(r, g) : v;
}

static bool header_is(const struct wpp_generation *gen, const struct model_gen *g)
{
	return gen->generation == g->generation && gen->nr_pages == g->nr &&
	       gen->realtime_ns == g->realtime_ns &&
	       !strcmp(gen->image, model_image_name[g->image]);
}

static enum verdict check_generation(struct world *w, const struct wpp_generation *listed,
				     const struct model_gen *g)
{
	struct wpp_generation gen;
	struct wpp_reader *r;
	enum verdict v;
	int err;

	if (!header_is(listed, g)) {
		wrong("%s %llu: record differs (%llu pages, model %u)", listed->image,
		      (unsigned long long)listed->generation, (unsigned long long)listed->nr_pages,
		      g->nr);
		return DIFFERENT;
	}
	err = wpp_reader_open(w->st, listed->image, listed->generation, &r, NULL);
	if (err)
		return unreadable("reader", err);
	wpp_reader_generation(r, &gen);
	v = DIFFERENT;
	if (header_is(&gen, g))
		v = check_contents(r, g);
	else
		wrong("the reader opened another generation");
	wpp_reader_close(r);
	return v;
}

/* ---- After a power cut --------------------------------------------------------------------- */

static int find_gen(const struct world *w, const struct model *m, uint32_t image,
		    uint64_t generation)
{
	for (uint32_t i = 0; i < m->image[image].nr; i++)
		if (w->book->gen[m->image[image].gen[i]].generation == generation)
			return (int)m->image[image].gen[i];
	return -1;
}

static bool check_listed(struct world *w, const struct model *before, const struct model *after,
			 const struct wpp_generation *listed, struct model *found)
{
	int image = model_image_by_name(listed->image);
	int gen;

	if (image < 0)
		return wrong("image '%s' was never written", listed->image);
	gen = find_gen(w, after, (uint32_t)image, listed->generation);
	if (gen < 0)
		gen = find_gen(w, before, (uint32_t)image, listed->generation);
	if (gen < 0)
		return wrong("%s: generation %llu should not be there", listed->image,
			     (unsigned long long)listed->generation);
	if (check_generation(w, listed, &w->book->gen[gen]) != SAME)
		return false;
	if (found->image[image].nr == MODEL_KEEP)
		return wrong("%s: too many generations", listed->image);
	/* the list is newest first, the model oldest first */
	memmove(found->image[image].gen + 1, found->image[image].gen,
		found->image[image].nr * sizeof(found->image[image].gen[0]));
	found->image[image].gen[0] = (uint32_t)gen;
	found->image[image].nr++;
	return true;
}

static bool all_there(const struct model *want, const struct model *found)
{
	for (uint32_t i = 0; i < MODEL_IMAGES; i++)
		for (uint32_t n = 0; n < want->image[i].nr; n++)
			if (!model_has(found, i, want->image[i].gen[n]))
				return false;
	return true;
}

static bool newest_first(const struct world *w, const struct model *found)
{
	for (uint32_t i = 0; i < MODEL_IMAGES; i++)
		for (uint32_t n = 1; n < found->image[i].nr; n++)
			if (w->book->gen[found->image[i].gen[n]].generation <=
			    w->book->gen[found->image[i].gen[n - 1]].generation)
				return wrong("the list is not newest first");
	return true;
}

static void say_model(const struct world *w, const char *name, const struct model *m)
{
	size_t len = strlen(verify_why);

	snprintf(verify_why + len, sizeof(verify_why) - len, "; %s", name);
	for (uint32_t i = 0; i < MODEL_IMAGES; i++) {
		for (uint32_t n = 0; n < m->image[i].nr; n++) {
			len = strlen(verify_why);
			snprintf(verify_why + len, sizeof(verify_why) - len, " %s.%llu",
				 model_image_name[i],
				 (unsigned long long)w->book->gen[m->image[i].gen[n]].generation);
		}
	}
}

static bool wrong_set(const struct world *w, const struct model *before, const struct model *after,
		      const struct model *live)
{
	wrong("a generation that was acknowledged is lost");
	say_model(w, "before", before);
	say_model(w, "after", after);
	say_model(w, "live", live);
	return false;
}

bool verify_between(struct world *w, const struct model *before, const struct model *after,
		    struct model *found)
{
	struct wpp_generation gen;
	struct model live = { 0 };
	uint32_t pos = 0;

	while (!wpp_store_list(w->st, &pos, &gen))
		if (!check_listed(w, before, after, &gen, &live))
			return false;
	if (!newest_first(w, &live))
		return false;
	if (!all_there(before, &live) && !all_there(after, &live))
		return wrong_set(w, before, after, &live);
	*found = live;
	return true;
}

/* ---- On damaged media ------------------------------------------------------------------------ */

static bool candidate(const struct wpp_generation *listed, const struct model_gen *g)
{
	return g->realtime_ns && header_is(listed, g);
}

static bool honest_generation(struct world *w, const struct book *const *books, uint32_t nr_books,
			      const struct wpp_generation *listed, uint32_t *readable)
{
	wrong("%s %llu was never committed", listed->image, (unsigned long long)listed->generation);
	for (uint32_t b = 0; b < nr_books; b++) {
		for (uint32_t i = 0; i < books[b]->nr; i++) {
			enum verdict v;

			if (!candidate(listed, &books[b]->gen[i]))
				continue;
			v = check_generation(w, listed, &books[b]->gen[i]);
			*readable += v == SAME;
			if (v != DIFFERENT)
				return true;
		}
	}
	return false;
}

bool verify_honest(struct world *w, const struct book *const *books, uint32_t nr_books,
		   uint32_t *readable)
{
	struct wpp_generation gen;
	uint32_t pos = 0;

	*readable = 0;
	while (!wpp_store_list(w->st, &pos, &gen))
		if (!honest_generation(w, books, nr_books, &gen, readable))
			return false;
	return true;
}

bool verify_generation(struct world *w, const struct model_gen *g)
{
	struct wpp_generation listed;
	uint32_t pos = 0;

	while (!wpp_store_list(w->st, &pos, &listed))
		if (header_is(&listed, g))
			return check_generation(w, &listed, g) == SAME;
	return wrong("%s %llu is not listed", model_image_name[g->image],
		     (unsigned long long)g->generation);
}
