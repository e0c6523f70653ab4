/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp.conf: any text is read or refused with one line that says where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <wpp/conf.h>
#include <wpp/media.h>

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_section(const struct wpp_conf *conf, const char *section)
{
	size_t nr = 0;
	const struct wpp_conf_key *keys = wpp_conf_keys(section, &nr);

	for (size_t i = 0; i < nr; i++) {
		uint64_t v = wpp_conf_number(conf, section, keys[i].name);

		CHECK(wpp_conf_text(conf, section, keys[i].name));
		if (keys[i].kind == WPP_CONF_NUMBER)
			CHECK(v >= keys[i].min && v <= keys[i].max);
	}
}

static void use_conf(const struct wpp_conf *conf)
{
	const struct wpp_backend_type *type;

	use_section(conf, "wpp");
	for (size_t i = 0; (type = wpp_backend_type_at(i)); i++)
		use_section(conf, type->name);
	CHECK(wpp_backend_type_find(wpp_conf_text(conf, "wpp", "backend")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wpp_media_error why;
	struct wpp_conf *conf;
	char path[64];
	int fd = memfd_create("wpp.conf", 0);
	int err;

	CHECK(fd >= 0);
	CHECK(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = wpp_conf_load(path, &conf, &why);
	close(fd);
	CHECK(err == why.code);
	if (err) {
		CHECK(!conf && why.text[0] && !strchr(why.text, '\n'));
		return 0;
	}
	use_conf(conf);
	wpp_conf_free(conf);
	return 0;
}
