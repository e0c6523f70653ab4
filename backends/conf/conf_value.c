/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The values of a configuration: which keys there are, their defaults, how one is set. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wpp/media.h>
#include "base/conf_priv.h"
#include "base/fail.h"

#define SIZE_MIN  (1ull << 20)
#define SIZE_MAX_ (1ull << 46)
#define NR(a)	  (sizeof(a) / sizeof((a)[0]))

static const struct wpp_conf_key main_keys[] = {
	{ .name = "backend", .kind = WPP_CONF_BACKEND, .value = "pmem", .help = "kind of medium" },
	{ .name = "path",
	  .kind = WPP_CONF_PATH,
	  .value = "",
	  .help = "file or device that holds the images" },
	{ .name = "size",
	  .kind = WPP_CONF_SIZE,
	  .min = SIZE_MIN,
	  .max = SIZE_MAX_,
	  .value = "auto",
	  .help = "of the medium, when it is made; auto: a quarter of what is free, 64M to 4G" },
	{ .name = "generations",
	  .kind = WPP_CONF_NUMBER,
	  .min = 2,
	  .max = WPP_GENERATIONS_MAX,
	  .value = "2",
	  .help = "images kept of each process" },
	{ .name = "geometry",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "fit|thesis",
	  .value = "fit",
	  .help = "map of the medium, when it is made: in proportion to its size, or figure 5.6" },
	{ .name = "files",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "strict|warn",
	  .value = "strict",
	  .help = "when a file changed since the persist: refuse to recreate, or warn" },
};

const struct wpp_conf_key *wpp_conf_keys(const char *section, size_t *nr)
{
	const struct wpp_backend_type *type;

	*nr = 0;
	if (!strcmp(section, "wpp")) {
		*nr = NR(main_keys);
		return main_keys;
	}
	type = wpp_backend_type_find(section);
	if (!type)
		return NULL;
	*nr = type->nr_keys;
	return type->keys;
}

static const char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(getuid());
	return pw && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

char *wppi_conf_xdg(const char *variable, const char *below_home, const char *name)
{
	const char *dir = getenv(variable), *home = home_dir();
	char *path = NULL;

	if (dir && dir[0] == '/')
		return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
	if (!home)
		return NULL;
	return asprintf(&path, "%s/%s/%s", home, below_home, name) < 0 ? NULL : path;
}

/* $XDG_STATE_HOME when it is set, also for root; then /var/lib for root, ~/.local/state else. */
static char *default_path(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	char *path = NULL;

	if (geteuid() != 0 || (state && state[0] == '/'))
		path = wppi_conf_xdg("XDG_STATE_HOME", ".local/state", "wpp/pmem.img");
	return path ? path : strdup("/var/lib/wpp/pmem.img");
}

static char *value_text(const struct wpp_conf_key *key, const char *text)
{
	char *path = NULL;

	if (key->kind != WPP_CONF_PATH || text[0] != '~')
		return strdup(text);
	if (!home_dir())
		return strdup(text + 1);
	return asprintf(&path, "%s%s", home_dir(), text + 1) < 0 ? NULL : path;
}

static int add_section(struct wpp_conf *conf, const char *section)
{
	size_t nr;
	const struct wpp_conf_key *keys = wpp_conf_keys(section, &nr);
	struct wppi_conf_value *v;

	for (size_t i = 0; i < nr; i++) {
		if (conf->nr == NR(conf->values))
			return WPP_ENOMEM;
		v = &conf->values[conf->nr];
		v->section = section;
		v->key = &keys[i];
		(void)wppi_conf_parse(v->key, v->key->value, &v->number);
		v->text = keys == main_keys && !strcmp(keys[i].name, "path")
				  ? default_path()
				  : value_text(v->key, v->key->value);
		if (!v->text)
			return WPP_ENOMEM;
		conf->nr++;
	}
	return 0;
}

struct wpp_conf *wpp_conf_new(void)
{
	struct wpp_conf *conf = calloc(1, sizeof(*conf));
	const struct wpp_backend_type *type;
	int err;

	if (!conf)
		return NULL;
	conf->source = strdup("built-in default");
	err = conf->source ? add_section(conf, "wpp") : WPP_ENOMEM;
	for (size_t i = 0; !err && (type = wpp_backend_type_at(i)) != NULL; i++)
		err = add_section(conf, type->name);
	if (!err)
		return conf;
	wpp_conf_free(conf);
	return NULL;
}

void wpp_conf_free(struct wpp_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->nr; i++)
		free(conf->values[i].text);
	free(conf->source);
	free(conf);
}

int wppi_conf_check_section(const char *section, const char *where, struct wpp_media_error *err)
{
	char allowed[256] = "wpp";
	size_t nr;

	if (wpp_conf_keys(section, &nr) || !strcmp(section, "wpp") ||
	    wpp_backend_type_find(section))
		return 0;
	wppi_conf_list_backends(allowed, sizeof(allowed));
	return wppi_fail(err, WPP_EINVAL, "%sunknown section [%s]; allowed: %s", where, section,
			 allowed);
}

static int unknown_key(const char *section, const char *key, const char *where,
		       struct wpp_media_error *err)
{
	char allowed[256] = "";
	size_t nr;
	const struct wpp_conf_key *keys = wpp_conf_keys(section, &nr);

	for (size_t i = 0; i < nr; i++)
		wppi_conf_list_add(allowed, sizeof(allowed), keys[i].name);
	return wppi_fail(err, WPP_EINVAL, "%sunknown key %s in section [%s]; allowed: %s", where,
			 key, section, allowed);
}

int wppi_conf_set_at(struct wpp_conf *conf, const char *where, const char *section, const char *key,
		     const char *value, struct wpp_media_error *err)
{
	struct wppi_conf_value *v = wppi_conf_find(conf, section, key);
	char allowed[256], *text;
	uint64_t number;

	if (wppi_conf_check_section(section, where, err))
		return WPP_EINVAL;
	if (!v)
		return unknown_key(section, key, where, err);
	if (!wppi_conf_parse(v->key, value, &number)) {
		wppi_conf_allowed(v->key, allowed, sizeof(allowed));
		return wppi_fail(err, WPP_EINVAL, "%swrong value \"%s\" for %s; allowed: %s", where,
				 value, key, allowed);
	}
	text = value_text(v->key, value);
	if (!text)
		return wppi_fail(err, WPP_ENOMEM, "%sout of memory", where);
	free(v->text);
	v->text = text;
	v->number = number;
	v->set = true;
	return 0;
}

int wpp_conf_set(struct wpp_conf *conf, const char *section, const char *key, const char *value,
		 struct wpp_media_error *err)
{
	return wppi_conf_set_at(conf, "", section, key, value, err);
}
