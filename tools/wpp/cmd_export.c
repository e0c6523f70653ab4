/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp export --core: an image for gdb. */
#include <stdio.h>

#include "tool.h"

static int export_core(struct tool *t, const char *name, uint64_t generation, const char *path)
{
	struct wpp_media *media;
	struct wppc_view view;
	struct talk talk;
	json_t *notes;
	int code, err;

	code = view_open(t, name, generation, &media, &view);
	if (code)
		return code;
	talk_begin(&talk, t, "export", name);
	err = wppc_export_core(&view, path, &talk.report);
	notes = talk_end(&talk);
	wppc_view_close(&view);
	wpp_media_close(media);
	if (!err && t->json)
		print_json(json_pack("{s:s, s:o, s:O}", "name", name, "core", json_text(path),
				     "notes", notes));
	json_decref(notes);
	if (err)
		return fail(err, path);
	say(t, "wpp: wrote %s", path);
	return EXIT_DONE;
}

int cmd_export(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "core", no_argument, NULL, 'C' },
		{ "output", required_argument, NULL, 'o' },
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	char path[WPP_IMAGE_NAME_MAX + 8];
	const char *output = NULL;
	uint64_t generation = 0;
	bool core = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (opt == 'C')
			core = true;
		else if (opt == 'o')
			output = optarg;
		else if (opt != 'g')
			return EXIT_USAGE;
		else if (!wppc_parse_number(optarg, INT64_MAX, &generation))
			return usage("export", "--generation: '%s' is no number", optarg);
	}
	if (!core || optind + 1 != argc || !wppc_name_ok(argv[optind]))
		return usage("export", "what? wpp export --core NAME [-o FILE]");
	snprintf(path, sizeof(path), "%s.core", argv[optind]);
	return export_core(t, argv[optind], generation, output ? output : path);
}
