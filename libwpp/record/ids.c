/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/ids.h"

#include <wpp/store.h>

static uint32_t next(uint32_t *last, uint32_t first, uint32_t max)
{
	if (*last >= max)
		return 0;
	*last = *last < first ? first : *last + 1;
	return *last;
}

uint32_t wppr_ids_space(struct wppr_ids *ids)
{
	return next(&ids->space, WPP_SPACE_FIRST, WPP_SPACE_MAX);
}

uint32_t wppr_ids_file(struct wppr_ids *ids)
{
	return next(&ids->file, 1, UINT32_MAX);
}

uint32_t wppr_ids_object(struct wppr_ids *ids)
{
	return next(&ids->object, 1, UINT32_MAX);
}

uint32_t wppr_ids_pipe(struct wppr_ids *ids)
{
	return next(&ids->pipe, 1, UINT32_MAX);
}
