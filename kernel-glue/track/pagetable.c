/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Looking up what is mapped at an address, without locks, as the kernel's own fast path of
 * get_user_pages() does: with interrupts off, page tables are not freed below us. Nothing is ever
 * repaired here (none_or_clear_bad): these are somebody else's tables.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "track/pagetable.h"

static void found(struct wppk_leaf *leaf, enum wppk_leaf_kind kind, unsigned long va,
		  unsigned long size)
{
	leaf->kind = kind;
	leaf->va = va & ~(size - 1);
	leaf->size = size;
}

static void found_absent(struct wppk_leaf *leaf, unsigned long va, unsigned long size, bool moving)
{
	found(leaf, WPPK_LEAF_ABSENT, va, size);
	leaf->moving = moving;
}

static void found_page(struct wppk_leaf *leaf, unsigned long va, unsigned long size,
		       unsigned long pfn, const void *slot, unsigned long raw)
{
	found(leaf, pfn_valid(pfn) ? WPPK_LEAF_PAGE : WPPK_LEAF_SPECIAL, va, size);
	leaf->pfn = pfn;
	leaf->slot = slot;
	leaf->raw = raw;
}

static void pte_get(pmd_t pmd, unsigned long va, struct wppk_leaf *leaf)
{
	pte_t *slot = pte_offset_kernel(&pmd, va);
	pte_t pte = READ_ONCE(*slot);

	if (pte_none(pte))
		found(leaf, WPPK_LEAF_NONE, va, PAGE_SIZE);
	else if (!pte_present(pte))
		found_absent(leaf, va, PAGE_SIZE, is_migration_entry(pte_to_swp_entry(pte)));
	else if (pte_special(pte) || pte_devmap(pte))
		found(leaf, WPPK_LEAF_SPECIAL, va, PAGE_SIZE);
	else
		found_page(leaf, va, PAGE_SIZE, pte_pfn(pte), slot, pte_val(pte));
}

static void pmd_get(pud_t pud, unsigned long va, struct wppk_leaf *leaf)
{
	pmd_t *slot = pmd_offset(&pud, va);
	pmd_t pmd = READ_ONCE(*slot);

	if (pmd_none(pmd))
		found(leaf, WPPK_LEAF_NONE, va, PMD_SIZE);
	else if (!pmd_present(pmd))
		found_absent(leaf, va, PMD_SIZE, true);
	else if (pmd_devmap(pmd))
		found(leaf, WPPK_LEAF_SPECIAL, va, PMD_SIZE);
	else if (pmd_leaf(pmd))
		found_page(leaf, va, PMD_SIZE, pmd_pfn(pmd), slot, pmd_val(pmd));
	else
		pte_get(pmd, va, leaf);
}

static void pud_get(p4d_t p4d, unsigned long va, struct wppk_leaf *leaf)
{
	pud_t *slot = pud_offset(&p4d, va);
	pud_t pud = READ_ONCE(*slot);

	if (pud_none(pud))
		found(leaf, WPPK_LEAF_NONE, va, PUD_SIZE);
	else if (!pud_present(pud))
		found(leaf, WPPK_LEAF_ABSENT, va, PUD_SIZE);
	else if (pud_devmap(pud))
		found(leaf, WPPK_LEAF_SPECIAL, va, PUD_SIZE);
	else if (pud_leaf(pud))
		found_page(leaf, va, PUD_SIZE, pud_pfn(pud), slot, pud_val(pud));
	else
		pmd_get(pud, va, leaf);
}

void wppk_leaf_get(struct mm_struct *mm, unsigned long va, struct wppk_leaf *leaf)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, va));
	p4d_t p4d;

	*leaf = (struct wppk_leaf){ 0 };
	if (pgd_none(pgd)) {
		found(leaf, WPPK_LEAF_NONE, va, PGDIR_SIZE);
		return;
	}
	p4d = READ_ONCE(*p4d_offset(&pgd, va));
	if (p4d_none(p4d))
		found(leaf, WPPK_LEAF_NONE, va, P4D_SIZE);
	else
		pud_get(p4d, va, leaf);
}

bool wppk_leaf_anon(const struct wppk_leaf *leaf)
{
	return leaf->kind == WPPK_LEAF_PAGE && PageAnon(pfn_to_page(leaf->pfn));
}
