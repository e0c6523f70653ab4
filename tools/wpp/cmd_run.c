/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp run: the starter (thesis 4.2). wpp adopt: the same for a process that runs already. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

/* Finds a free name: the one wished for, or NAME-2, NAME-3 ... when it was not given by the user.
 */
static int choose_name(const struct tool *t, char name[WPP_IMAGE_NAME_MAX + 1], bool given)
{
	char base[51];
	struct tracked other;

	if (track_find(t, name, &other) != 0)
		return 0;
	if (given) {
		complain("%s: is tracked already, as pid %d; choose another --name", name,
			 other.pid);
		return EXIT_USAGE;
	}
	snprintf(base, sizeof(base), "%.*s", (int)sizeof(base) - 1, name);
	for (unsigned int n = 2; n < 10000; n++) {
		snprintf(name, WPP_IMAGE_NAME_MAX + 1, "%s-%u", base, n);
		if (track_find(t, name, &other) != 0)
			return 0;
	}
	return EXIT_FAILED;
}

/* Tells of an image that the next persist of this name would supersede. */
static void warn_of_image(struct tool *t, const char *name)
{
	struct wpp_generation gen;
	struct wpp_media *media;

	if (wpp_media_open(t->conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, NULL) != 0)
		return;
	if (generation_find(wpp_media_store(media), name, 0, &gen) == 0)
		say(t,
		    "wpp: generation %" PRIu64
		    " of '%s' is saved; to go on with it instead: wpp recreate %s",
		    gen.generation, name, name);
	wpp_media_close(media);
}

/*
 * In the child: waits until it is tracked, then becomes the program. Descriptors beyond the
 * standard streams would tie it to whoever started us; a process with such ties can't be saved.
 */
static _Noreturn void become(int ready, bool keep_fds, char **argv)
{
	char go;

	if (read(ready, &go, 1) != 1)
		_exit(EXIT_FAILED);
	if (!keep_fds)
		close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execvp(argv[0], argv);
	complain("%s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

struct run_args {
	char name[WPP_IMAGE_NAME_MAX + 1];
	bool keep_fds;
	bool inherit;
};

static int start(struct tool *t, const struct run_args *a, char **argv)
{
	int ready[2], err, code;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return fail(-errno, "pipe");
	pid = fork();
	if (pid < 0)
		return fail(-errno, "fork");
	if (pid == 0) {
		close(ready[1]);
		become(ready[0], a->keep_fds, argv);
	}
	close(ready[0]);
	err = track_add(t, a->name, pid, a->inherit);
	if (err) {
		close(ready[1]);
		waitpid(pid, NULL, 0);
		return fail(err, "can't keep track of the process");
	}
	if (t->verbose)
		say(t, "wpp: %s runs as pid %d", a->name, pid);
	if (write(ready[1], "g", 1) != 1)
		complain("%s: did not start", a->name);
	close(ready[1]);
	code = foreground_wait(pid);
	track_remove(t, a->name);
	return code;
}

/* What only the module does is refused without it; with it, all must be there before the start. */
static int check_module(struct tool *t, const char *command, bool inherit)
{
	if (kernel_is_used(t))
		return kernel_prepare(t);
	return inherit ? usage(command, "--inherit: needs backend = module in wpp.conf") : 0;
}

static int parse_run(struct tool *t, int argc, char **argv, struct run_args *a)
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
		else if (!image_name_ok(optarg))
			return usage("run",
				     "--name: '%s' is no image name; allowed: 1 to %d of A-Z a-z "
				     "0-9 . _ -",
				     optarg, WPP_IMAGE_NAME_MAX);
		else
			strcpy(a->name, optarg);
	}
	if (optind == argc)
		return usage("run", "which program? wpp run -- PROGRAM [ARG...]");
	return 0;
}

int cmd_run(struct tool *t, int argc, char **argv)
{
	struct run_args a = { .inherit = false };
	bool named;
	int code;

	code = parse_run(t, argc, argv, &a);
	if (!code)
		code = conf_load(t);
	if (!code)
		code = check_module(t, "run", a.inherit);
	if (code)
		return code;
	named = *a.name;
	if (!named)
		image_name_of(argv[optind], a.name);
	code = choose_name(t, a.name, named);
	if (code)
		return code;
	warn_of_image(t, a.name);
	return start(t, &a, argv + optind);
}

static int print_adopted(const struct tool *t, const char *name, pid_t pid, json_t *notes)
{
	if (t->json)
		print_json(json_pack("{s:s, s:i, s:s, s:o}", "name", name, "pid", pid, "state",
				     "running", "notes", notes));
	else
		json_decref(notes);
	say(t, "wpp: pid %d is tracked as %s", pid, name);
	return EXIT_DONE;
}

struct adopt_args {
	char name[WPP_IMAGE_NAME_MAX + 1];
	struct name_list lossy;
	bool inherit;
	pid_t pid;
};

static int parse_adopt(int argc, char **argv, struct adopt_args *a)
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
		else if (opt == 'n' && !image_name_ok(optarg))
			return usage("adopt", "--name: '%s' is no image name", optarg);
		else if (opt == 'n')
			strcpy(a->name, optarg);
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind + 1 != argc || !parse_number(argv[optind], INT32_MAX, &pid) || !pid)
		return usage("adopt", "which process? wpp adopt PID");
	a->pid = (pid_t)pid;
	return 0;
}

/* The wished name, or one after the program. */
static int name_adopted(const struct tool *t, struct adopt_args *a)
{
	bool named = *a->name;
	char link[64], exe[4096];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", a->pid);
	len = readlink(link, exe, sizeof(exe) - 1);
	if (len < 0 && errno == ENOENT) {
		complain("%d: no such process", a->pid);
		return EXIT_NOTHING;
	}
	exe[len < 0 ? 0 : len] = '\0';
	if (!named)
		image_name_of(exe, a->name);
	return choose_name(t, a->name, named);
}

int cmd_adopt(struct tool *t, int argc, char **argv)
{
	struct adopt_args a = { .pid = 0 };
	struct wpp_persist how = { .size = sizeof(how) };
	struct talk talk;
	json_t *notes;
	int err;

	err = parse_adopt(argc, argv, &a);
	if (!err)
		err = conf_load(t);
	if (!err)
		err = check_module(t, "adopt", a.inherit);
	if (!err)
		err = name_adopted(t, &a);
	if (err)
		return err;
	talk_begin(&talk, t, "adopt", a.name);
	how.report = &talk.report;
	how.allow_lossy = a.lossy.names;
	err = wpp_process_check(a.pid, &how);
	notes = talk_end(&talk);
	if (!err)
		err = track_add(t, a.name, a.pid, a.inherit);
	if (err) {
		json_decref(notes);
		return fail(err, a.name);
	}
	return print_adopted(t, a.name, a.pid, notes);
}
