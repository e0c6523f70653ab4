/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is mapped at an address, and runs of pages. */
#ifndef WPPK_PAGETABLE_H
#define WPPK_PAGETABLE_H

#include <linux/types.h>

struct mm_struct;

enum wppk_leaf_kind {
	WPPK_LEAF_NONE = 0,    /* nothing there */
	WPPK_LEAF_PAGE = 1,    /* a page, huge or not */
	WPPK_LEAF_ABSENT = 2,  /* in swap, or just being migrated */
	WPPK_LEAF_SPECIAL = 3, /* the zero page, device memory: nothing of the process' own */
};

/* The entry that covers an address. */
struct wppk_leaf {
	enum wppk_leaf_kind kind;
	bool moving;		/* absent for a moment: being migrated */
	unsigned long va, size; /* of the page or hole */
	unsigned long pfn;
	const unsigned long *slot; /* where it was read, and what */
	unsigned long raw;
};

/* Interrupts off, and @mm's tables kept by mmap_lock or by a fault in progress. */
void wppk_leaf_get(struct mm_struct *mm, unsigned long va, struct wppk_leaf *leaf);
bool wppk_leaf_anon(const struct wppk_leaf *leaf);

/* Pages with neighbouring frames and neighbouring indices. */
struct wppk_run {
	u64 page; /* index in the space */
	unsigned long pfn;
	u32 nr;
};

#endif
