/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the subcommands of wpp share. */
#ifndef WPP_TOOL_H
#define WPP_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <wpp/conf.h>
#include <wpp/media.h>
#include <wpp/process.h>
#include <wpp/store.h>

/* Exit codes, documented in wpp(1). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTHING = 3,   /* nothing to restore */
	EXIT_DAMAGED = 4,   /* an image is damaged */
	EXIT_REFUSED = 5,   /* the process or its files can't be carried */
	EXIT_FORBIDDEN = 6, /* a capability is missing */
};

/* The options before the subcommand. */
struct tool {
	const char *config;
	bool json;
	bool quiet;
	int verbose;
	int progress;	       /* -1: when stderr is a terminal */
	struct wpp_conf *conf; /* conf_load(); lives until the process ends */
};

struct command {
	const char *name;
	const char *args;
	const char *help;
	int (*run)(struct tool *t, int argc, char **argv);
};

int cmd_run(struct tool *t, int argc, char **argv);
int cmd_adopt(struct tool *t, int argc, char **argv);
int cmd_ls(struct tool *t, int argc, char **argv);
int cmd_persist(struct tool *t, int argc, char **argv);
int cmd_trigger(struct tool *t, int argc, char **argv);
int cmd_recreate(struct tool *t, int argc, char **argv);
int cmd_inspect(struct tool *t, int argc, char **argv);
int cmd_verify(struct tool *t, int argc, char **argv);
int cmd_drop(struct tool *t, int argc, char **argv);
int cmd_export(struct tool *t, int argc, char **argv);
int cmd_device(struct tool *t, int argc, char **argv);
int cmd_doctor(struct tool *t, int argc, char **argv);
int cmd_format(struct tool *t, int argc, char **argv);
int cmd_copy(struct tool *t, int argc, char **argv);
int cmd_qualify(struct tool *t, int argc, char **argv);

/* ---- ui.c: talk on stderr, data on stdout ---- */
void say(const struct tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "wpp: SUBJECT: TEXT" for an error code, and the exit code that belongs to it. */
int fail(int err, const char *subject);
int exit_code_of(int err);
int usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints @data as one JSON document with "format_version": 1 added; takes the reference. */
void print_json(json_t *data);
char *human_bytes(uint64_t bytes, char buf[16]);
char *human_ns(uint64_t ns, char buf[16]);

/* Notes and progress of one operation on one process; notes are kept for --json. */
struct talk {
	const struct tool *tool;
	const char *what; /* "persist", "recreate" */
	const char *name;
	json_t *notes;
	struct wpp_report report;
	int percent;
};
void talk_begin(struct talk *k, const struct tool *t, const char *what, const char *name);
/* Ends the progress line and gives the collected notes (a new reference, maybe an empty array). */
json_t *talk_end(struct talk *k);

/* ---- options.c ---- */
/* Parses a positive decimal; false when it is none or larger than @max. */
bool parse_number(const char *text, uint64_t max, uint64_t *value);
/* A NULL-terminated list grown by one name; "a,b" adds two. Returns false when out of memory. */
struct name_list {
	const char **names;
	size_t nr;
};
bool name_list_add(struct name_list *l, const char *comma_separated);

/* ---- track.c: which processes are tracked on this machine since it booted; the module knows when
 * it tracks them ---- */
struct tracked {
	char name[WPP_IMAGE_NAME_MAX + 1];
	pid_t pid;
	uint64_t start_time; /* clock ticks since boot: pid and start time name a process */
};
bool image_name_ok(const char *name);
/* Makes an image name of a program path: basename, unusable bytes replaced. */
void image_name_of(const char *program, char name[WPP_IMAGE_NAME_MAX + 1]);
/* @inherit: its children as well; only the module can. */
int track_add(const struct tool *t, const char *name, pid_t pid, bool inherit);
void track_remove(const struct tool *t, const char *name);
/* The tracked process of that name that still runs. WPP_ENOENT when there is none. */
int track_find(const struct tool *t, const char *name, struct tracked *out);
/* All that still run, by name; malloced. Stale entries are removed. */
int track_list(const struct tool *t, struct tracked **out, size_t *nr);
uint64_t process_start_time(pid_t pid); /* 0: no such process */

/* ---- medium.c: configuration and store; both complain themselves and return an exit code ---- */
int conf_load(struct tool *t);
/* What messages call the configured medium. */
const char *medium_name(const struct tool *t);
/* @flags: of wpp_media_open(); loads the configuration first. */
int medium_open(struct tool *t, uint32_t flags, struct wpp_media **out);
/* The newest generation of an image, or generation @number when it is not 0. */
int generation_find(struct wpp_store *st, const char *image, uint64_t number,
		    struct wpp_generation *gen);
/* Complains about a damaged place of the medium. */
void complain_damage(const char *path, const struct wpp_diag *diag);
/* Names the generation before a damaged one, if there is one. */
void offer_older(struct wpp_store *st, const struct wpp_generation *gen);

/* ---- wait.c: be the parent of a program in the foreground ---- */
/* Passes signals on until @pid ends; its exit code as a shell gives it (128 + signal). */
int foreground_wait(pid_t pid);

/* ---- cmd_persist.c ---- */
struct persist_request {
	const char *name;
	pid_t pid;
	uint32_t flags; /* WPP_PERSIST_* */
	const char *const *allow_lossy;
};
/* Persists one process; *@result is an object for --json, also when it failed. 0 or a wpp_err. */
int persist_one(const struct tool *t, struct wpp_store *st, const struct persist_request *req,
		json_t **result);

#endif
