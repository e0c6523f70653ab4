/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* wpp qualify: what a drive can do, and whether it keeps what it acknowledged. */
#ifndef WPP_QUALIFY_H
#define WPP_QUALIFY_H

#include "tool.h"

#define QUALIFY_BLOCK WPP_PAGE_SIZE

struct qualify {
	struct tool *tool;
	struct wpp_backend *be;
	const struct wpp_medium *m;
	const char *path;
	uint64_t slots; /* of the sequence; 0: as many as there is room for, at most 65536 */
	uint64_t count; /* numbers to write; 0: until the power goes */
	uint64_t acked; /* the last number that the other machine saw; 0: unknown */
	uint64_t run;	/* of that sequence; 0: unknown */
	uint64_t bytes; /* to measure with */
	uint8_t *buf;	/* [QUALIFY_BUF], aligned to 4096 */
};
#define QUALIFY_BUF (16u << 20)

/* ---- qualify_measure.c */
int qualify_measure(struct qualify *q);

/* ---- qualify_plug.c: the sequence; both return an exit code */
int qualify_write(struct qualify *q);
int qualify_check(struct qualify *q);

/* ---- cmd_qualify.c: one move and its time, for both */
int qualify_move(struct qualify *q, uint32_t op, uint32_t flags, uint64_t off, void *buf,
		 uint32_t len);

#endif
