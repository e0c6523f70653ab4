/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp inspect: every record of a generation by the names of its schema. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

#define TAIL_SHOWN 48u

static bool is_text(const uint8_t *tail, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (!isprint(tail[i]) && !(tail[i] == 0 && i + 1 == len))
			return false;
	}
	return len > 0;
}

/* The tail as text, or its first bytes in hex. */
static void tail_string(const struct wpp_rec *rec, char *out, size_t cap)
{
	uint32_t shown = rec->tail_len < TAIL_SHOWN ? rec->tail_len : TAIL_SHOWN;
	size_t n = 0;

	if (is_text(rec->tail, rec->tail_len)) {
		snprintf(out, cap, "%.*s", (int)rec->tail_len, (const char *)rec->tail);
		return;
	}
	for (uint32_t i = 0; i < shown && n + 3 < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%02x", rec->tail[i]);
	if (shown < rec->tail_len)
		snprintf(out + n, cap - n, "... (%u bytes)", rec->tail_len);
}

static json_t *field_json(const struct wpp_rec_field *field, uint64_t value)
{
	char text[32];

	if (field->format != 'H')
		return json_integer((json_int_t)value);
	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

/* A field with a name that each record has (socket.type) is called by both names: socket_type. */
static const char *key_of(const json_t *obj, const struct wpp_rec_schema *schema, unsigned int i)
{
	static char both[64];

	if (!json_object_get(obj, schema->fields[i].name))
		return schema->fields[i].name;
	snprintf(both, sizeof(both), "%s_%s", schema->name, schema->fields[i].name);
	return both;
}

static json_t *record_json(const struct wpp_rec *rec)
{
	const struct wpp_rec_schema *schema = wpp_rec_schema(rec->type);
	uint64_t fields[WPP_REC_FIELDS_MAX];
	char text[4200];
	json_t *obj;

	obj = json_pack("{s:s, s:i, s:I}", "type", schema ? schema->name : "unknown", "task",
			rec->task, "id", (json_int_t)rec->id);
	wpp_rec_get(rec, fields, WPP_REC_FIELDS_MAX);
	for (unsigned int i = 0; schema && i < schema->nr_fields; i++)
		json_object_set_new(obj, key_of(obj, schema, i),
				    field_json(&schema->fields[i], fields[i]));
	if (rec->tail_len) {
		tail_string(rec, text, sizeof(text));
		json_object_set_new(obj, "tail", json_string_nocheck(text));
	}
	return obj;
}

static void record_print(const struct wpp_rec *rec)
{
	const struct wpp_rec_schema *schema = wpp_rec_schema(rec->type);
	uint64_t fields[WPP_REC_FIELDS_MAX];
	char text[4200];

	if (schema)
		printf("%-10s", schema->name);
	else
		printf("type 0x%04x", rec->type);
	printf(" task %u id %" PRIu64, rec->task, rec->id);
	wpp_rec_get(rec, fields, WPP_REC_FIELDS_MAX);
	for (unsigned int i = 0; schema && i < schema->nr_fields; i++) {
		if (!fields[i])
			continue;
		if (schema->fields[i].format == 'H')
			printf(" %s=0x%" PRIx64, schema->fields[i].name, fields[i]);
		else
			printf(" %s=%" PRId64, schema->fields[i].name, (int64_t)fields[i]);
	}
	if (rec->tail_len) {
		tail_string(rec, text, sizeof(text));
		printf(" \"%s\"", text);
	}
	putchar('\n');
}

/* Both streams, record by record. Returns 0 or the decoder's error. */
static int show_records(const struct tool *t, const struct wppc_view *view, json_t *all)
{
	static const enum wpp_stream streams[] = { WPP_STREAM_PCB, WPP_STREAM_REGIONS };
	struct wpp_rec rec;
	int err = WPP_ENOENT;

	for (size_t s = 0; s < 2 && err == WPP_ENOENT; s++) {
		size_t pos = 0;

		while ((err = wppc_view_next(view, streams[s], 0, &pos, &rec)) == 0) {
			if (t->json)
				json_array_append_new(all, record_json(&rec));
			else
				record_print(&rec);
		}
	}
	if (err == WPP_EFORMAT)
		complain("a later version wrote it: the record type 0x%04x (%s), version %u, must "
			 "be "
			 "understood",
			 rec.type, wpp_rec_name(rec.type), rec.version);
	return err == WPP_ENOENT ? 0 : err;
}

int cmd_inspect(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t generation = 0;
	json_t *all;
	struct wpp_media *media;
	struct wppc_view view;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'g')
			return EXIT_USAGE;
		if (!wppc_parse_number(optarg, INT64_MAX, &generation))
			return usage("inspect", "--generation: '%s' is no number", optarg);
	}
	if (optind + 1 != argc || !wppc_name_ok(argv[optind]))
		return usage("inspect", "which image? wpp inspect NAME; see wpp ls");
	code = view_open(t, argv[optind], generation, &media, &view);
	if (code)
		return code;
	if (!t->json)
		printf("%s generation %" PRIu64 ": %" PRIu64 " pages, %" PRIu64
		       " written, %u spaces\n",
		       view.gen.image, view.gen.generation, view.gen.nr_pages, view.gen.nr_written,
		       view.gen.nr_spaces);
	all = json_array();
	err = show_records(t, &view, all);
	if (t->json)
		print_json(json_pack("{s:s, s:I, s:I, s:I, s:O}", "name", view.gen.image,
				     "generation", (json_int_t)view.gen.generation, "pages",
				     (json_int_t)view.gen.nr_pages, "bytes",
				     bytes_of(view.gen.nr_pages), "records", all));
	json_decref(all);
	wppc_view_close(&view);
	wpp_media_close(media);
	return err ? fail(err, argv[optind]) : EXIT_DONE;
}
