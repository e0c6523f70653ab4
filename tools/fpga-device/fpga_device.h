/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of wpp-fpga-device share. */
#ifndef WPP_FPGA_DEVICE_H
#define WPP_FPGA_DEVICE_H

#include <sys/types.h>
#include "model.h"

/* ---- device_options.c ---- */

struct options {
	const char *medium;
	uint64_t size; /* of a medium that is made */
	int fd;	       /* inherited socket; -1: start QEMU */
	bool sync;
	bool verbose;
	struct fpga_model_knobs knobs;
	char **command; /* QEMU and its arguments, ends with NULL; NULL with an inherited socket */
};

/* Returns false, with an exit code in *@code, when there is nothing to run. */
bool options_parse(struct options *o, int argc, char **argv, int *code);

/* ---- device_medium.c: a file, mapped ---- */

struct medium {
	int fd;
	bool sync;
	void *mem;
	uint64_t size;
};

/* Opens, or makes with @size bytes, and locks @path; complains itself. */
bool medium_open(struct medium *m, const char *path, uint64_t size);
void medium_close(struct medium *m);
int medium_sync(const struct medium *m, uint64_t off, uint64_t len);

/* ---- device_launch.c ---- */

/*
 * Starts @command with one end of a socketpair in place of FD in "fd=FD"; *@sock is the other.
 * Returns its pid, or -1; complains itself.
 */
pid_t launch(char **command, int *sock);

/* Lets SIGTERM and SIGINT end @sock and @child (0: none). */
void launch_forward_signals(int sock, pid_t child);

/* Waits for @child; its exit code as a shell gives it. */
int launch_wait(pid_t child);

/* ---- main.c ---- */

void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
