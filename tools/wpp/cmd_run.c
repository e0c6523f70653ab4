/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp run: the starter (thesis 4.2). */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tool.h"

/* Tells of an image that the next persist of this name would supersede, or why none can be seen. */
static void warn_of_image(const struct tool *t, const char *name)
{
	struct wpp_generation gen;
	struct wpp_media_error why;
	struct wpp_media *media;
	int err = wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, &why);

	if (err) {
		if (err != WPP_ENOENT && err != WPP_EBUSY)
			complain("%s: can't be saved as things are: %s", name, why.text);
		return;
	}
	if (wppc_generation_find(wpp_media_store(media), name, 0, &gen) == 0)
		say(t,
		    "wpp: generation %" PRIu64
		    " of '%s' is saved; to go on with it instead: wpp recreate %s",
		    gen.generation, name, name);
	wpp_media_close(media);
}

static int not_started(int err, enum wppc_start_step step, const char *program)
{
	switch (step) {
	case WPPC_START_FORK:
		return fail(err, "fork");
	case WPPC_START_TRACK:
		return fail(err, "can't keep track of the process");
	case WPPC_START_EXEC:
		break;
	}
	complain("%s: %s", program, strerror(-err));
	return err == -ENOENT ? 127 : 126;
}

static int start(struct tool *t, const struct wppc_start *how)
{
	enum wppc_start_step step;
	pid_t pid;
	int err, code;

	err = wppc_start(t->conf, how, &pid, &step);
	if (err)
		return not_started(err, step, how->words[0]);
	if (t->verbose)
		say(t, "wpp: %s runs as pid %d", how->name, pid);
	code = foreground_wait(pid);
	err = wppc_track_remove(t->conf, how->name);
	if (err)
		fail(err, "it ended, but is in the list of tracked processes");
	return code;
}

struct run_args {
	char name[WPP_IMAGE_NAME_MAX + 1];
	bool keep_fds;
	bool inherit;
};

static int parse_args(struct tool *t, int argc, char **argv, struct run_args *a)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "name", required_argument, NULL, 'n' },
		{ "keep-fds", no_argument, NULL, 'k' },
		{ "inherit", no_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+c:n:", options, NULL)) != -1) {
		if (opt == 'c')
			t->config = optarg;
		else if (opt == 'k')
			a->keep_fds = true;
		else if (opt == 'i')
			a->inherit = true;
		else if (opt != 'n')
			return EXIT_USAGE;
		else if (!wppc_name_ok(optarg))
			return usage("run",
				     "--name: '%s' is no image name; allowed: 1 to %d of A-Z a-z "
				     "0-9 . _ -",
				     optarg, WPP_IMAGE_NAME_MAX);
		else
			wppc_name_set(a->name, optarg);
	}
	if (optind == argc)
		return usage("run", "which program? wpp run -- PROGRAM [ARG...]");
	return 0;
}

int cmd_run(struct tool *t, int argc, char **argv)
{
	struct run_args a = { .inherit = false };
	struct wppc_start how;
	bool named;
	int code;

	code = parse_args(t, argc, argv, &a);
	if (!code)
		code = conf_load(t);
	if (!code)
		code = check_module(t, "run", a.inherit);
	if (code)
		return code;
	named = *a.name;
	if (!named)
		wppc_name_of(argv[optind], a.name);
	code = choose_name(t, a.name, named);
	if (code)
		return code;
	warn_of_image(t, a.name);
	how = (struct wppc_start){
		.name = a.name,
		.words = argv + optind,
		.keep_fds = a.keep_fds,
		.inherit = a.inherit,
	};
	return start(t, &how);
}
