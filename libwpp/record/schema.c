/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names and words of all types and fields, for those who print them. */
#include <wpp/pcb.h>
#include <wpp/store.h>

#define FIELD_ROW(field, format, text) { #field, #format[0], text },
#define X(code, version, must, stream, name, NAME, task, id, tail) \
	static const struct wpp_rec_field fields_##name[] = { WPP_FIELDS_##name(FIELD_ROW) };
WPP_REC_TYPES(X)
#undef X

static const struct wpp_rec_schema schemas[] = {
#define X(code, version, must, stream, name, NAME, task, id, tail) \
	{ code,                                                    \
	  version,                                                 \
	  WPP_REC_##must,                                          \
	  WPP_STREAM_##stream,                                     \
	  sizeof(fields_##name) / sizeof(fields_##name[0]),        \
	  #name,                                                   \
	  task,                                                    \
	  id,                                                      \
	  tail,                                                    \
	  fields_##name },
	WPP_REC_TYPES(X)
#undef X
};

const struct wpp_rec_schema *wpp_rec_schema(uint16_t type)
{
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		if (schemas[i].type == type)
			return &schemas[i];
	}
	return NULL;
}

const char *wpp_rec_name(uint16_t type)
{
	const struct wpp_rec_schema *schema = wpp_rec_schema(type);

	return schema ? schema->name : "unknown";
}
