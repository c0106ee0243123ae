/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The sizes of hugetlb folios. */
#ifndef MMODEL_HUGETLB_H
#define MMODEL_HUGETLB_H

#include "mmodel_boot.h"

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

#endif
