/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp adopt: what wpp run does, for a process that runs already. */
#include <string.h>

#include "tool.h"

struct adopt_args {
	struct wppc_tracked one; /* name "": after its program */
	struct name_list lossy;
	bool inherit;
};

static int parse_args(int argc, char **argv, struct adopt_args *a)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "allow-lossy", required_argument, NULL, 'a' },
		{ "inherit", no_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t pid;
	int opt;

	while ((opt = getopt_long(argc, argv, "n:a:", options, NULL)) != -1) {
		if (opt == 'a' && !name_list_add(&a->lossy, optarg))
			return fail(WPP_ENOMEM, "adopt");
		else if (opt == 'i')
			a->inherit = true;
		else if (opt == 'n' && !wppc_name_ok(optarg))
			return usage("adopt", "--name: '%s' is no image name", optarg);
		else if (opt == 'n')
			wppc_name_set(a->one.name, optarg);
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind + 1 != argc || !wppc_parse_number(argv[optind], INT32_MAX, &pid) || !pid)
		return usage("adopt", "which process? wpp adopt PID");
	a->one.pid = (pid_t)pid;
	return 0;
}

/* The wished name, or one after the program. */
static int name_adopted(const struct tool *t, struct wppc_tracked *one)
{
	char program[WPP_IMAGE_NAME_MAX + 1];
	bool named = *one->name;

	if (wppc_process_name(one->pid, program)) {
		complain("%d: no such process", one->pid);
		return EXIT_NOTHING;
	}
	if (!named)
		wppc_name_set(one->name, program);
	return choose_name(t, one->name, named);
}

static int adopt(const struct tool *t, const struct adopt_args *a)
{
	struct wpp_persist how = { .size = sizeof(how), .allow_lossy = a->lossy.names };
	struct talk talk;
	json_t *notes;
	int err;

	talk_begin(&talk, t, "adopt", a->one.name);
	how.report = &talk.report;
	err = wppc_adopt(t->conf, &a->one, &how, a->inherit);
	notes = talk_end(&talk);
	if (!err && t->json)
		print_json(json_pack("{s:s, s:i, s:s, s:O}", "name", a->one.name, "pid", a->one.pid,
				     "state", "running", "notes", notes));
	json_decref(notes);
	if (err)
		return fail(err, a->one.name);
	say(t, "wpp: pid %d is tracked as %s", a->one.pid, a->one.name);
	return EXIT_DONE;
}

int cmd_adopt(struct tool *t, int argc, char **argv)
{
	struct adopt_args a = { .inherit = false };
	int code;

	code = parse_args(argc, argv, &a);
	if (!code)
		code = conf_load(t);
	if (!code)
		code = check_module(t, "adopt", a.inherit);
	if (!code)
		code = name_adopted(t, &a.one);
	return code ? code : adopt(t, &a);
}
