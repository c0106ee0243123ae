/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The generic walker over kernel tables: per PMD the pmd_entry callback, then, if there is (now) a table
 * below and the callback did not say otherwise, pte_entry for each page. The first error ends the walk and
 * is returned.
 */
#ifndef MMODEL_WALK_H
#define MMODEL_WALK_H

#include "mmodel_pgtable.h"

enum page_walk_action { ACTION_SUBTREE, ACTION_CONTINUE, ACTION_AGAIN };

struct mm_walk;

struct mm_walk_ops {
	int (*pgd_entry)(pgd_t *pgd, unsigned long addr, unsigned long next, struct mm_walk *walk);
	int (*p4d_entry)(p4d_t *p4d, unsigned long addr, unsigned long next, struct mm_walk *walk);
	int (*pud_entry)(pud_t *pud, unsigned long addr, unsigned long next, struct mm_walk *walk);
	int (*pmd_entry)(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk);
	int (*pte_entry)(pte_t *pte, unsigned long addr, unsigned long next, struct mm_walk *walk);
	int (*pte_hole)(unsigned long addr, unsigned long next, int depth, struct mm_walk *walk);
};

struct mm_walk {
	const struct mm_walk_ops *ops;
	struct mm_struct *mm;
	pgd_t *pgd;
	enum page_walk_action action;
	bool no_vma;
	void *private;
};

#define MMODEL_PMD_DEPTH 3

static inline int mmodel_walk_ptes(pmd_t *pmd, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	pte_t *pte = pte_offset_kernel(pmd, addr);
	int err = 0;

	for (; addr < end && !err; addr += PAGE_SIZE, pte++)
		err = walk->ops->pte_entry(pte, addr, addr + PAGE_SIZE, walk);
	return err;
}

/* [addr, end) lies in one PMD. */
static inline int mmodel_walk_pmd(pmd_t *pmd, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	int err;

	do {
		walk->action = ACTION_SUBTREE;
		if (pmd_none(pmdp_get(pmd)))
			return walk->ops->pte_hole ? walk->ops->pte_hole(addr, end, MMODEL_PMD_DEPTH, walk) : 0;
		err = walk->ops->pmd_entry ? walk->ops->pmd_entry(pmd, addr, end, walk) : 0;
		if (err || walk->action == ACTION_CONTINUE)
			return err;
		if (walk->action == ACTION_AGAIN)
			continue;
		if (!walk->ops->pte_entry || pmd_leaf(pmdp_get(pmd)) || !pmd_present(pmdp_get(pmd)))
			return 0;
		err = mmodel_walk_ptes(pmd, addr, end, walk);
	} while (!err && walk->action == ACTION_AGAIN);
	return err;
}

static inline int mmodel_walk(const char *where, unsigned long start, unsigned long end,
			      const struct mm_walk_ops *ops, pgd_t *pgd, void *private)
{
	struct mm_walk walk = { .ops = ops, .mm = &init_mm, .pgd = pgd, .no_vma = true, .private = private };
	unsigned long addr, next;
	int err = 0;

	if (start >= end)
		return -EINVAL;
	if (start < mmodel_host->vmemmap || end > mmodel_vmemmap_end())
		mmodel_host->bug(where, __FILE__, __LINE__, "a walk leaves the vmemmap");
	for (addr = start; addr < end && !err; addr = next) {
		next = pmd_addr_end(addr, end);
		err = mmodel_walk_pmd(mmodel_pmd(where, addr), addr, next, &walk);
	}
	return err;
}

#define walk_page_range_novma(mm, start, end, ops, pgd, private) \
	((void)(mm), mmodel_walk(__func__, start, end, ops, pgd, private))
#define walk_kernel_page_table_range(start, end, ops, pgd, private) \
	mmodel_walk(__func__, start, end, ops, pgd, private)
#define walk_kernel_page_table_range_lockless(start, end, ops, pgd, private) \
	mmodel_walk(__func__, start, end, ops, pgd, private)

#endif
