/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Prints the schema as FORMAT.md has it: all types, then each type's fields and values. */
#include <stdio.h>
#include <string.h>

#include <wpp/pcb.h>
#include <wpp/store.h>

static const uint16_t types[] = {
#define X(code, version, must, stream, name, NAME, task, id, tail) code,
	WPP_REC_TYPES(X)
#undef X
};

static void print_value(unsigned long value, const char *text)
{
	printf("| %lu | %s |\n", value, text);
}

static void print_bit(unsigned long value, const char *text)
{
	printf("| 0x%lx | %s |\n", value, text);
}

#define WPP_ROW(NAME, value, text) print_value((value), (text));
#define WPP_BIT(NAME, value, text) print_bit((value), (text));
#define PRINT(title, LIST, ROW)                                   \
	do {                                                      \
		printf("\n`" title "`\n\n| value | meaning |\n"); \
		puts("|---|---|");                                \
		LIST(ROW)                                         \
	} while (0)

static void print_values(uint16_t type)
{
	switch (type) {
	case WPP_REC_THREAD:
		PRINT("restart", WPP_RESTARTS, WPP_ROW);
		break;
	case WPP_REC_OFD:
		PRINT("kind", WPP_OFD_KINDS, WPP_ROW);
		break;
	case WPP_REC_LOCK:
		PRINT("kind", WPP_LOCK_KINDS, WPP_ROW);
		break;
	case WPP_REC_SOCKET:
		PRINT("state", WPP_SOCKET_STATES, WPP_ROW);
		break;
	case WPP_REC_MEMOBJ:
		PRINT("kind", WPP_MEMOBJ_KINDS, WPP_ROW);
		break;
	case WPP_REC_REGION:
		PRINT("kind", WPP_REGION_KINDS, WPP_ROW);
		PRINT("advice", WPP_REGION_ADVICE, WPP_BIT);
		PRINT("aux", WPP_REGION_USES, WPP_ROW);
		break;
	}
}

static void print_type(const struct wpp_rec_schema *s)
{
	printf("\n#### %s\n\n| off | field | form | meaning |\n|---|---|---|---|\n", s->name);
	for (unsigned int i = 0; i < s->nr_fields; i++)
		printf("| %u | %s | %s | %s |\n", 24 + 8 * i, s->fields[i].name,
		       s->fields[i].format == 'H' ? "hex" : "dec", s->fields[i].text);
	print_values(s->type);
}

int main(void)
{
	const struct wpp_rec_schema *s;
	size_t nr = sizeof(types) / sizeof(types[0]);

	puts("| type | name | version | must | stream | fields | task | id | tail |");
	puts("|---|---|---|---|---|---|---|---|---|");
	for (size_t i = 0; i < nr; i++) {
		s = wpp_rec_schema(types[i]);
		printf("| 0x%04x | %s | %u | %s | %u | %u | %s | %s | %s |\n", s->type, s->name,
		       s->version, s->flags & WPP_REC_MUST ? "yes" : "no", s->stream, s->nr_fields,
		       s->task, s->id, s->tail);
	}
	for (size_t i = 0; i < nr; i++)
		print_type(wpp_rec_schema(types[i]));
	return 0;
}
