/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp copy: generations from one medium to another. */
#include <inttypes.h>

#include "tool.h"

struct output {
	const struct tool *tool;
	const struct wpp_media *from, *to;
	struct talk talk;
	json_t *all;
	bool told; /* why it failed */
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct output *out = arg;

	out->talk.report.progress(&out->talk, done, total);
}

static void tell(struct output *out, const struct wppc_copied *one)
{
	const struct wpp_generation *gen = one->gen;

	if (one->err == WPP_ECORRUPT)
		complain_damage(wpp_media_path(out->from), &one->diag);
	if (one->err == WPP_EEXIST)
		complain("%s: %s has another generation %" PRIu64 " or a later one; copy to "
			 "another medium, or drop the image there",
			 gen->image, wpp_media_path(out->to), gen->generation);
	else if (one->err)
		complain("%s generation %" PRIu64 ": not copied: %s", gen->image, gen->generation,
			 wppc_strerror(one->err));
	else
		say(out->tool, "wpp: %s generation %" PRIu64 ": %" PRIu64 " pages, %s", gen->image,
		    gen->generation, gen->nr_pages, one->there ? "is there already" : "copied");
	out->told |= one->err != 0;
}

static void on_copied(void *arg, const struct wppc_copied *one)
{
	const struct wpp_generation *gen = one->gen;
	struct output *out = arg;

	tell(out, one);
	json_array_append_new(out->all, json_pack("{s:s, s:I, s:I, s:s}", "name", gen->image,
						  "generation", (json_int_t)gen->generation,
						  "pages", (json_int_t)gen->nr_pages, "state",
						  one->err     ? wppc_strerror(one->err)
						  : one->there ? "there"
							       : "copied"));
}

static int run(struct output *out, struct wppc_copy *how)
{
	int err;

	out->all = json_array();
	talk_begin(&out->talk, out->tool, "copy", wpp_media_path(out->to));
	how->progress = out->talk.report.progress ? on_progress : NULL;
	how->copied = on_copied;
	how->arg = out;
	err = wppc_copy(how);
	json_decref(talk_end(&out->talk));
	if (err == WPP_ENOENT && !out->told)
		complain("no such image or generation on %s; see wpp ls",
			 wpp_media_path(out->from));
	else if (err && !out->told)
		fail(err, "copy");
	if (out->tool->json)
		print_json(json_pack("{s:o}", "images", out->all));
	else
		json_decref(out->all);
	return exit_code_of(err);
}

static int copy_between(struct tool *t, struct tool *target, struct wppc_copy *how)
{
	struct wpp_media *from = NULL, *to = NULL;
	struct output out = { .tool = t };
	int code = conf_load(t);

	if (!code)
		code = conf_load(target);
	if (code)
		return code;
	if (wppc_medium_is_same(t->conf, target->conf))
		return usage("copy", "--to: %s names the medium that is copied from",
			     target->config);
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &from);
	if (!code)
		code = medium_open(target, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, &to);
	if (!code) {
		out.from = from;
		out.to = to;
		how->from = wpp_media_store(from);
		how->to = wpp_media_store(to);
		code = run(&out, how);
	}
	wpp_media_close(to);
	wpp_media_close(from);
	return code;
}

int cmd_copy(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "from", required_argument, NULL, 'f' },
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	struct wppc_copy how = { .generation = 0 };
	struct tool target = *t;
	int opt, code;

	target.config = NULL;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 't')
			target.config = optarg;
		else if (opt == 'f')
			t->config = optarg;
		else if (opt == '?')
			return EXIT_USAGE;
		else if (!wppc_parse_number(optarg, INT64_MAX, &how.generation) || !how.generation)
			return usage("copy", "--generation: '%s' is no generation; see wpp ls",
				     optarg);
	}
	if (!target.config)
		return usage("copy", "where to? wpp copy --to CONF [NAME...]");
	for (int i = optind; i < argc; i++)
		if (!wppc_name_ok(argv[i]))
			return usage("copy", "'%s' is no image name", argv[i]);
	how.names = argv + optind;
	how.nr_names = (size_t)(argc - optind);
	code = copy_between(t, &target, &how);
	wpp_conf_free(target.conf);
	return code;
}
