/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp persist: save one process now. */
#include <string.h>

#include "tool.h"

struct persist_args {
	char name[WPP_IMAGE_NAME_MAX + 1]; /* "": as it is tracked, or after its program */
	const char *target;
	struct name_list lossy;
	uint32_t flags; /* WPP_PERSIST_* */
};

static int find_target(const struct tool *t, const struct persist_args *a, struct wppc_tracked *one)
{
	uint64_t number;
	int err;

	wppc_name_set(one->name, a->name);
	err = wppc_track_target(t->conf, a->target, one);
	if (err == WPP_ENOENT) {
		complain(wppc_parse_number(a->target, UINT64_MAX, &number)
				 ? "%s: no such process"
				 : "%s: no tracked process of that name; see wpp ls",
			 a->target);
		return EXIT_NOTHING;
	}
	return err ? fail(err, a->target) : 0;
}

static int parse_args(int argc, char **argv, struct persist_args *a)
{
	static const struct option options[] = {
		{ "then", required_argument, NULL, 't' },
		{ "name", required_argument, NULL, 'n' },
		{ "allow-lossy", required_argument, NULL, 'a' },
		{ "no-sync", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's')
			a->flags |= WPP_PERSIST_NO_SYNC;
		else if (opt == 'a' && !name_list_add(&a->lossy, optarg))
			return fail(WPP_ENOMEM, "persist");
		else if (opt == 'n' && !wppc_name_ok(optarg))
			return usage("persist", "--name: '%s' is no image name", optarg);
		else if (opt == 'n')
			wppc_name_set(a->name, optarg);
		else if (opt == 't' && strcmp(optarg, "kill") == 0)
			a->flags |= WPP_PERSIST_KILL;
		else if (opt == 't' && strcmp(optarg, "continue") != 0)
			return usage("persist", "--then: '%s'; allowed: kill, continue", optarg);
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind + 1 != argc)
		return usage("persist", "which process? wpp persist PID|NAME");
	a->target = argv[optind];
	return 0;
}

static int persist(const struct tool *t, const struct persist_args *a,
		   const struct wppc_tracked *one)
{
	struct wpp_persist how = { .size = sizeof(how), .flags = a->flags };
	bool kill = a->flags & WPP_PERSIST_KILL;
	struct wpp_persisted done;
	struct wpp_media_error why;
	struct wpp_media *media;
	struct talk talk;
	json_t *result;
	int err;

	err = wppc_persist_open(t->conf, one->pid, &media, &why);
	if (err)
		return fail_why(err, &why);
	medium_warn(t, media);
	talk_begin(&talk, t, "persist", one->name);
	how.allow_lossy = a->lossy.names;
	how.report = &talk.report;
	err = wppc_persist(t->conf, media, one, &how, &done);
	result = persisted_tell(t, one, kill, err, &done, talk_end(&talk));
	wpp_media_close(media);
	if (t->json)
		print_json(result);
	else
		json_decref(result);
	return exit_code_of(err);
}

int cmd_persist(struct tool *t, int argc, char **argv)
{
	struct persist_args args = { .flags = 0 };
	struct wppc_tracked one;
	int code;

	code = parse_args(argc, argv, &args);
	if (!code)
		code = conf_load(t);
	if (!code)
		code = find_target(t, &args, &one);
	if (code)
		return code;
	if (wppc_module_is_used(t->conf) && (args.lossy.names || args.flags & WPP_PERSIST_NO_SYNC))
		return usage("persist", "--allow-lossy, --no-sync: not with backend = module");
	return persist(t, &args, &one);
}
