/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A file now against the file that was recorded. */
#ifndef WPP_CHANGED_H
#define WPP_CHANGED_H

#include "base/tree.h"

struct was_file {
	const char *what; /* "mapped", "executable" */
	const char *path;
	uint64_t ino, size, mtime_ns;
};
/* Compares an open file; 0, or WPP_EREFUSED (counted in the notes by strict). */
int wppi_file_compare(struct member *m, const struct was_file *was, int fd);

#endif
