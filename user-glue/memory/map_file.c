/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The files that a new address space maps: each is opened once. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/memory.h"

int wppi_map_file_find(const struct build *b, const char *path, bool writable)
{
	for (size_t i = 0; i < b->nr_files; i++) {
		if (b->files[i].writable == writable && !strcmp(b->files[i].path, path))
			return (int)i;
	}
	return -1;
}

int wppi_map_file_add(struct build *b, const char *name, bool writable, int fd)
{
	struct map_file *files = realloc(b->files, (b->nr_files + 1) * sizeof(*files));
	char *path = files ? strdup(name) : NULL;

	if (files)
		b->files = files;
	if (!path) {
		close(fd);
		return WPP_ENOMEM;
	}
	b->files[b->nr_files] = (struct map_file){ path, writable, fd, -1 };
	return (int)b->nr_files++;
}

void wppi_map_files_free(struct build *b)
{
	for (size_t i = 0; i < b->nr_files; i++) {
		close(b->files[i].fd);
		free(b->files[i].path);
	}
	free(b->files);
}
