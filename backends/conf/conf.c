/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Find wpp.conf and read it with libinih; the line numbers are counted by the reader. */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/conf_priv.h"
#include "base/fail.h"

struct parser {
	struct wpp_conf *conf;
	FILE *file;
	const char *path;
	char where[512]; /* "FILE:LINE: " of the line just read */
	unsigned int line;
	int code; /* the first mistake; nothing is looked at after it */
	struct wpp_media_error *err;
	bool seen[WPPI_CONF_VALUES_MAX];
};

static const char bad_line[] =
	"%s:%u: neither a section nor a key; allowed: [section], key = value, ; comment";

/* libinih tells of a section only with its first key. */
static void check_heading(struct parser *p, const char *line)
{
	char section[64] = "";
	size_t len = strcspn(line + 1, "]");

	if (line[1 + len] != ']') {
		p->code = wppi_fail(p->err, WPP_EINVAL, bad_line, p->path, p->line);
		return;
	}
	if (len < sizeof(section))
		memcpy(section, line + 1, len);
	p->code = wppi_conf_check_section(section, p->where, p->err);
}

/*
 * As fgets(), without blanks at the line's start (libinih takes an indented line for the
 * continuation of the value before), and refusing a line that libinih would split in two.
 */
static char *read_line(char *buf, int size, void *arg)
{
	struct parser *p = arg;
	size_t len;

	if (p->code || !fgets(buf, size, p->file))
		return NULL;
	snprintf(p->where, sizeof(p->where), "%s:%u: ", p->path, ++p->line);
	len = strlen(buf);
	if (len + 1 == (size_t)size && buf[len - 1] != '\n' && !feof(p->file)) {
		p->code = wppi_fail(p->err, WPP_EINVAL, "%sline too long; allowed: %d characters",
				    p->where, size - 2);
		return NULL;
	}
	len = strspn(buf, " \t");
	memmove(buf, buf + len, strlen(buf + len) + 1);
	if (buf[0] == '[')
		check_heading(p, buf);
	return p->code ? NULL : buf;
}

static bool set_twice(struct parser *p, const char *section, const char *name)
{
	for (size_t i = 0; i < p->conf->nr; i++) {
		const struct wppi_conf_value *v = &p->conf->values[i];

		if (strcmp(v->section, section) || strcmp(v->key->name, name))
			continue;
		if (p->seen[i])
			return true;
		p->seen[i] = true;
	}
	return false;
}

static int handle_key(void *arg, const char *section, const char *name, const char *value)
{
	struct parser *p = arg;

	if (p->code)
		return 1;
	if (!section[0])
		p->code = wppi_fail(p->err, WPP_EINVAL,
				    "%s%s stands before any section; allowed: [wpp] above it",
				    p->where, name);
	else if (set_twice(p, section, name))
		p->code = wppi_fail(p->err, WPP_EINVAL,
				    "%s%s is set a second time; allowed: once in [%s]", p->where,
				    name, section);
	else
		p->code = wppi_conf_set_at(p->conf, p->where, section, name, value, p->err);
	return 1;
}

static int parse_file(struct wpp_conf *conf, const char *path, FILE *file,
		      struct wpp_media_error *err)
{
	struct parser p = { .conf = conf, .file = file, .path = path, .err = err };
	int line = ini_parse_stream(read_line, &p, handle_key, &p);

	if (!p.code && ferror(file))
		return wppi_fail(err, WPP_EIO, "%s: can't be read", path);
	if (line > 0 && (!p.code || (unsigned int)line < p.line))
		return wppi_fail(err, WPP_EINVAL, bad_line, path, (unsigned int)line);
	if (!p.code && line < 0)
		return wppi_fail(err, WPP_ENOMEM, "%s: out of memory", path);
	return p.code;
}

static int read_conf(struct wpp_conf *conf, const char *path, struct wpp_media_error *err)
{
	FILE *file = fopen(path, "re");
	int code;

	if (!file) {
		code = wppi_from_errno(errno);
		return wppi_fail(err, code, "%s: configuration can't be opened: %s", path,
				 strerror(errno));
	}
	free(conf->source);
	conf->source = strdup(path);
	code = conf->source ? parse_file(conf, path, file, err) : WPP_ENOMEM;
	fclose(file);
	return code;
}

/* The file to read, malloc()ed; NULL: none, the built-in default holds. */
static char *search(void)
{
	static const char system_conf[] = "/etc/wpp/wpp.conf";
	const char *env = getenv("WPP_CONF");
	char *path;

	if (env && env[0])
		return strdup(env);
	path = wppi_conf_xdg("XDG_CONFIG_HOME", ".config", "wpp/wpp.conf");
	if (path && !access(path, F_OK))
		return path;
	free(path);
	return access(system_conf, F_OK) ? NULL : strdup(system_conf);
}

int wpp_conf_load(const char *path, struct wpp_conf **out, struct wpp_media_error *err)
{
	struct wpp_conf *conf = wpp_conf_new();
	char *found = path ? strdup(path) : search();
	int code = 0;

	*out = NULL;
	if (err)
		*err = (struct wpp_media_error){ 0 };
	if (!conf || (path && !found))
		code = wppi_fail(err, WPP_ENOMEM, "out of memory");
	else if (found)
		code = read_conf(conf, found, err);
	free(found);
	if (code)
		wpp_conf_free(conf);
	else
		*out = conf;
	return code;
}
