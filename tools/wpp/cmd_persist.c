/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp persist: save one process now. wpp trigger: power fails (thesis 5.1.2). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

static json_t *persisted_json(const struct persist_request *req, const struct wpp_persisted *done,
			      json_t *notes)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
			 req->name, "pid", req->pid, "state",
			 req->flags & WPP_PERSIST_KILL ? "saved" : "running", "generation",
			 (json_int_t)done->generation, "pages", (json_int_t)done->nr_pages, "bytes",
			 (json_int_t)(done->nr_pages * WPP_PAGE_SIZE), "written",
			 (json_int_t)(done->nr_written * WPP_PAGE_SIZE), "threads",
			 (json_int_t)done->nr_threads, "frozen_ns", (json_int_t)done->frozen_ns,
			 "durable_ns", (json_int_t)done->durable_ns, "sync_ns",
			 (json_int_t)done->sync_ns, "notes", notes);
}

int persist_one(const struct tool *t, struct wpp_store *st, const struct persist_request *req,
		json_t **result)
{
	struct wpp_persist how = {
		.size = sizeof(how),
		.flags = req->flags,
		.allow_lossy = req->allow_lossy,
	};
	char bytes[16], frozen[16], durable[16];
	struct wpp_persisted done = { 0 };
	struct talk talk;
	json_t *notes;
	int err;

	talk_begin(&talk, t, "persist", req->name);
	how.report = &talk.report;
	if (kernel_is_used(t))
		err = kernel_persist(t, req->name, req->pid, &how, &done);
	else
		err = wpp_process_persist(st, req->name, req->pid, &how, &done);
	notes = talk_end(&talk);
	if (err) {
		complain("%s (pid %d): not saved, runs on unharmed: %s", req->name, req->pid,
			 wpp_strerror(err));
		*result = json_pack("{s:s, s:i, s:s, s:s, s:o}", "name", req->name, "pid", req->pid,
				    "state", "running", "error", wpp_strerror(err), "notes", notes);
		return err;
	}
	if (req->flags & WPP_PERSIST_KILL)
		track_remove(t, req->name);
	say(t, "wpp: %s (pid %d): generation %" PRIu64 ", %s, frozen %s, durable after %s%s",
	    req->name, req->pid, done.generation, human_bytes(done.nr_pages * WPP_PAGE_SIZE, bytes),
	    human_ns(done.frozen_ns, frozen), human_ns(done.durable_ns, durable),
	    req->flags & WPP_PERSIST_KILL ? "; killed" : "");
	*result = persisted_json(req, &done, notes);
	return 0;
}

/* PID or NAME: fills pid and name. @name holds what --name said, or "". */
static int find_target(const struct tool *t, const char *target, char name[WPP_IMAGE_NAME_MAX + 1],
		       pid_t *pid)
{
	struct tracked *run, one;
	char link[64], exe[4096];
	uint64_t number;
	size_t nr;
	ssize_t len;

	if (!parse_number(target, INT32_MAX, &number)) {
		if (!image_name_ok(target) || track_find(t, target, &one) != 0) {
			complain("%s: no tracked process of that name; see wpp ls", target);
			return EXIT_NOTHING;
		}
		*pid = one.pid;
		if (!*name)
			strcpy(name, one.name);
		return 0;
	}
	*pid = (pid_t)number;
	if (!number || !process_start_time(*pid)) {
		complain("%s: no such process", target);
		return EXIT_NOTHING;
	}
	if (!*name && track_list(t, &run, &nr) == 0) {
		for (size_t i = 0; i < nr; i++) {
			if (run[i].pid == *pid)
				strcpy(name, run[i].name);
		}
		free(run);
	}
	if (*name)
		return 0;
	snprintf(link, sizeof(link), "/proc/%d/exe", *pid);
	len = readlink(link, exe, sizeof(exe) - 1);
	exe[len < 0 ? 0 : len] = '\0';
	image_name_of(exe, name);
	return 0;
}

static int parse_persist(int argc, char **argv, struct persist_request *req, char *name,
			 struct name_list *lossy)
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
			req->flags |= WPP_PERSIST_NO_SYNC;
		else if (opt == 'a' && !name_list_add(lossy, optarg))
			return fail(WPP_ENOMEM, "persist");
		else if (opt == 'n' && !image_name_ok(optarg))
			return usage("persist", "--name: '%s' is no image name", optarg);
		else if (opt == 'n')
			strcpy(name, optarg);
		else if (opt == 't' && strcmp(optarg, "kill") == 0)
			req->flags |= WPP_PERSIST_KILL;
		else if (opt == 't' && strcmp(optarg, "continue") != 0)
			return usage("persist", "--then: '%s'; allowed: kill, continue", optarg);
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind + 1 != argc)
		return usage("persist", "which process? wpp persist PID|NAME");
	req->allow_lossy = lossy->names;
	return 0;
}

/* The medium; the module has it open itself, so nothing is opened here then. */
static int writer_open(struct tool *t, const struct persist_request *req, struct wpp_media **media)
{
	*media = NULL;
	if (!kernel_is_used(t))
		return medium_open(t, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, media);
	if (req->allow_lossy || req->flags & WPP_PERSIST_NO_SYNC)
		return usage("persist", "--allow-lossy, --no-sync: not with backend = module");
	return kernel_tracks(req->pid) ? 0 : kernel_prepare(t);
}

static struct wpp_store *store_of(struct wpp_media *media)
{
	return media ? wpp_media_store(media) : NULL;
}

int cmd_persist(struct tool *t, int argc, char **argv)
{
	char name[WPP_IMAGE_NAME_MAX + 1] = "";
	struct persist_request req = { .name = name };
	struct name_list lossy = { 0 };
	struct wpp_media *media;
	json_t *result;
	int code;

	code = parse_persist(argc, argv, &req, name, &lossy);
	if (!code)
		code = conf_load(t);
	if (!code)
		code = find_target(t, argv[optind], name, &req.pid);
	if (!code)
		code = writer_open(t, &req, &media);
	if (code)
		return code;
	code = persist_one(t, store_of(media), &req, &result);
	wpp_media_close(media);
	if (t->json)
		print_json(result);
	else
		json_decref(result);
	return exit_code_of(code);
}

/* ---- Power fails --------------------------------------------------------------------------- */

static int trigger_each(struct tool *t, const struct tracked *run, size_t nr, json_t *all)
{
	struct wpp_media *media;
	json_t *result;
	int code, err, first = 0;

	code = medium_open(t, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, &media);
	if (code)
		return code;
	for (size_t i = 0; i < nr; i++) {
		struct persist_request req = {
			.name = run[i].name,
			.pid = run[i].pid,
			.flags = WPP_PERSIST_KILL,
		};

		err = persist_one(t, wpp_media_store(media), &req, &result);
		json_array_append_new(all, result);
		if (!first)
			first = err;
	}
	wpp_media_close(media);
	return exit_code_of(first);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The medium tells whether it was saved since @begun_ns. */
static bool was_saved(struct wpp_store *st, const char *name, uint64_t begun_ns,
		      struct wpp_generation *gen)
{
	return st && generation_find(st, name, 0, gen) == 0 && gen->realtime_ns >= begun_ns;
}

static void tell_saved(const struct tool *t, const struct tracked *one,
		       const struct wpp_generation *gen, uint64_t durable_ns, json_t *all)
{
	char bytes[16], durable[16];

	say(t, "wpp: %s (pid %d): generation %" PRIu64 ", %s, durable after %s; killed", one->name,
	    one->pid, gen->generation, human_bytes(gen->nr_pages * WPP_PAGE_SIZE, bytes),
	    human_ns(durable_ns, durable));
	json_array_append_new(all, json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:[]}", "name",
					     one->name, "pid", one->pid, "state", "saved",
					     "generation", (json_int_t)gen->generation, "pages",
					     (json_int_t)gen->nr_pages, "bytes",
					     (json_int_t)(gen->nr_pages * WPP_PAGE_SIZE),
					     "durable_ns", (json_int_t)durable_ns, "notes"));
}

/* What the trigger could not save is asked once more by itself, so that the reason has a name. */
static int ask_again(const struct tool *t, const struct tracked *one, json_t *all)
{
	struct persist_request req = {
		.name = one->name,
		.pid = one->pid,
		.flags = WPP_PERSIST_KILL,
	};
	json_t *result;
	int err = persist_one(t, NULL, &req, &result);

	json_array_append_new(all, result);
	return err;
}

/* The module stops them all before it saves the first, so that they fit each other. */
static int trigger_module(struct tool *t, const struct tracked *run, size_t nr, json_t *all)
{
	const uint64_t begun = now_ns(CLOCK_MONOTONIC), begun_real = now_ns(CLOCK_REALTIME);
	struct wpp_generation gen;
	struct wpp_media *media;
	uint64_t durable;
	int code, err, first;

	if (!nr)
		return kernel_prepare(t);
	first = kernel_trigger();
	durable = now_ns(CLOCK_MONOTONIC) - begun;
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media);
	if (code && !first)
		return code;
	for (size_t i = 0; i < nr; i++) {
		if (was_saved(store_of(media), run[i].name, begun_real, &gen))
			tell_saved(t, &run[i], &gen, durable, all);
		else if (first && (err = ask_again(t, &run[i], all)))
			first = err;
	}
	wpp_media_close(media);
	return exit_code_of(first);
}

int cmd_trigger(struct tool *t, int argc, char **argv)
{
	struct tracked *run;
	json_t *all;
	int code, err;
	size_t nr;

	if (argc > 1)
		return usage("trigger", "takes no argument '%s'", argv[1]);
	code = conf_load(t);
	if (code)
		return code;
	err = track_list(t, &run, &nr);
	if (err)
		return fail(err, "tracked processes");
	all = json_array();
	code = kernel_is_used(t) ? trigger_module(t, run, nr, all) : trigger_each(t, run, nr, all);
	if (!nr && !code)
		say(t, "wpp: no process is tracked");
	free(run);
	if (t->json)
		print_json(json_pack("{s:o}", "images", all));
	else
		json_decref(all);
	return code;
}
