/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Sizes of pages and page tables. The compile line gives those of another machine than x86-64:
 *   PAGE_SHIFT       a page is 1 << PAGE_SHIFT bytes
 *   PTRS_PER_PTE     entries of a page table
 *   MMODEL_HSTATES   initialisers of the sizes of huge pages, smallest first: { order, "2048kB" }, ...
 */
#ifndef MMODEL_GEOMETRY_H
#define MMODEL_GEOMETRY_H

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PTRS_PER_PTE
#define PTRS_PER_PTE 512
#endif
#ifndef MMODEL_HSTATES
#define MMODEL_HSTATES { 9, "2048kB" }, { 18, "1048576kB" }
#endif

#define PAGE_SIZE (1ul << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PMD_SHIFT (PAGE_SHIFT + __builtin_ctz(PTRS_PER_PTE))
#define PMD_SIZE  (1ul << PMD_SHIFT)
#define PMD_MASK  (~(PMD_SIZE - 1))
#define PMD_ORDER (PMD_SHIFT - PAGE_SHIFT)

#endif
