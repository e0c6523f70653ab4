/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Talk goes to stderr, data to stdout. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

void say(const struct tool *t, const char *fmt, ...)
{
	va_list ap;

	if (t->quiet || t->json)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("wpp: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int exit_code_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case WPP_ENOENT:
		return EXIT_NOTHING;
	case WPP_ECORRUPT:
	case WPP_EFORMAT:
		return EXIT_DAMAGED;
	case WPP_EREFUSED:
		return EXIT_REFUSED;
	case WPP_EPERM:
		return EXIT_FORBIDDEN;
	default:
		return EXIT_FAILED;
	}
}

int fail(int err, const char *subject)
{
	complain("%s: %s", subject, wppc_strerror(err));
	return exit_code_of(err);
}

int fail_why(int err, const struct wpp_media_error *why)
{
	if (*why->text)
		complain("%s", why->text);
	return exit_code_of(err);
}

int usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "wpp%s%s: ", command ? " " : "", command ? command : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

void print_json(json_t *data)
{
	if (json_is_object(data))
		json_object_set_new(data, "format_version", json_integer(1));
	json_dumpf(data, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', stdout);
	json_decref(data);
}

json_t *json_text(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string)
		return string;
	copy = strdup(text);
	for (char *c = copy; c && *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	string = json_string(copy ? copy : "?");
	free(copy);
	return string;
}

char *human_bytes(uint64_t bytes, char buf[16])
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t tenths = bytes * 10;

	if (bytes > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10240) {
		tenths /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, 16, "%u B", (unsigned int)(tenths / 10));
	else
		snprintf(buf, 16, "%u.%u %ciB", (unsigned int)(tenths / 10),
			 (unsigned int)(tenths % 10), units[unit]);
	return buf;
}

char *human_ns(uint64_t ns, char buf[16])
{
	if (ns < 10000000000ull)
		snprintf(buf, 16, "%u.%02u ms", (unsigned int)(ns / 1000000),
			 (unsigned int)(ns % 1000000 / 10000));
	else
		snprintf(buf, 16, "%u.%u s", (unsigned int)(ns / 1000000000),
			 (unsigned int)(ns % 1000000000 / 100000000));
	return buf;
}

static const char *kind_name(enum wpp_note_kind kind)
{
	switch (kind) {
	case WPP_NOTE_REFUSED:
		return "refused";
	case WPP_NOTE_LOSSY:
		return "lossy";
	case WPP_NOTE_CHANGED:
		return "changed";
	case WPP_NOTE_INFO:
		return "info";
	case WPP_NOTE_ERROR:
		return "error";
	}
	return "note";
}

static void progress_clear(struct talk *k)
{
	if (k->percent >= 0)
		fputs("\r\033[K", stderr);
	k->percent = -1;
}

static void on_note(void *arg, const struct wpp_note *note)
{
	struct talk *k = arg;

	progress_clear(k);
	json_array_append_new(k->notes,
			      json_pack("{s:s, s:s, s:o}", "kind", kind_name(note->kind), "name",
					note->name, "text", json_text(note->text)));
	if (k->tool->quiet && note->kind != WPP_NOTE_REFUSED && note->kind != WPP_NOTE_ERROR)
		return;
	if (note->kind == WPP_NOTE_INFO && !k->tool->verbose && k->tool->json)
		return;
	complain("%s: %s [%s]: %s", k->name, kind_name(note->kind), note->name, note->text);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	static const char bar[] = "########################################";
	struct talk *k = arg;
	int percent = total ? (int)(done * 100 / total) : 100;

	if (percent == k->percent)
		return;
	k->percent = percent;
	fprintf(stderr, "\r%s %s [%-40.*s] %3d %%", k->what, k->name, percent * 40 / 100, bar,
		percent);
	fflush(stderr);
}

void talk_begin(struct talk *k, const struct tool *t, const char *what, const char *name)
{
	bool progress = t->progress < 0 ? isatty(STDERR_FILENO) && !t->quiet : t->progress;

	*k = (struct talk){
		.tool = t, .what = what, .name = name, .notes = json_array(), .percent = -1
	};
	k->report = (struct wpp_report){
		.note = on_note,
		.progress = progress ? on_progress : NULL,
		.arg = k,
	};
}

json_t *talk_end(struct talk *k)
{
	progress_clear(k);
	return k->notes;
}
