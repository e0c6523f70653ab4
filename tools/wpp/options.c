/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static bool name_list_one(struct name_list *l, const char *name, size_t len)
{
	const char **names = realloc(l->names, (l->nr + 2) * sizeof(*names));

	if (!names)
		return false;
	l->names = names;
	names[l->nr] = strndup(name, len);
	names[l->nr + 1] = NULL;
	return names[l->nr++] != NULL;
}

bool name_list_add(struct name_list *l, const char *comma_separated)
{
	const char *p = comma_separated;

	for (;;) {
		size_t len = strcspn(p, ",");

		if (len && !name_list_one(l, p, len))
			return false;
		if (!p[len])
			return true;
		p += len + 1;
	}
}
