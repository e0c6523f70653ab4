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

struct wppi_conf_value *wppi_conf_find(const struct wpp_conf *conf, const char *section,
				       const char *key);

/* ---- conf_parse.c: @number as enum wpp_conf_kind tells; lists of names for messages */
bool wppi_conf_parse(const struct wpp_conf_key *key, const char *text, uint64_t *number);
void wppi_conf_allowed(const struct wpp_conf_key *key, char *text, size_t size);
void wppi_conf_list_add(char *list, size_t size, const char *name);
void wppi_conf_list_backends(char *list, size_t size);

/* ---- conf_value.c: as wpp_conf_set(), but errors begin with @where ("FILE:LINE: " or ""). */
int wppi_conf_set_at(struct wpp_conf *conf, const char *where, const char *section, const char *key,
		     const char *value, struct wpp_media_error *err);
int wppi_conf_check_section(const char *section, const char *where, struct wpp_media_error *err);

/* Path of @name below $@variable, or below ~/@below_home; malloc()ed. NULL: no home directory. */
char *wppi_conf_xdg(const char *variable, const char *below_home, const char *name);

#endif
