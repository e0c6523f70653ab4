/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp: keep a process alive across a power loss. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct command commands[] = {
	{ "run", "[-c CONF] [--name NAME] [--keep-fds] [--inherit] -- PROGRAM [ARG...]",
	  "start a program that is tracked", cmd_run },
	{ "adopt", "PID [--name NAME] [--inherit]", "track a process that runs already",
	  cmd_adopt },
	{ "ls", "", "list tracked processes and saved images", cmd_ls },
	{ "persist", "PID|NAME [--then=kill|continue]", "save a process now", cmd_persist },
	{ "trigger", "", "power fails: save and kill all tracked processes", cmd_trigger },
	{ "recreate", "NAME [--generation N] [--detach]", "let a saved process go on",
	  cmd_recreate },
	{ "inspect", "NAME [--generation N]", "show what an image holds", cmd_inspect },
	{ "verify", "[NAME]", "read and check every page of the images", cmd_verify },
	{ "drop", "NAME [--generation N]", "remove an image or one generation", cmd_drop },
	{ "export", "--core NAME [-o FILE]", "write an image as a core file for gdb", cmd_export },
	{ "copy", "--to CONF [--from CONF] [NAME...] [--generation N]",
	  "copy generations to another medium", cmd_copy },
	{ "format", "[--force]", "put an empty store on the configured medium", cmd_format },
	{ "qualify", "DEVICE|FILE [--write | --check [--acked N]] [--force]",
	  "measure a drive; find out whether it keeps what it acknowledged", cmd_qualify },
	{ "device", "list | selftest [ADDRESS]", "devices that can be the medium; test an FPGA",
	  cmd_device },
	{ "doctor", "", "what this machine can do and what is missing", cmd_doctor },
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: wpp [--config FILE] [--json] [-q] [-v] [--[no-]progress] COMMAND ...\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nwpp COMMAND --help tells the arguments; wpp(1) and wpp.conf(5) tell all.\n");
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* Parses what stands before the subcommand. Returns its index, or 0 with *@code set. */
static int parse_global(struct tool *t, int argc, char **argv, int *code)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "progress", no_argument, NULL, 'p' },
		{ "no-progress", no_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+c:qvhV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			t->config = optarg;
			break;
		case 'j':
			t->json = true;
			break;
		case 'q':
			t->quiet = true;
			break;
		case 'v':
			t->verbose++;
			break;
		case 'p':
			t->progress = 1;
			break;
		case 'P':
			t->progress = 0;
			break;
		case 'h':
			print_help(stdout);
			*code = EXIT_DONE;
			return 0;
		case 'V':
			printf("wpp %s\n", WPP_VERSION);
			*code = EXIT_DONE;
			return 0;
		default:
			*code = EXIT_USAGE;
			return 0;
		}
	}
	if (optind == argc) {
		print_help(stderr);
		*code = EXIT_USAGE;
		return 0;
	}
	return optind;
}

static bool wants_help(int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

/* Data that did not get out is no success. */
static int flush_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	complain("standard output: %s", errno ? strerror(errno) : "not written");
	return code ? code : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct tool t = { .progress = -1 };
	const struct command *cmd;
	int code = EXIT_USAGE, first;

	first = parse_global(&t, argc, argv, &code);
	if (!first)
		return flush_output(code);
	cmd = command_find(argv[first]);
	if (!cmd)
		return usage(NULL, "no command '%s'; see wpp --help", argv[first]);
	if (wants_help(argc - first, argv + first)) {
		printf("usage: wpp %s %s\n\n%s; see wpp-%s(1)\n", cmd->name, cmd->args, cmd->help,
		       cmd->name);
		return flush_output(EXIT_DONE);
	}
	optind = 0; /* a fresh getopt for the subcommand */
	return flush_output(cmd->run(&t, argc - first, argv + first));
}
