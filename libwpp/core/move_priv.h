/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Moves in flight: a pool of struct wpp_io, and one move under construction that
 * grows while blocks are neighbours both in memory and on the medium.
 */
#ifndef WPPI_MOVE_PRIV_H
#define WPPI_MOVE_PRIV_H

#include <wpp/backend.h>

#define WPPI_MOVES_MAX 256 /* 1 MiB in flight even when each page is a move */

struct wppi_moves;

/* For who wants to know of one move, not of all. */
struct wppi_wait {
	bool done;
	int err;
};

struct wppi_move {
	struct wpp_io io;
	struct wppi_wait *wait; /* may be NULL */
	struct wppi_moves *set;
	struct wppi_move *next_free;
	uint64_t seq;	 /* order of starting; 0: not in flight */
	uint8_t *bounce; /* [4096], this move's own */
};

struct wppi_moves {
	struct wpp_backend *be;
	struct wppi_move *move; /* [nr] */
	struct wppi_move *free;
	uint32_t nr, best;
	uint32_t in_flight;
	bool fua;
	bool armed;	  /* by emergency_write only: each write is durable when it returns */
	uint64_t started; /* moves, ever */
	int write_err;	  /* first failed write or flush: never cleared */
	int read_err;	  /* first failed read since wppi_moves_settle_reads() */
	uint64_t read_err_off;
	/* the move under construction; len 0: none */
	uint8_t *buf;
	uint64_t off;
	uint32_t len, op;
};

void wppi_moves_init(struct wppi_moves *set, struct wpp_backend *be, const struct wpp_medium *m,
		     uint32_t nr);

/* Add one block to the move under construction, or begin a new one. */
int wppi_moves_add(struct wppi_moves *set, uint32_t op, uint32_t place, void *buf);

/* Start the move under construction. */
int wppi_moves_push(struct wppi_moves *set);

/* Read [@off, @off + @len) into @buf; wppi_moves_wait() tells how it went, and no other call. */
int wppi_moves_read(struct wppi_moves *set, uint64_t off, void *buf, uint32_t len,
		    struct wppi_wait *wait);
int wppi_moves_wait(struct wppi_moves *set, const struct wppi_wait *wait);

/* A free move whose bounce block the caller fills and then writes to @place. */
int wppi_moves_bounce(struct wppi_moves *set, struct wppi_move **out);
int wppi_moves_write_bounce(struct wppi_moves *set, struct wppi_move *mv, uint32_t place);

/* Start all, wait for all; the first failed write or flush ever. */
int wppi_moves_settle(struct wppi_moves *set);

/* Wait for the moves of the first @mark that were started (set->started at some time). */
int wppi_moves_settle_to(struct wppi_moves *set, uint64_t mark);

/* Start all, wait for all; the first read that failed since the last call (at read_err_off). */
int wppi_moves_settle_reads(struct wppi_moves *set);

/* Settle, then FLUSH and wait. */
int wppi_moves_flush(struct wppi_moves *set);

/* Write one block, which is durable afterwards; nothing is said of those before. */
int wppi_moves_write_durable(struct wppi_moves *set, uint32_t place, void *block);

#endif
