/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The sizes of hugetlb folios, and what of boot-time HVO the file refers to. */
#ifndef MMODEL_HUGETLB_H
#define MMODEL_HUGETLB_H

#include "mmodel_walk.h"

struct hstate {
	unsigned int order;
	char name[16];
};

static struct hstate hstates[] = { MMODEL_HSTATES };

#define HUGE_MAX_HSTATE ARRAY_SIZE(hstates)

#define for_each_hstate(h) for ((h) = hstates; (h) < hstates + HUGE_MAX_HSTATE; (h)++)

static inline unsigned int huge_page_order(const struct hstate *h)
{
	return h->order;
}

static inline unsigned int pages_per_huge_page(const struct hstate *h)
{
	return 1u << h->order;
}

static inline unsigned long huge_page_size(const struct hstate *h)
{
	return PAGE_SIZE << h->order;
}

/* No folio is optimised before the page allocator is up (6.15): CONFIG_SPARSEMEM_VMEMMAP_PREINIT is off. */
#define SECTION_ORDER 15
#define pfn_to_section_nr(pfn) ((unsigned long)(pfn) >> SECTION_ORDER)
#define vmemmap_wrprotect_hvo(start, end, nid, headsize)   BUG()
#define register_page_bootmem_memmap(section, map, nr)     BUG()

#endif
