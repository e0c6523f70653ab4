/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel.h"

struct row {
	const char *name;
	const char *state; /* running: tracked and alive; saved: on the medium */
	pid_t pid;	   /* 0: not running */
	bool newest;	   /* of its name */
	struct wpp_generation gen;
	json_t *live; /* what the module tells of it; NULL: not tracked by the module */
};

static json_t *row_json(const struct row *r)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:O*}", "name", r->name, "pid",
			 r->pid, "state", r->state, "generation", (json_int_t)r->gen.generation,
			 "bytes", (json_int_t)(r->gen.nr_pages * WPP_PAGE_SIZE), "pages",
			 (json_int_t)r->gen.nr_pages, "saved_ns", (json_int_t)r->gen.realtime_ns,
			 "live", r->live);
}

static json_int_t live_count(const struct row *r, const char *key)
{
	return json_integer_value(json_object_get(r->live, key));
}

static void row_print(const struct row *r)
{
	char bytes[16], when[32] = "-", pid[16] = "-", gen[24] = "-";
	time_t s = (time_t)(r->gen.realtime_ns / 1000000000);
	struct tm tm;

	if (r->gen.realtime_ns && localtime_r(&s, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	if (r->pid)
		snprintf(pid, sizeof(pid), "%d", r->pid);
	if (r->gen.generation)
		snprintf(gen, sizeof(gen), "%" PRIu64, r->gen.generation);
	printf("%-24s %8s %-8s %6s %12s  %s\n", r->name, pid, r->state, gen,
	       r->gen.generation ? human_bytes(r->gen.nr_pages * WPP_PAGE_SIZE, bytes) : "-", when);
	if (r->live)
		printf("  now: %" JSON_INTEGER_FORMAT " regions, %" JSON_INTEGER_FORMAT
		       " pages resident, %" JSON_INTEGER_FORMAT
		       " private, saved %" JSON_INTEGER_FORMAT " times\n",
		       live_count(r, "regions"), live_count(r, "resident_pages"),
		       live_count(r, "private_pages"), live_count(r, "persists"));
}

static void emit(const struct tool *t, json_t *all, struct row *r)
{
	if (r->pid && r->newest && kernel_is_used(t))
		r->live = kernel_live(r->pid);
	if (t->json)
		json_array_append_new(all, row_json(r));
	else
		row_print(r);
	json_decref(r->live);
}

static pid_t pid_of(const struct tracked *list, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(list[i].name, name) == 0)
			return list[i].pid;
	}
	return 0;
}

/* Tracked processes that were never saved, then each live generation. */
static void list_all(const struct tool *t, struct wpp_store *st, const struct tracked *run,
		     size_t nr, json_t *all)
{
	struct wpp_generation gen, newest;
	struct row row;
	uint32_t pos = 0;

	for (size_t i = 0; i < nr; i++) {
		if (st && generation_find(st, run[i].name, 0, &gen) == 0)
			continue;
		row = (struct row){
			.name = run[i].name, .state = "running", .pid = run[i].pid, .newest = true
		};
		emit(t, all, &row);
	}
	while (st && wpp_store_list(st, &pos, &gen) == 0) {
		row = (struct row){ .name = gen.image,
				    .pid = pid_of(run, nr, gen.image),
				    .gen = gen };
		row.state = row.pid ? "running" : "saved";
		row.newest = generation_find(st, gen.image, 0, &newest) == 0 &&
			     newest.generation == gen.generation;
		emit(t, all, &row);
	}
}

int cmd_ls(struct tool *t, int argc, char **argv)
{
	struct wpp_media *media = NULL;
	struct wpp_media_error err;
	struct tracked *run;
	json_t *all;
	size_t nr;
	int code;

	if (argc > 1)
		return usage("ls", "takes no argument '%s'", argv[1]);
	code = conf_load(t);
	if (code)
		return code;
	code = wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, &err);
	if (code && code != WPP_ENOENT) {
		complain("%s", err.text);
		return exit_code_of(code);
	}
	code = track_list(t, &run, &nr);
	if (code) {
		wpp_media_close(media);
		return fail(code, "tracked processes");
	}
	all = json_array();
	if (!t->json)
		printf("%-24s %8s %-8s %6s %12s  %s\n", "NAME", "PID", "STATE", "GEN", "SIZE",
		       "SAVED");
	list_all(t, media ? wpp_media_store(media) : NULL, run, nr, all);
	if (t->json)
		print_json(json_pack("{s:o}", "images", all));
	else
		json_decref(all);
	free(run);
	wpp_media_close(media);
	return EXIT_DONE;
}
