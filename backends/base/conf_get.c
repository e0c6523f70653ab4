/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a configuration says: asked by the kinds of media, so it knows none of them. */
#include <string.h>
#include "base/conf_priv.h"

struct wppi_conf_value *wppi_conf_find(const struct wpp_conf *conf, const char *section,
				       const char *key)
{
	for (size_t i = 0; i < conf->nr; i++) {
		const struct wppi_conf_value *v = &conf->values[i];

		if (!strcmp(v->section, section) && !strcmp(v->key->name, key))
			return (struct wppi_conf_value *)(uintptr_t)v;
	}
	return NULL;
}

const char *wpp_conf_text(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = wppi_conf_find(conf, section, key);

	return v ? v->text : NULL;
}

uint64_t wpp_conf_number(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = wppi_conf_find(conf, section, key);

	return v ? v->number : 0;
}

bool wpp_conf_is_set(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = wppi_conf_find(conf, section, key);

	return v && v->set;
}

const char *wpp_conf_source(const struct wpp_conf *conf)
{
	return conf->source;
}
