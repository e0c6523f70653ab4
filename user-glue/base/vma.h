/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Mappings of a process, as /proc/PID/maps and smaps tell. */
#ifndef WPP_VMA_H
#define WPP_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/refuse.h"

enum vma_trait {
	VMA_HUGETLB = WPPR_HUGETLB,
	VMA_DEVICE = WPPR_DEVICE,
	VMA_SHADOW_STACK = WPPR_SHADOW_STACK,
	VMA_USERFAULT = WPPR_USERFAULT,
	VMA_GUARDED = 1u << 4, /* has pages of MADV_GUARD_INSTALL */
};

struct vma {
	uint64_t start, end, off;
	uint64_t dev, ino; /* as maps tells; some file systems tell stat() something else */
	uint32_t prot;	   /* PROT_* */
	uint32_t flags;	   /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE */
	uint64_t advice;   /* enum wpp_region_advice */
	uint32_t traits;   /* enum vma_trait */
	uint32_t kind;	   /* enum wpp_region_kind */
	uint32_t object;   /* memory object id, 0: none */
	uint64_t file_dev, file_ino, file_size, file_mtime_ns; /* as stat() tells */
	char *path;					       /* owned; "" for anonymous */
};

struct vma_list {
	struct vma *v;
	size_t nr, cap;
};

/* All mappings of a process, ascending; @file is "maps", or "smaps" to know their flags too. */
int wppi_vmas_read(pid_t pid, const char *file, struct vma_list *l);
void wppi_vmas_free(struct vma_list *l);
/* Flags and advice of the same mappings in @from. False: some are not the same, smaps is needed. */
bool wppi_vmas_adopt_flags(struct vma_list *l, const struct vma_list *from);

#endif
