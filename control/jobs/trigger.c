/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Power fails (thesis 5.1.2). */
#include <stdlib.h>
#include <time.h>

#include "control/images.h"
#include "control/jobs.h"
#include "control/jobs/by_whom.h"
#include "control/module.h"
#include "control/why.h"

struct trigger {
	const struct wpp_conf *conf;
	const struct wppc_trigger *how;
	const struct wppc_tracked *run; /* [nr] */
	size_t nr;
};

/* One process by itself. The list is left alone: nobody waits for its lock while power fails. */
static int save_one(const struct trigger *t, struct wpp_media *media,
		    const struct wppc_tracked *one)
{
	struct wpp_persist how = {
		.size = sizeof(how),
		.flags = WPP_PERSIST_KILL,
		.report = t->how->begin(t->how->arg, one),
	};
	struct wppc_saved saved = { .process = one };

	saved.err = wppc_persist_by_whom(t->conf, media, one, &how, &saved.done);
	t->how->saved(t->how->arg, &saved);
	return saved.err;
}

/* Behind all that is urgent. An entry that stays is stale, and goes when somebody looks at it. */
static void forget_killed(const struct trigger *t, const bool *killed)
{
	for (size_t i = 0; killed && i < t->nr; i++) {
		if (killed[i])
			(void)wppc_track_remove(t->conf, t->run[i].name);
	}
}

static int save_each(const struct trigger *t, struct wpp_media_error *why)
{
	bool *killed = calloc(t->nr + 1, sizeof(*killed));
	struct wpp_media *media;
	int err, first;

	first = wpp_media_open(t->conf, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, &media, why);
	for (size_t i = 0; media && i < t->nr; i++) {
		err = save_one(t, media, &t->run[i]);
		if (killed)
			killed[i] = !err;
		if (!first)
			first = err;
	}
	wpp_media_close(media);
	forget_killed(t, killed);
	free(killed);
	return first;
}

/* ---- By the module ---- */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The medium tells whether it was saved since @begun_ns. */
static bool was_saved(const struct wpp_store *st, const char *name, uint64_t begun_ns,
		      struct wpp_generation *gen)
{
	return st && wppc_generation_find(st, name, 0, gen) == 0 && gen->realtime_ns >= begun_ns;
}

static void tell_saved(const struct trigger *t, const struct wppc_tracked *one,
		       const struct wpp_generation *gen, uint64_t durable_ns)
{
	struct wppc_saved saved = {
		.process = one,
		.together = true,
		.done = {
			.generation = gen->generation,
			.nr_pages = gen->nr_pages,
			.durable_ns = durable_ns,
		},
	};

	t->how->saved(t->how->arg, &saved);
}

/*
 * The module stops them all before it saves the first, so that they fit each other. What it could
 * not save is asked once more by itself, so that the reason has a name.
 */
static int save_together(const struct trigger *t, struct wpp_media_error *why)
{
	const uint64_t begun = now_ns(CLOCK_MONOTONIC), begun_real = now_ns(CLOCK_REALTIME);
	struct wpp_generation gen;
	struct wpp_media *media;
	uint64_t durable;
	int err, first;

	first = wppc_module_trigger();
	durable = now_ns(CLOCK_MONOTONIC) - begun;
	err = wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, why);
	if (err && !first)
		return err;
	for (size_t i = 0; i < t->nr; i++) {
		if (was_saved(media ? wpp_media_store(media) : NULL, t->run[i].name, begun_real,
			      &gen))
			tell_saved(t, &t->run[i], &gen, durable);
		else if (first && (err = save_one(t, NULL, &t->run[i])))
			first = err;
	}
	wpp_media_close(media);
	return first;
}

/* ---- All ---- */

static int save_all(const struct trigger *t, struct wpp_media_error *why)
{
	if (!wppc_module_is_used(t->conf))
		return save_each(t, why);
	return t->nr ? save_together(t, why) : wppc_prepare(t->conf, why);
}

int wppc_trigger(const struct wpp_conf *conf, const struct wppc_trigger *how, size_t *nr,
		 struct wpp_media_error *why)
{
	struct trigger t = { .conf = conf, .how = how };
	struct wppc_tracked *run;
	int list_err, err;

	*why = (struct wpp_media_error){ 0 };
	list_err = wppc_track_list(conf, &run, nr);
	t.run = run;
	t.nr = *nr;
	err = save_all(&t, why);
	free(run);
	if (!err && list_err)
		err = wppc_why(why, list_err, "tracked processes: %s", wppc_strerror(list_err));
	return err;
}
