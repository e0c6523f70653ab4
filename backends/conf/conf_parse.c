/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The text of a value: is it allowed, what number is it, what would be allowed? */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <wpp/media.h>
#include "base/conf_priv.h"

/* "a, b, c" for "allowed: ..." */
void wppi_conf_list_add(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? ", " : "", name);
}

void wppi_conf_list_backends(char *list, size_t size)
{
	const struct wpp_backend_type *type;

	for (size_t i = 0; (type = wpp_backend_type_at(i)) != NULL; i++)
		wppi_conf_list_add(list, size, type->name);
}

/* Digits and one suffix; false also when it overflows. */
static bool parse_number(const char *text, bool suffix, uint64_t *number)
{
	static const char units[] = "KMGT";
	const char *p = text, *unit;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (suffix && *p) {
		unit = strchr(units, *p++);
		if (!unit || __builtin_mul_overflow(n, 1ull << (10 * (unit - units + 1)), &n))
			return false;
	}
	*number = n;
	return !*p;
}

static bool parse_choice(const char *text, const char *choices, uint64_t *number)
{
	size_t len = strlen(text);

	for (*number = 0; *choices; ++*number) {
		size_t n = strcspn(choices, "|");

		if (n == len && !strncmp(choices, text, len))
			return true;
		choices += n + (choices[n] == '|');
	}
	return false;
}

static bool parse_size(const struct wpp_conf_key *key, const char *text, uint64_t *number)
{
	*number = 0;
	if (!strcmp(text, "auto"))
		return true;
	return parse_number(text, true, number) && *number >= key->min && *number <= key->max &&
	       *number % WPP_PAGE_SIZE == 0;
}

/* As in /sys/bus/pci/devices: domain:bus:device.function. */
static bool is_pci_address(const char *text)
{
	static const char form[] = "0000:00:00.0";

	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == '0' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return !text[sizeof(form) - 1];
}

bool wppi_conf_parse(const struct wpp_conf_key *key, const char *text, uint64_t *number)
{
	*number = 0;
	switch (key->kind) {
	case WPP_CONF_PATH:
		return text[0] == '/' || !strncmp(text, "~/", 2) || is_pci_address(text);
	case WPP_CONF_NUMBER:
		return parse_number(text, false, number) && *number >= key->min &&
		       *number <= key->max;
	case WPP_CONF_SIZE:
		return parse_size(key, text, number);
	case WPP_CONF_CHOICE:
		return parse_choice(text, key->choices, number);
	case WPP_CONF_BACKEND:
		return wpp_backend_type_find(text) != NULL;
	case WPP_CONF_TEXT:
		break;
	}
	return true;
}

static void print_size(char *text, size_t size, uint64_t n)
{
	static const char units[] = "KMGT";
	int unit = -1;

	for (; n && n % 1024 == 0 && unit < 3; unit++)
		n /= 1024;
	if (unit < 0)
		snprintf(text, size, "%llu", (unsigned long long)n);
	else
		snprintf(text, size, "%llu%c", (unsigned long long)n, units[unit]);
}

void wppi_conf_allowed(const struct wpp_conf_key *key, char *text, size_t size)
{
	char min[32], max[32];

	text[0] = '\0';
	switch (key->kind) {
	case WPP_CONF_PATH:
		snprintf(text, size,
			 "a path that begins with / or ~/, or a PCI address as 0000:00:05.0");
		break;
	case WPP_CONF_NUMBER:
		snprintf(text, size, "%llu to %llu", (unsigned long long)key->min,
			 (unsigned long long)key->max);
		break;
	case WPP_CONF_SIZE:
		print_size(min, sizeof(min), key->min);
		print_size(max, sizeof(max), key->max);
		snprintf(text, size, "auto, or %s to %s in multiples of 4K (suffixes K, M, G, T)",
			 min, max);
		break;
	case WPP_CONF_CHOICE:
		for (size_t i = 0; i < size - 1 && key->choices[i]; i++) {
			text[i] = key->choices[i];
			if (text[i] == '|')
				text[i] = ' ';
			text[i + 1] = '\0';
		}
		break;
	case WPP_CONF_BACKEND:
		wppi_conf_list_backends(text, size);
		break;
	case WPP_CONF_TEXT:
		break;
	}
}
