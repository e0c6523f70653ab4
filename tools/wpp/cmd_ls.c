/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp ls: tracked processes and saved images. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tool.h"

/* running: tracked and alive; saved: on the medium */
static const char *state_of(const struct wppc_image *row)
{
	return row->pid ? "running" : "saved";
}

static json_t *row_json(const struct wppc_image *row, json_t *live)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:O*}", "name", row->name, "pid",
			 row->pid, "state", state_of(row), "generation",
			 (json_int_t)row->gen.generation, "bytes", bytes_of(row->gen.nr_pages),
			 "pages", (json_int_t)row->gen.nr_pages, "saved_ns",
			 (json_int_t)row->gen.realtime_ns, "live", live);
}

static json_int_t live_count(const json_t *live, const char *key)
{
	return json_integer_value(json_object_get(live, key));
}

static void row_print(const struct wppc_image *row, const json_t *live)
{
	char bytes[16], when[32] = "-", pid[16] = "-", gen[24] = "-";
	time_t s = (time_t)(row->gen.realtime_ns / 1000000000);
	struct tm tm;

	if (row->gen.realtime_ns && localtime_r(&s, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	if (row->pid)
		snprintf(pid, sizeof(pid), "%d", row->pid);
	if (row->gen.generation)
		snprintf(gen, sizeof(gen), "%" PRIu64, row->gen.generation);
	printf("%-24s %8s %-8s %6s %12s  %s\n", row->name, pid, state_of(row), gen,
	       row->gen.generation ? human_bytes(row->gen.nr_pages * WPP_PAGE_SIZE, bytes) : "-",
	       when);
	if (live)
		printf("  now: %" JSON_INTEGER_FORMAT " regions, %" JSON_INTEGER_FORMAT
		       " pages resident, %" JSON_INTEGER_FORMAT
		       " private, saved %" JSON_INTEGER_FORMAT " times\n",
		       live_count(live, "regions"), live_count(live, "resident_pages"),
		       live_count(live, "private_pages"), live_count(live, "persists"));
}

static void live_add(void *arg, const char *key, const char *value)
{
	uint64_t number;

	if (wppc_parse_number(value, INT64_MAX, &number))
		json_object_set_new(arg, key, json_integer((json_int_t)number));
	else
		json_object_set_new(arg, key, json_text(value));
}

/* What the module tells of it now; NULL: not tracked by the module. */
static json_t *live_of(const struct tool *t, const struct wppc_image *row)
{
	json_t *live;

	if (!row->pid || !row->newest || !wppc_module_is_used(t->conf))
		return NULL;
	live = json_object();
	if (wppc_module_live(row->pid, live_add, live) == 0)
		return live;
	json_decref(live);
	return NULL;
}

static void print_rows(const struct tool *t, const struct wppc_image *rows, size_t nr)
{
	json_t *all = json_array(), *live;

	if (!t->json)
		printf("%-24s %8s %-8s %6s %12s  %s\n", "NAME", "PID", "STATE", "GEN", "SIZE",
		       "SAVED");
	for (size_t i = 0; i < nr; i++) {
		live = live_of(t, &rows[i]);
		if (t->json)
			json_array_append_new(all, row_json(&rows[i], live));
		else
			row_print(&rows[i], live);
		json_decref(live);
	}
	if (t->json)
		print_json(json_pack("{s:O}", "images", all));
	json_decref(all);
}

int cmd_ls(struct tool *t, int argc, char **argv)
{
	struct wpp_media_error why;
	struct wppc_image *rows;
	struct wpp_media *media;
	int code, err;
	size_t nr;

	if (argc > 1)
		return usage("ls", "takes no argument '%s'", argv[1]);
	code = conf_load(t);
	if (code)
		return code;
	err = wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, &why);
	if (err && err != WPP_ENOENT)
		return fail_why(err, &why);
	err = wppc_images_list(t->conf, media ? wpp_media_store(media) : NULL, &rows, &nr);
	if (!err || nr)
		print_rows(t, rows, nr);
	free(rows);
	wpp_media_close(media);
	return err ? fail(err, "tracked processes") : EXIT_DONE;
}
