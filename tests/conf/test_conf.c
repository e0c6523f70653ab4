/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wpp/media.h>

static char dir[] = "/tmp/wpp-conf-XXXXXX", file[64];
static struct wpp_media_error err;

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/wpp.conf", dir);
	return 0;
}

static int group_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static int setup(void **state)
{
	(void)state;
	setenv("HOME", dir, 1);
	unsetenv("WPP_CONF");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	return 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct wpp_conf *load(const char *text)
{
	struct wpp_conf *conf;

	put(file, text);
	if (wpp_conf_load(file, &conf, &err))
		fail_msg("%s", err.text);
	return conf;
}

static void built_in_default_is_complete(void **state)
{
	struct wpp_conf *conf = wpp_conf_new();

	(void)state;
	assert_non_null(conf);
	assert_string_equal(wpp_conf_text(conf, "wpp", "backend"), "pmem");
	assert_int_equal(wpp_conf_number(conf, "wpp", "size"), 0);
	assert_int_equal(wpp_conf_number(conf, "wpp", "generations"), 2);
	assert_int_equal(wpp_conf_number(conf, "wpp", "geometry"), WPP_CONF_GEOMETRY_FIT);
	assert_int_equal(wpp_conf_number(conf, "wpp", "files"), WPP_CONF_FILES_STRICT);
	assert_int_equal(wpp_conf_number(conf, "pmem", "threads"), 4);
	assert_false(wpp_conf_is_set(conf, "wpp", "path"));
	assert_null(wpp_conf_text(conf, "wpp", "nonsense"));
	assert_string_equal(wpp_conf_source(conf), "built-in default");
	wpp_conf_free(conf);
}

static void default_path_follows_xdg(void **state)
{
	struct wpp_conf *conf;
	char want[128];

	(void)state;
	setenv("XDG_STATE_HOME", "/somewhere", 1);
	conf = wpp_conf_new();
	assert_string_equal(wpp_conf_text(conf, "wpp", "path"), "/somewhere/wpp/pmem.img");
	wpp_conf_free(conf);
	unsetenv("XDG_STATE_HOME");
	conf = wpp_conf_new();
	snprintf(want, sizeof(want), "%s/.local/state/wpp/pmem.img", dir);
	assert_string_equal(wpp_conf_text(conf, "wpp", "path"),
			    geteuid() ? want : "/var/lib/wpp/pmem.img");
	wpp_conf_free(conf);
}

static void every_key_is_read(void **state)
{
	struct wpp_conf *conf =
		load("; a comment\n# another\n\n[wpp]\n  backend = pmem ; yes\n"
		     "path: ~/images\nsize=3G\n\tgenerations = 16\n"
		     "geometry = thesis\nfiles = warn\r\n\n[pmem]\naccess = direct\n"
		     "threads = 16");
	char want[128];

	(void)state;
	snprintf(want, sizeof(want), "%s/images", dir);
	assert_string_equal(wpp_conf_text(conf, "wpp", "path"), want);
	assert_true(wpp_conf_is_set(conf, "wpp", "path"));
	assert_int_equal(wpp_conf_number(conf, "wpp", "size"), 3ull << 30);
	assert_int_equal(wpp_conf_number(conf, "wpp", "generations"), 16);
	assert_int_equal(wpp_conf_number(conf, "wpp", "geometry"), WPP_CONF_GEOMETRY_THESIS);
	assert_int_equal(wpp_conf_number(conf, "wpp", "files"), WPP_CONF_FILES_WARN);
	assert_string_equal(wpp_conf_text(conf, "pmem", "access"), "direct");
	assert_int_equal(wpp_conf_number(conf, "pmem", "threads"), 16);
	assert_string_equal(wpp_conf_source(conf), file);
	wpp_conf_free(conf);
}

static void sizes_have_suffixes(void **state)
{
	const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1048576", 1ull << 20 }, { "1024K", 1ull << 20 }, { "5M", 5ull << 20 },
		{ "7G", 7ull << 30 },	   { "64T", 64ull << 40 },  { "auto", 0 },
	};
	struct wpp_conf *conf = wpp_conf_new();

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(wpp_conf_set(conf, "wpp", "size", good[i].text, &err), 0);
		assert_int_equal(wpp_conf_number(conf, "wpp", "size"), good[i].bytes);
	}
	wpp_conf_free(conf);
}

/* Each mistake: the file, the line it is in, and what the message must say. */
static void mistakes_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *says, *allowed;
	} bad[] = {
		{ "[wpp]\nbakend = pmem\n", 2, "unknown key bakend", "backend, path, size" },
		{ "[wpp]\n\n\nbackend = tape\n", 4, "wrong value \"tape\"", "pmem" },
		{ "[wpp]\nsize = 12Q\n", 2, "wrong value \"12Q\" for size", "K, M, G, T" },
		{ "[wpp]\nsize = 1\n", 2, "wrong value \"1\"", "1M to 64T" },
		{ "[wpp]\nsize = 1048577\n", 2, "wrong value", "multiples of 4K" },
		{ "[wpp]\nsize = 65T\n", 2, "wrong value", "64T" },
		{ "[wpp]\nsize = 99999999999999999999\n", 2, "wrong value", "64T" },
		{ "[wpp]\nsize = 18014398509481984K\n", 2, "wrong value", "64T" },
		{ "[wpp]\nsize = -4G\n", 2, "wrong value", "1M to" },
		{ "[wpp]\nsize = 4GB\n", 2, "wrong value", "suffixes" },
		{ "[wpp]\nsize =\n", 2, "wrong value \"\"", "auto" },
		{ "[wpp]\ngenerations = 1\n", 2, "wrong value", "2 to 16" },
		{ "[wpp]\ngenerations = 17\n", 2, "wrong value", "2 to 16" },
		{ "[wpp]\ngenerations = 2K\n", 2, "wrong value", "2 to 16" },
		{ "[wpp]\ngeometry = fi\n", 2, "wrong value", "fit thesis" },
		{ "[wpp]\nfiles = strict|warn\n", 2, "wrong value", "strict warn" },
		{ "[wpp]\npath = here\n", 2, "wrong value", "begins with /" },
		{ "[wpp]\npath = 0000:00:05\n", 2, "wrong value", "PCI address" },
		{ "[wpp]\npath = 0000:00:05.01\n", 2, "wrong value", "PCI address" },
		{ "[wpp]\nsize = 1G\nsize = 2G\n", 3, "second time", "once" },
		{ "[pmem]\nspeed = 9\n", 2, "unknown key speed in section [pmem]",
		  "access, threads" },
		{ "[pmem]\nthreads = 0\n", 2, "wrong value", "1 to 16" },
		{ "[wpp]\n[tape]\nx = 1\n", 2, "unknown section [tape]", "wpp, pmem" },
		{ "[tape]\n", 1, "unknown section", "wpp, pmem" },
		{ "size = 1G\n", 1, "before any section", "[wpp]" },
		{ "[wpp]\nnonsense\n", 2, "neither a section nor a key", "key = value" },
		{ "[wpp\nsize = 1G\n", 1, "neither a section", "[section]" },
		{ "[wpp]\nnonsense\nsize = 1Q\n", 2, "neither", "key = value" },
	};
	struct wpp_conf *conf;
	char where[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(file, bad[i].text);
		assert_int_equal(wpp_conf_load(file, &conf, &err), WPP_EINVAL);
		assert_null(conf);
		snprintf(where, sizeof(where), "%s:%u: ", file, bad[i].line);
		if (strncmp(err.text, where, strlen(where)) || !strstr(err.text, bad[i].says) ||
		    !strstr(err.text, bad[i].allowed) || !strstr(err.text, "; allowed: "))
			fail_msg("case %zu, line %u: %s", i, bad[i].line, err.text);
	}
}

static void long_lines_are_not_split(void **state)
{
	struct wpp_conf *conf;
	char text[1024] = "[wpp]\npath = /";

	(void)state;
	memset(text + strlen(text), 'x', 700);
	strcat(text, "\n");
	put(file, text);
	if (wpp_conf_load(file, &conf, &err)) {
		assert_non_null(strstr(err.text, ":2: line too long; allowed: "));
		return;
	}
	assert_int_equal(strlen(wpp_conf_text(conf, "wpp", "path")), 701);
	wpp_conf_free(conf);
}

static void search_order(void **state)
{
	char path[128];
	struct wpp_conf *conf;

	(void)state;
	snprintf(path, sizeof(path), "%s/.config", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/wpp");
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/wpp.conf");
	put(path, "[wpp]\ngenerations = 5\n");
	assert_int_equal(wpp_conf_load(NULL, &conf, &err), 0);
	assert_int_equal(wpp_conf_number(conf, "wpp", "generations"), 5);
	assert_string_equal(wpp_conf_source(conf), path);
	wpp_conf_free(conf);

	put(file, "[wpp]\ngenerations = 6\n");
	setenv("WPP_CONF", file, 1);
	assert_int_equal(wpp_conf_load(NULL, &conf, &err), 0);
	assert_int_equal(wpp_conf_number(conf, "wpp", "generations"), 6);
	wpp_conf_free(conf);

	setenv("WPP_CONF", "/does/not/exist", 1);
	assert_int_equal(wpp_conf_load(NULL, &conf, &err), WPP_ENOENT);
	assert_non_null(strstr(err.text, "/does/not/exist"));
	assert_int_equal(wpp_conf_load(file, &conf, &err), 0);
	wpp_conf_free(conf);
	assert_true(wpp_conf_load(dir, &conf, &err) < 0);
	assert_null(conf);
}

static void setting_a_value_is_checked(void **state)
{
	struct wpp_conf *conf = wpp_conf_new();

	(void)state;
	assert_int_equal(wpp_conf_set(conf, "wpp", "generations", "3", &err), 0);
	assert_int_equal(wpp_conf_set(conf, "wpp", "generations", "x", &err), WPP_EINVAL);
	assert_int_equal(wpp_conf_number(conf, "wpp", "generations"), 3);
	assert_int_equal(wpp_conf_set(conf, "no", "generations", "3", NULL), WPP_EINVAL);
	assert_int_equal(wpp_conf_set(conf, "wpp", "no", "3", NULL), WPP_EINVAL);
	wpp_conf_free(conf);
}

/* The installed example names every key of every section, and loads. */
static void example_is_complete(void **state)
{
	struct wpp_conf *conf;
	const struct wpp_backend_type *type;
	char *text = calloc(1, 65536), line[128];
	FILE *f = fopen(WPP_EXAMPLE_CONF, "r");

	(void)state;
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	for (size_t s = 0; s == 0 || (type = wpp_backend_type_at(s - 1)) != NULL; s++) {
		const char *section = s ? type->name : "wpp";
		size_t nr;
		const struct wpp_conf_key *keys = wpp_conf_keys(section, &nr);

		for (size_t i = 0; i < nr; i++) {
			snprintf(line, sizeof(line), "\n;%s = ", keys[i].name);
			if (!strstr(text, line))
				fail_msg("[%s] %s is missing", section, keys[i].name);
		}
	}
	for (char *p = text; (p = strstr(p, "\n;")) != NULL; p++)
		if (p[2] != ' ') /* "; text" is a comment, ";key = value" a default */
			p[1] = ' ';
	put(file, text);
	if (wpp_conf_load(file, &conf, &err))
		fail_msg("%s", err.text);
	wpp_conf_free(conf);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(built_in_default_is_complete, setup),
		cmocka_unit_test_setup(default_path_follows_xdg, setup),
		cmocka_unit_test_setup(every_key_is_read, setup),
		cmocka_unit_test_setup(sizes_have_suffixes, setup),
		cmocka_unit_test_setup(mistakes_are_refused_with_their_line, setup),
		cmocka_unit_test_setup(long_lines_are_not_split, setup),
		cmocka_unit_test_setup(search_order, setup),
		cmocka_unit_test_setup(setting_a_value_is_checked, setup),
		cmocka_unit_test_setup(example_is_complete, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
