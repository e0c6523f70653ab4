/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Trees of processes, saved together as one generation (user-glue; DESIGN.md 5).
 * wpp_process_persist() is these calls for one process.
 *
 * So far a tree has one member: an image of several can't be recreated yet.
 */
#ifndef WPP_TREE_API_H
#define WPP_TREE_API_H

#include <wpp/process.h>

WPP_BEGIN_DECLS

struct wpp_tree;

/**
 * wpp_tree_begin() - begin an act on one image
 * @st:    store, opened for writing, borrowed until wpp_tree_finish(). NULL: only to check.
 * @image: name of the image, 1 .. WPP_IMAGE_NAME_MAX characters; copied.
 * @how:   see struct wpp_persist; what it points to is borrowed until wpp_tree_finish(). NULL: let
 *         the processes go on, tell nothing.
 * @out:   out; NULL behind an error.
 *
 * Context: any thread; one tree at a time per store; allocates.
 * Return:  0; WPP_EINVAL (name, size or flags); WPP_ENOMEM.
 * Source:  DESIGN.md 5.2.
 */
WPP_API WPP_MUST_CHECK int wpp_tree_begin(struct wpp_store *st, const char *image,
					  const struct wpp_persist *how, struct wpp_tree **out);

/**
 * wpp_tree_add() - add a process, which is not disturbed
 * @tree: the tree.
 * @pid: process (thread group) in the caller's pid namespace. It is held by a pidfd from now on: a
 *       later process with the same number is not taken for it.
 *
 * Context: any thread, one at a time per tree; allocates.
 * Return:  0; WPP_EINVAL; WPP_ENOENT (no such process); WPP_EREFUSED (a second one, see above; the
 *          note says "children"); WPP_ENOMEM; WPP_ENOSPC (no page space is left).
 * Source:  DESIGN.md 5.2; pidfd_open(2).
 */
WPP_API WPP_MUST_CHECK int wpp_tree_add(struct wpp_tree *tree, pid_t pid);

/**
 * wpp_tree_check() - would wpp_tree_save() refuse?
 * @tree: the tree, with its members.
 *
 * Reads /proc only; no process is disturbed.
 * Context: as wpp_tree_add().
 * Return:  0; WPP_EREFUSED with notes; WPP_EPERM, WPP_ENOENT (a member has ended), WPP_EINVAL (no
 *          member), WPP_ENOMEM or another -errno.
 * Source:  DESIGN.md 5.2.
 */
WPP_API WPP_MUST_CHECK int wpp_tree_check(struct wpp_tree *tree);

/**
 * wpp_tree_save() - save all members as the next generation of the image
 * @tree: the tree, with its members.
 * @done: out, may be NULL; its size is in.
 *
 * What can't be captured is refused by name before any thread is stopped. On any error all run on
 * unharmed, and the older generation stays live. Members that go on can be saved again.
 * Context: ptrace rights over the members; the store's thread; works on threads of its own; sleeps;
 *          allocates; not async-signal-safe.
 * Return:  0; WPP_EREFUSED (notes say what), WPP_EPERM, WPP_ENOENT (a member has ended), WPP_EBUSY
 *          (a thread does not stop), WPP_EINVAL (no member, no store, a name that no image can
 *          have), WPP_ENOMEM, another -errno, or an error of wpp_writer_begin() to
 *          wpp_writer_commit(): the store is then as these say.
 * Source:  DESIGN.md 5.2; thesis 4.2, 5.1.2.
 */
WPP_API WPP_MUST_CHECK int wpp_tree_save(struct wpp_tree *tree, struct wpp_persisted *done);

/**
 * wpp_tree_finish() - forget the tree
 * @tree: may be NULL.
 *
 * The processes stay as they are.
 * Context: as wpp_tree_add().
 * Source:  DESIGN.md 5.2.
 */
WPP_API void wpp_tree_finish(struct wpp_tree *tree);

WPP_END_DECLS
#endif
