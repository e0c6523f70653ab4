/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the subcommands of wpp share. */
#ifndef WPP_TOOL_H
#define WPP_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "control/images.h"
#include "control/jobs.h"
#include "control/module.h"
#include "control/text.h"
#include "control/tracked.h"
#include "control/why.h"

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
/* The same for what control says; nothing is printed when it says nothing. */
int fail_why(int err, const struct wpp_media_error *why);
int exit_code_of(int err);
int usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints @data as one JSON document with "format_version": 1 added; takes the reference. */
void print_json(json_t *data);
/* Of whole pages. */
static inline json_int_t bytes_of(uint64_t nr_pages)
{
	uint64_t bytes = nr_pages * WPP_PAGE_SIZE;

	return (json_int_t)bytes;
}
/* A string; bytes that are no UTF-8, as names of files may have, are replaced. */
json_t *json_text(const char *text);
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
/* A NULL-terminated list grown by one name; "a,b" adds two. Returns false when out of memory. */
struct name_list {
	const char **names;
	size_t nr;
};
bool name_list_add(struct name_list *l, const char *comma_separated);

/* ---- medium.c: configuration and store; both complain themselves and return an exit code ---- */
int conf_load(struct tool *t);
/* @flags: of wpp_media_open(); loads the configuration first. */
int medium_open(struct tool *t, uint32_t flags, struct wpp_media **out);
/* The warning of a medium that was opened by control; NULL: nothing. */
void medium_warn(const struct tool *t, const struct wpp_media *media);
/* Complains about a damaged place of the medium. */
void complain_damage(const char *path, const struct wpp_diag *diag);
/* Names the generation before a damaged one, if there is one. */
void offer_older(const struct wpp_store *st, const struct wpp_generation *gen);

/* ---- view.c: one generation, opened for looking into it ---- */
/* Complains itself. Returns 0 or an exit code. */
int view_open(struct tool *t, const char *name, uint64_t generation, struct wpp_media **media,
	      struct wppc_view *view);

/* ---- begin.c: before a process is tracked; both complain and return an exit code ---- */
/* What only the module does is refused without it; with it, all must be there. */
int check_module(const struct tool *t, const char *command, bool inherit);
/* A free name: the one wished for, or NAME-2, NAME-3 ... when the user has not given it. */
int choose_name(const struct tool *t, char name[WPP_IMAGE_NAME_MAX + 1], bool given);

/* ---- persisted.c: what persist and trigger say of one process ---- */
/* Takes the reference of @notes. @done: used when @err is 0. Gives an object for --json. */
json_t *persisted_tell(const struct tool *t, const struct wppc_tracked *one, bool kill, int err,
		       const struct wpp_persisted *done, json_t *notes);

/* ---- wait.c: be the parent of a program in the foreground ---- */
/* Passes signals on until @pid ends; its exit code as a shell gives it (128 + signal). */
int foreground_wait(pid_t pid);

#endif
