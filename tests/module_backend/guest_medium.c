/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What every backend must do, on the device that wpp.conf names. Destroys what is on it. */
#include "backend/conformance.h"

#include <wpp/media.h>

static int setup(void **state)
{
	const struct wpp_backend_type *type;
	struct wpp_media_error err = { .code = 0 };
	struct wpp_backend *be;
	struct wpp_conf *conf;
	int code = wpp_conf_load(NULL, &conf, &err);

	if (!code) {
		type = wpp_backend_type_find(wpp_conf_text(conf, "wpp", "backend"));
		code = type->open(conf, "/dev/wpp", 0, &be, &err);
		wpp_conf_free(conf);
	}
	if (code) {
		fprintf(stderr, "%s\n", err.text);
		return code;
	}
	return conformance_begin(state, be);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CONFORMANCE_TESTS(setup, conformance_end) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
