/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A cursor runs over the records of one task, so that no loop over a stream
 * that holds several processes can forget to filter.
 */
#ifndef WPPR_CURSOR_H
#define WPPR_CURSOR_H

#include <wpp/pcb.h>

enum wppr_cursor_of {
	WPPR_OF_TASK,	 /* of one process or thread */
	WPPR_OF_NOBODY,	 /* what tasks share: open files, memory objects, pipes, the machine */
	WPPR_OF_PROCESS, /* THREAD records of one process */
};

/* Treat as opaque. A copy goes on by itself. */
struct wppr_cursor {
	const void *stream;
	size_t len, pos;
	uint32_t task;
	enum wppr_cursor_of of;
};

/**
 * wppr_cursor_init() - over the records that name a task
 * @stream: [@len] bytes, borrowed.
 * @task:   pid or tid, not 0.
 */
void wppr_cursor_init(struct wppr_cursor *c, const void *stream, size_t len, uint32_t task);

/** wppr_cursor_shared() - over the records of what tasks share (task 0) */
void wppr_cursor_shared(struct wppr_cursor *c, const void *stream, size_t len);

/**
 * wppr_cursor_threads() - over the THREAD records of the process @pid
 *
 * A record without a process (early images) belongs to the only one there is; wppr_tree_read()
 * has refused it when there are several.
 */
void wppr_cursor_threads(struct wppr_cursor *c, const void *stream, size_t len, uint32_t pid);

/**
 * wppr_cursor_next() - the next record of the task
 * @type: WPP_REC_X, or 0 for each type.
 *
 * Return: 0; WPP_ENOENT at the end; what wpp_rec_next() says of a broken stream.
 */
WPP_MUST_CHECK int wppr_cursor_next(struct wppr_cursor *c, uint16_t type, struct wpp_rec *rec);

/** wppr_cursor_next_id() - the same, of one id: wppr_cursor_next_id(&c, WPP_REC_SOCKOPT, ofd, &rec)
 */
WPP_MUST_CHECK int wppr_cursor_next_id(struct wppr_cursor *c, uint16_t type, uint64_t id,
				       struct wpp_rec *rec);

/**
 * wppr_find() - the first record of a type
 * @task: pid or tid; 0: among what tasks share.
 */
WPP_MUST_CHECK int wppr_find(const void *stream, size_t len, uint16_t type, uint32_t task,
			     struct wpp_rec *rec);

#endif
