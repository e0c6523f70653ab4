/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The address space: its mappings, the objects they share, its pages, what the kernel notes of it.
 */
#ifndef WPP_MEMORY_H
#define WPP_MEMORY_H

#include "base/class.h"
#include "memory/build.h"

/* ---- Saving ---- */

extern const struct capture_class wppi_capture_memory; /* memory.c: mm, regions, guards, vdso */

/* regions.c */

/* Refuses what can't be carried; reads mappings and their flags, and knows what each is. */
int wppi_regions_check(struct member *m);
/* The mappings of the process now that it is stopped. */
int wppi_regions_refresh(struct member *m);
int wppi_regions_collect(struct member *m);

/* objects.c */

/*
 * The memory object of a file, added to the tree when it is new. Takes ownership of @fd. NULL: out
 * of memory or ids. The pointer is good until the next call.
 */
struct memobj *wppi_capture_memobj(struct member *m, uint32_t kind, int fd, const char *name);
/* Records of the memory objects, once all classes of all members have named theirs. */
void wppi_memobj_records(struct tree *t);
/* Forgets them and closes their descriptors. */
void wppi_memobjs_free(struct tree *t);

/* vdso.c */
void wppi_vdso_record(struct member *m);

/* copy.c: from the frozen processes into the open generation */

/* Memory to copy through is made meanwhile; the store is ours until wppi_copy_await(). */
int wppi_copy_begin(struct tree *t);
int wppi_copy_await(struct tree *t);
/* Before the freeze. */
int wppi_copy_prepare(struct tree *t, struct wpp_writer *w);
/*
 * Copies all pages of all members. @copied runs when they are in our hands, before they are on the
 * medium.
 */
int wppi_pages_copy(struct tree *t, void (*copied)(struct tree *t));
/* Not before the writer has settled or is gone. */
void wppi_copy_free(struct tree *t);

/* ---- Recreating ---- */

/* map_file.c */

/* Index of the file in b->files, -1: none. */
int wppi_map_file_find(const struct build *b, const char *path, bool writable);
/* Index of a new entry, which owns @fd; or an error, and it is closed. */
int wppi_map_file_add(struct build *b, const char *name, bool writable, int fd);
void wppi_map_files_free(struct build *b);

/* regions.c */
int wppi_regions_prepare(struct build *b);
void wppi_regions_free(struct build *b);
/* The mapping that covers @addr, or NULL. */
struct mapping *wppi_mapping_at(struct build *b, uint64_t addr);

/* objects.c */

/* Makes the tree's objects with their bytes. */
int wppi_objects_make(struct tree *t);
/* Once they are there: what of them @b maps for reading only. */
int wppi_objects_reopen(struct build *b);
/* After all mappings are made: what would have hindered them. */
int wppi_objects_seal(struct tree *t);
/* Descriptor number of an object in the new process, or -1. */
int wppi_object_remote(const struct build *b, uint64_t id);
/* Closes our descriptors of them. */
void wppi_objects_close(struct tree *t);
/* What was made for an image that can't be recreated is removed again. */
void wppi_objects_unmake(struct tree *t);

/* memory.c, replace.c */
int wppi_memory_replace(struct build *b);
int wppi_memory_protect(struct build *b);
int wppi_memory_finish(struct build *b);
/* Descriptors of the files with these indices in the new process, until they are taken back. */
int wppi_files_give(struct build *b, const int *index, size_t n);
void wppi_files_take_back(struct build *b, const int *index, size_t n);

/* fill.c */
int wppi_memory_fill(struct build *b);

/* put.c */
int wppi_put_begin(struct build *b);
/* Bytes of whole pages that lie in one mapping. May run on another thread than the tracer's. */
int wppi_put(struct build *b, struct mapping *m, uint64_t addr, const uint8_t *buf, uint64_t len);
int wppi_put_end(struct build *b);

/* vdso.c */
int wppi_vdso_prepare(struct build *b);
int wppi_vdso_find(struct build *b, const struct vma_list *own);
void wppi_vdso_park(struct build *b);
int wppi_vdso_place(struct build *b);

#endif
