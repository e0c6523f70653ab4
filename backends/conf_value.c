/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The values of a configuration: which keys there are, what each may be, where the medium lies. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wpp/media.h>
#include "conf_priv.h"
#include "registry.h"

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

/* Names of a section's keys, of all sections or of all backends, for "allowed: ...". */
static void list_add(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? ", " : "", name);
}

static void list_backends(char *list, size_t size)
{
	const struct wpp_backend_type *type;

	for (size_t i = 0; (type = wpp_backend_type_at(i)) != NULL; i++)
		list_add(list, size, type->name);
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

static bool parse(const struct wpp_conf_key *key, const char *text, uint64_t *number)
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

static void allowed_values(const struct wpp_conf_key *key, char *text, size_t size)
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
			text[i] = key->choices[i] == '|' ? ' ' : key->choices[i];
			text[i + 1] = '\0';
		}
		break;
	case WPP_CONF_BACKEND:
		list_backends(text, size);
		break;
	case WPP_CONF_TEXT:
		break;
	}
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
		(void)parse(v->key, v->key->value, &v->number);
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

static struct wppi_conf_value *find(const struct wpp_conf *conf, const char *section,
				    const char *key)
{
	for (size_t i = 0; i < conf->nr; i++) {
		const struct wppi_conf_value *v = &conf->values[i];

		if (!strcmp(v->section, section) && !strcmp(v->key->name, key))
			return (struct wppi_conf_value *)(uintptr_t)v;
	}
	return NULL;
}

int wppi_conf_check_section(const char *section, const char *where, struct wpp_media_error *err)
{
	char allowed[256] = "wpp";
	size_t nr;

	if (wpp_conf_keys(section, &nr) || !strcmp(section, "wpp") ||
	    wpp_backend_type_find(section))
		return 0;
	list_backends(allowed, sizeof(allowed));
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
		list_add(allowed, sizeof(allowed), keys[i].name);
	return wppi_fail(err, WPP_EINVAL, "%sunknown key %s in section [%s]; allowed: %s", where,
			 key, section, allowed);
}

int wppi_conf_set_at(struct wpp_conf *conf, const char *where, const char *section, const char *key,
		     const char *value, struct wpp_media_error *err)
{
	struct wppi_conf_value *v = find(conf, section, key);
	char allowed[256], *text;
	uint64_t number;

	if (wppi_conf_check_section(section, where, err))
		return WPP_EINVAL;
	if (!v)
		return unknown_key(section, key, where, err);
	if (!parse(v->key, value, &number)) {
		allowed_values(v->key, allowed, sizeof(allowed));
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

const char *wpp_conf_text(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = find(conf, section, key);

	return v ? v->text : NULL;
}

uint64_t wpp_conf_number(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = find(conf, section, key);

	return v ? v->number : 0;
}

bool wpp_conf_is_set(const struct wpp_conf *conf, const char *section, const char *key)
{
	const struct wppi_conf_value *v = find(conf, section, key);

	return v && v->set;
}

const char *wpp_conf_source(const struct wpp_conf *conf)
{
	return conf->source;
}
