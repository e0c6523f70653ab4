/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text.h"

bool wppc_parse_number(const char *text, uint64_t max, uint64_t *value)
{
	unsigned long long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end || v > max)
		return false;
	*value = v;
	return true;
}

static bool is_usable(char c)
{
	return isalnum((unsigned char)c) || strchr("._-", c);
}

bool wppc_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > WPP_IMAGE_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (; *name; name++) {
		if (!is_usable(*name))
			return false;
	}
	return true;
}

void wppc_name_set(char to[WPP_IMAGE_NAME_MAX + 1], const char *name)
{
	snprintf(to, WPP_IMAGE_NAME_MAX + 1, "%s", name);
}

void wppc_name_of(const char *program, char name[WPP_IMAGE_NAME_MAX + 1])
{
	const char *base = strrchr(program, '/');

	snprintf(name, WPP_IMAGE_NAME_MAX + 1, "%.*s", WPP_IMAGE_NAME_MAX,
		 base ? base + 1 : program);
	for (char *c = name; *c; c++) {
		if (!is_usable(*c))
			*c = '_';
	}
	if (!wppc_name_ok(name))
		wppc_name_set(name, "process");
}
