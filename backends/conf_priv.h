/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_CONF_PRIV_H
#define WPP_CONF_PRIV_H

#include <wpp/conf.h>

#define WPPI_CONF_VALUES_MAX 64

struct wppi_conf_value {
	const char *section;
	const struct wpp_conf_key *key;
	char *text;
	uint64_t number;
	bool set;
};

struct wpp_conf {
	char *source;
	size_t nr;
	struct wppi_conf_value values[WPPI_CONF_VALUES_MAX];
};

/* As wpp_conf_set(), but errors begin with @where ("FILE:LINE: " or ""). */
int wppi_conf_set_at(struct wpp_conf *conf, const char *where, const char *section, const char *key,
		     const char *value, struct wpp_media_error *err);
int wppi_conf_check_section(const char *section, const char *where, struct wpp_media_error *err);

/* Path of @name below $@variable, or below ~/@below_home; malloc()ed. NULL: no home directory. */
char *wppi_conf_xdg(const char *variable, const char *below_home, const char *name);

#endif
