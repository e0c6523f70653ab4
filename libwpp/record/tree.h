/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The members of an image: its PROCESS records, each checked against the others. FORMAT.md 8. */
#ifndef WPPR_TREE_H
#define WPPR_TREE_H

#include "record/cursor.h"

#define WPPR_NO_PARENT UINT32_MAX

/**
 * struct wppr_member - a process of an image
 * @pid:        task of its records.
 * @space:      page space of its address space.
 * @nr_threads: THREAD records that are its own; the one with tid == pid is among them.
 * @parent:     index of its parent, or WPPR_NO_PARENT: that is not in the image (the root).
 * @process:    its PROCESS record, native.
 */
struct wppr_member {
	uint32_t pid;
	uint32_t space;
	uint32_t nr_threads;
	uint32_t parent;
	struct wpp_rec_process process;
};

/**
 * struct wppr_tree - all members
 * @members: [@cap] of the caller's; the first @nr count, in the order of the stream.
 * @root:    index of the member whose parent is outside.
 * @wrong:   static text: what contradicts itself, when reading failed; else NULL.
 * @task:    pid or tid that it is about, 0: nobody's.
 */
struct wppr_tree {
	struct wppr_member *members;
	uint32_t cap, nr;
	uint32_t root;
	const char *wrong;
	uint32_t task;
};

/**
 * wppr_tree_read() - find and check the members of an image
 * @t:   members and cap are set, the rest is filled.
 * @pcb: [@len] bytes, the PCB stream; hostile.
 *
 * Checked: each pid is there once, is a pid, and is its record's task; page spaces are in range and
 * nobody else's, memory objects included; parents lead to one root; each thread belongs to a
 * member, which has as many as it says and a first one.
 *
 * Context: any; no allocation; the time is members^2 + records * members.
 * Return:  0; WPP_ENOSPC: more than @t->cap members (@t->nr says how many there are);
 *          WPP_ECORRUPT: @t->wrong says why; what wpp_rec_next() says of a broken stream.
 */
WPP_MUST_CHECK int wppr_tree_read(struct wppr_tree *t, const void *pcb, size_t len);

/** wppr_tree_find() - index of the member with this pid, or t->nr */
uint32_t wppr_tree_find(const struct wppr_tree *t, uint32_t pid);

#endif
