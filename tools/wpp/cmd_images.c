/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp verify, drop and format: what concerns images as a whole. */
#include <inttypes.h>

#include "tool.h"

struct verified {
	const struct tool *tool;
	struct wpp_media *media;
	json_t *all;
};

static void on_verified(void *arg, const struct wpp_generation *gen, int err,
			const struct wpp_diag *diag)
{
	struct verified *v = arg;

	if (err) {
		complain_damage(wpp_media_path(v->media), diag);
		offer_older(wpp_media_store(v->media), gen);
	} else {
		say(v->tool, "wpp: %s generation %" PRIu64 ": %" PRIu64 " pages, all good",
		    gen->image, gen->generation, gen->nr_pages);
	}
	json_array_append_new(v->all, json_pack("{s:s, s:I, s:s}", "name", gen->image, "generation",
						(json_int_t)gen->generation, "state",
						err ? wppc_strerror(err) : "good"));
}

int cmd_verify(struct tool *t, int argc, char **argv)
{
	struct verified v = { .tool = t };
	int code, err;

	if (argc > 2 || (argc == 2 && !wppc_name_ok(argv[1])))
		return usage("verify", "which image? wpp verify [NAME]");
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &v.media);
	if (code)
		return code;
	v.all = json_array();
	err = wppc_verify(wpp_media_store(v.media), argv[1], on_verified, &v);
	if (err == WPP_ENOENT)
		complain("%s: no such image on %s; see wpp ls", argv[1], wpp_media_path(v.media));
	if (!err && wpp_media_diag(v.media)) {
		complain_damage(wpp_media_path(v.media), wpp_media_diag(v.media));
		err = WPP_ECORRUPT;
	}
	wpp_media_close(v.media);
	if (t->json)
		print_json(json_pack("{s:o}", "images", v.all));
	else
		json_decref(v.all);
	return exit_code_of(err);
}

int cmd_drop(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	struct wpp_media *media;
	uint64_t generation = 0;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'g')
			return EXIT_USAGE;
		if (!wppc_parse_number(optarg, INT64_MAX, &generation) || !generation)
			return usage("drop", "--generation: '%s' is no generation; see wpp ls",
				     optarg);
	}
	if (optind + 1 != argc || !wppc_name_ok(argv[optind]))
		return usage("drop", "which image? wpp drop NAME");
	code = medium_open(t, WPP_MEDIA_WAIT, &media);
	if (code)
		return code;
	err = wpp_store_drop(wpp_media_store(media), argv[optind], generation);
	wpp_media_close(media);
	if (err)
		return fail(err, argv[optind]);
	say(t, "wpp: %s: dropped", argv[optind]);
	if (t->json)
		print_json(json_pack("{s:s, s:s}", "name", argv[optind], "state", "dropped"));
	return EXIT_DONE;
}

static void on_format_progress(void *arg, uint64_t done, uint64_t total)
{
	struct talk *k = arg;

	k->report.progress(k, done, total);
}

int cmd_format(struct tool *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct wpp_media_error why;
	uint32_t flags = 0;
	struct talk talk;
	int opt, code, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'f')
			return EXIT_USAGE;
		flags = WPP_MEDIA_FORCE;
	}
	if (optind != argc)
		return usage("format", "takes no argument '%s'; the medium is what wpp.conf says",
			     argv[optind]);
	code = conf_load(t);
	if (code)
		return code;
	talk_begin(&talk, t, "format", wppc_medium_name(t->conf));
	err = wpp_media_create(t->conf, flags, talk.report.progress ? on_format_progress : NULL,
			       &talk, &why);
	json_decref(talk_end(&talk));
	if (err) {
		complain("%s%s", why.text,
			 err == WPP_EEXIST ? "; wpp format --force empties it" : "");
		return exit_code_of(err);
	}
	say(t, "wpp: %s: an empty store", wppc_medium_name(t->conf));
	return EXIT_DONE;
}
