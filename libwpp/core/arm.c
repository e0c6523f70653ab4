/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A store that is open and checked, handed to somebody who must only commit. The tables of an empty
 * generation are in memory, its slot and number are chosen, the free places are known: from here on
 * nothing has to be read.
 */
#include "writer_priv.h"

int wpp_writer_arm(struct wpp_writer *w)
{
	struct wpp_store *st = w->st;
	int err;

	if (w->parent || !(st->medium.caps & WPP_CAP_EMERGENCY) ||
	    !WPP_BACKEND_HAS(st->be->ops, emergency_write))
		return WPP_EINVAL;
	w->direct = NULL;		    /* what was filled in place would want a flush */
	err = wppi_moves_flush(&st->moves); /* what was put already; from now on nobody flushes */
	st->moves.armed = !err;
	return err;
}
