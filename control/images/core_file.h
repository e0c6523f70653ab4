/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A core file in the making: notes are gathered first, then it is written from front to end. */
#ifndef WPP_CONTROL_CORE_FILE_H
#define WPP_CONTROL_CORE_FILE_H

#include "control/images.h"

struct wppc_core {
	const struct wppc_view *view;
	const struct wpp_report *report;
	int fd;
	struct wpp_rec_process process;
	struct wpp_rec_region *regions;
	char (*paths)[4096];
	size_t nr_regions;
	uint8_t *notes;
	size_t notes_len, notes_cap;
};

/* ---- core_notes.c: everything but memory, from the records; regions are loaded */
int wppc_core_notes(struct wppc_core *core);

/* ---- core_memory.c: the memory of region @i, at @at in the file; @buf: [WPPC_CORE_PAGES] pages */
#define WPPC_CORE_PAGES 512u
int wppc_core_region(const struct wppc_core *core, size_t i, uint64_t at, void *buf);
int wppc_core_write(int fd, const void *data, size_t len, uint64_t off);

#endif
