/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program of somebody else: uses the core, the configuration and the backends. */
#include <stdio.h>
#include <wpp/conf.h>
#include <wpp/crc32c.h>
#include <wpp/media.h>

int main(void)
{
	struct wpp_media_error err;
	struct wpp_conf *conf = wpp_conf_new();
	struct wpp_media *media;

	if (!conf || !wpp_backend_type_find("pmem"))
		return 1;
	if (wpp_crc32c(0, "123456789", 9) != 0xe3069283)
		return 1;
	if (wpp_conf_set(conf, "wpp", "path", "/does/not/exist", &err))
		return 1;
	if (wpp_media_open(conf, WPP_MEDIA_RDONLY, &media, &err) != WPP_ENOENT)
		return 1;
	puts(err.text);
	wpp_conf_free(conf);
	return 0;
}
