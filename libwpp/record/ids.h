/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Numbers that are unique in an image: one struct wppr_ids gives them out for
 * the whole tree, so two members never get the same page space, open file,
 * memory object or pipe. FORMAT.md 8.
 */
#ifndef WPPR_IDS_H
#define WPPR_IDS_H

#include <wpp/types.h>

/* The numbers given out last; all zeros before the first. */
struct wppr_ids {
	uint32_t space;
	uint32_t file;
	uint32_t object;
	uint32_t pipe;
};

/**
 * wppr_ids_space() - a page space that nobody of the tree has
 * @ids: all zeros at first; one user at a time.
 *
 * Context: any.
 * Return:  WPP_SPACE_FIRST .. WPP_SPACE_MAX, ascending; 0: all are taken.
 */
uint32_t wppr_ids_space(struct wppr_ids *ids);

/**
 * wppr_ids_file() - an id for an open file description (OFD records)
 * wppr_ids_object() - an id for a memory object (MEMOBJ records)
 * wppr_ids_pipe() - an id for a pipe or FIFO (PIPE records)
 * @ids: all zeros at first; one user at a time.
 *
 * Context: any.
 * Return:  1 .. UINT32_MAX, ascending; 0: all are taken.
 */
uint32_t wppr_ids_file(struct wppr_ids *ids);
uint32_t wppr_ids_object(struct wppr_ids *ids);
uint32_t wppr_ids_pipe(struct wppr_ids *ids);

#endif
