/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Page table entries, their accessors and stores. The levels above the PMD are folded: each is one entry that
 * covers everything, and the PMD entries of the vmemmap are host->pmds.
 */
#ifndef MMODEL_PGTABLE_H
#define MMODEL_PGTABLE_H

#include "mmodel_zone.h"

typedef struct { unsigned long pte; } pte_t;
typedef struct { unsigned long pmd; } pmd_t;
typedef struct { unsigned long pud; } pud_t;
typedef struct { unsigned long p4d; } p4d_t;
typedef struct { unsigned long pgd; } pgd_t;
typedef struct { unsigned long pgprot; } pgprot_t;

#define __pgprot(bits)  ((pgprot_t) { (bits) })
#define pgprot_val(p)   ((p).pgprot)
#define PAGE_KERNEL     __pgprot(MMODEL_PRESENT | MMODEL_RW)
#define PAGE_KERNEL_RO  __pgprot(MMODEL_PRESENT)

static inline int get_order(unsigned long bytes)
{
	int order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

/* PTE: a value, and the place of one in a table frame seen through the direct map. */
#define __pte(bits)        ((pte_t) { (bits) })
#define pte_val(entry)     ((entry).pte)
#define pte_pfn(entry)     ((entry).pte >> PAGE_SHIFT)
#define pte_page(entry)    pfn_to_page(pte_pfn(entry))
#define pte_none(entry)    ((entry).pte == 0)
#define pte_present(entry) (((entry).pte & MMODEL_PRESENT) != 0)
#define pte_write(entry)   (((entry).pte & MMODEL_RW) != 0)
#define pte_index(addr)    (((unsigned long)(addr) >> PAGE_SHIFT) & (PTRS_PER_PTE - 1))
#define ptep_get(ptep)     READ_ONCE(*(ptep))
#define pfn_pte(pfn, prot) __pte((unsigned long)(pfn) << PAGE_SHIFT | pgprot_val(prot))
#define mk_pte(page, prot) pfn_pte(page_to_pfn(page), prot)

static inline pte_t pte_wrprotect(pte_t entry)
{
	return __pte(entry.pte & ~MMODEL_RW);
}

#define set_pte_at(mm, addr, ptep, entry) mmodel_set_pte(__func__, addr, ptep, entry)
#define set_pte(ptep, entry)              mmodel_set_pte(__func__, 0, ptep, entry)

/* The host makes the store. A place outside every table is a wild write, whatever lies there. */
static inline void mmodel_set_pte(const char *where, unsigned long addr, pte_t *ptep, pte_t entry)
{
	unsigned long offset = (unsigned long)ptep - mmodel_host->direct_map;
	unsigned long idx = offset % PAGE_SIZE / sizeof(*ptep);

	if ((unsigned long)ptep % sizeof(*ptep) || offset >> PAGE_SHIFT >= mmodel_host->nr_frames ||
	    idx >= PTRS_PER_PTE)
		mmodel_host->bug(where, __FILE__, __LINE__, "a PTE is stored outside the page tables");
	(mmodel_host->set_pte_at)(where, addr, offset >> PAGE_SHIFT, idx, entry.pte);
}

/* PMD */
#define pmd_val(entry)     ((entry).pmd)
#define pmd_pfn(entry)     ((entry).pmd >> PAGE_SHIFT)
#define pmd_page(entry)    pfn_to_page(pmd_pfn(entry))
#define pmd_none(entry)    ((entry).pmd == 0)
#define pmd_present(entry) (((entry).pmd & MMODEL_PRESENT) != 0)
#define pmd_leaf(entry)    (((entry).pmd & MMODEL_LEAF) != 0)
#define pmd_large(entry)   pmd_leaf(entry)
#define pmdp_get(pmdp)     READ_ONCE(*(pmdp))
#define mmodel_pmds        ((pmd_t *)mmodel_host->pmds)

static inline unsigned long mmodel_vmemmap_end(void)
{
	return mmodel_host->vmemmap + mmodel_host->nr_frames * sizeof(struct page);
}

static inline unsigned long mmodel_nr_pmds(void)
{
	return DIV_ROUND_UP(mmodel_host->nr_frames * sizeof(struct page), PMD_SIZE);
}

static inline pmd_t *mmodel_pmd(const char *where, unsigned long addr)
{
	if (addr < mmodel_host->vmemmap || addr >= mmodel_vmemmap_end())
		mmodel_host->bug(where, __FILE__, __LINE__, "an address outside the vmemmap is looked up");
	return &mmodel_pmds[(addr - mmodel_host->vmemmap) >> PMD_SHIFT];
}

static inline pte_t *pte_offset_kernel(const pmd_t *pmd, unsigned long addr)
{
	return (pte_t *)(mmodel_host->direct_map + (pmd_pfn(READ_ONCE(*pmd)) << PAGE_SHIFT)) + pte_index(addr);
}

#define pmd_populate_kernel(mm, pmd, table) mmodel_pmd_populate(__func__, pmd, table)

/* An entry of the caller's own, as the split uses to fill a private table, is no event. */
static inline void mmodel_pmd_populate(const char *where, pmd_t *pmd, pte_t *table)
{
	unsigned long pfn = ((unsigned long)table - mmodel_host->direct_map) >> PAGE_SHIFT;

	if (pmd >= mmodel_pmds && pmd < mmodel_pmds + mmodel_nr_pmds())
		(mmodel_host->pmd_populate_kernel)(where, pmd - mmodel_pmds, pfn);
	else
		pmd->pmd = pfn << PAGE_SHIFT | MMODEL_PRESENT | MMODEL_RW;
}

#define pte_alloc_one_kernel(mm)   mmodel_pte_alloc(__func__)
#define pte_free_kernel(mm, table) mmodel_host->pte_free_kernel(__func__,                       \
	((unsigned long)(table) - mmodel_host->direct_map) >> PAGE_SHIFT)

static inline pte_t *mmodel_pte_alloc(const char *where)
{
	long pfn = (mmodel_host->pte_alloc_one_kernel)(where);

	return pfn < 0 ? NULL : (pte_t *)(mmodel_host->direct_map + ((unsigned long)pfn << PAGE_SHIFT));
}

/* The folded levels. Their one entry is never looked into. */
extern pgd_t mmodel_pgd;
#define pgd_offset_k(addr)      ((void)(addr), &mmodel_pgd)
#define p4d_offset(pgd, addr)   ((p4d_t *)(pgd))
#define pud_offset(p4d, addr)   ((pud_t *)(p4d))
#define pmd_offset(pud, addr)   ((void)(pud), mmodel_pmd(__func__, addr))
#define pmd_off_k(addr)         mmodel_pmd(__func__, addr)
#define pgd_addr_end(addr, end) (end)
#define p4d_addr_end(addr, end) (end)
#define pud_addr_end(addr, end) (end)

static inline unsigned long pmd_addr_end(unsigned long addr, unsigned long end)
{
	unsigned long boundary = (addr & PMD_MASK) + PMD_SIZE;

	return boundary - 1 < end - 1 ? boundary : end;
}

#endif
