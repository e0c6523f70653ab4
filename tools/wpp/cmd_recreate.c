/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp recreate: let a saved process go on (thesis 4.3, 5.1.3). */
#include <inttypes.h>
#include <string.h>

#include "tool.h"

struct recreate_args {
	const char *name;
	uint64_t generation;
	uint32_t flags;
	bool detach;
};

static int parse_args(struct tool *t, int argc, char **argv, struct recreate_args *a)
{
	static const struct option options[] = {
		{ "generation", required_argument, NULL, 'g' },
		{ "detach", no_argument, NULL, 'd' },
		{ "files", required_argument, NULL, 'f' },
		{ "new-pid-namespace", no_argument, NULL, 'p' },
		{ "stopped", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, code;

	code = conf_load(t);
	if (code)
		return code;
	if (wpp_conf_number(t->conf, "wpp", "files") == WPP_CONF_FILES_WARN)
		a->flags |= WPP_RECREATE_FILES_WARN;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'd')
			a->detach = true;
		else if (opt == 'p')
			a->flags |= WPP_RECREATE_NEW_PID_NS;
		else if (opt == 's')
			a->flags |= WPP_RECREATE_STOPPED;
		else if (opt == 'g' && !wppc_parse_number(optarg, INT64_MAX, &a->generation))
			return usage("recreate", "--generation: '%s' is no number; see wpp ls",
				     optarg);
		else if (opt == 'f' && strcmp(optarg, "warn") == 0)
			a->flags |= WPP_RECREATE_FILES_WARN;
		else if (opt == 'f' && strcmp(optarg, "strict") == 0)
			a->flags &= ~WPP_RECREATE_FILES_WARN;
		else if (opt == 'f')
			return usage("recreate", "--files: '%s'; allowed: strict, warn", optarg);
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind + 1 != argc || !wppc_name_ok(argv[optind]))
		return usage("recreate", "which image? wpp recreate NAME; see wpp ls");
	a->name = argv[optind];
	return 0;
}

static void print_done(const struct tool *t, const char *name, const struct wpp_recreated *done,
		       json_t *notes)
{
	char bytes[16], first[16];

	if (t->json)
		print_json(json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "name",
				     name, "pid", done->pid, "state", "running", "generation",
				     (json_int_t)done->generation, "pages",
				     (json_int_t)done->nr_pages, "bytes", bytes_of(done->nr_pages),
				     "threads", (json_int_t)done->nr_threads,
				     "first_instruction_ns", (json_int_t)done->first_instruction_ns,
				     "read_ns", (json_int_t)done->read_ns, "notes", notes));
	say(t, "wpp: %s goes on as pid %d: generation %" PRIu64 ", %s, after %s", name, done->pid,
	    done->generation, human_bytes(done->nr_pages * WPP_PAGE_SIZE, bytes),
	    human_ns(done->first_instruction_ns, first));
}

static int not_recreated(struct wpp_media *media, const char *name,
			 const struct wpp_generation *gen, int err)
{
	if (!gen->generation) {
		complain("%s: nothing to recreate on %s; see wpp ls", name, wpp_media_path(media));
		if (wpp_media_diag(media))
			complain_damage(wpp_media_path(media), wpp_media_diag(media));
		return exit_code_of(err);
	}
	complain("%s: not recreated, the image is as it was: %s", name, wppc_strerror(err));
	if (err == WPP_ECORRUPT)
		offer_older(wpp_media_store(media), gen);
	return exit_code_of(err);
}

static int recreate(struct tool *t, const struct recreate_args *a, pid_t *pid)
{
	struct wpp_recreate how = {
		.size = sizeof(how),
		.flags = a->flags,
		.generation = a->generation,
		.stdio = { 0, 1, 2 },
	};
	struct wppc_recreated done;
	struct wpp_media *media;
	struct talk talk;
	json_t *notes;
	int err, code;

	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &media);
	if (code)
		return code;
	if (a->detach)
		how.stdio[0] = how.stdio[1] = how.stdio[2] = -1;
	talk_begin(&talk, t, "recreate", a->name);
	how.report = &talk.report;
	err = wppc_recreate(t->conf, media, a->name, &how, &done);
	notes = talk_end(&talk);
	if (err) {
		code = not_recreated(media, a->name, &done.gen, err);
	} else {
		*pid = done.done.pid;
		print_done(t, a->name, &done.done, notes);
		if (done.track_err)
			fail(done.track_err, "it runs, but can't be tracked");
	}
	json_decref(notes);
	wpp_media_close(media);
	return code;
}

static int check_not_running(const struct tool *t, const char *name)
{
	struct wppc_tracked other;
	int err = wppc_track_find(t->conf, name, &other);

	if (err)
		return err == WPP_ENOENT ? 0 : fail(err, "tracked processes");
	complain("%s: runs already, as pid %d", name, other.pid);
	return EXIT_FAILED;
}

int cmd_recreate(struct tool *t, int argc, char **argv)
{
	struct recreate_args args = { 0 };
	pid_t pid = 0;
	int code, err;

	code = parse_args(t, argc, argv, &args);
	if (!code)
		code = check_not_running(t, args.name);
	if (!code)
		code = recreate(t, &args, &pid);
	if (code || args.detach)
		return code;
	code = foreground_wait(pid);
	err = wppc_track_remove(t->conf, args.name);
	if (err)
		fail(err, "it ended, but is in the list of tracked processes");
	return code;
}
