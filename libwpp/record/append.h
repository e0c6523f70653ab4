/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPR_APPEND_H
#define WPPR_APPEND_H

#include <wpp/pcb.h>

/* Room for @len more bytes at the end of a buffer, counted in already; NULL: there is none. */
typedef void *wppr_reserve(void *buffer, size_t len);

/**
 * wppr_append() - a record at the end of a growing buffer
 * @reserve: of the buffer's owner, who keeps that it failed.
 * @rec:     as for wpp_rec_put(), @tail_len in place of rec->tail_len.
 * @fields:  in, [rec->nr_fields].
 *
 * Return: 0; WPP_EINVAL: too long; WPP_ENOMEM: no room.
 */
WPP_MUST_CHECK int wppr_append(wppr_reserve *reserve, void *buffer, struct wpp_rec rec,
			       const void *fields, size_t tail_len);

#endif
