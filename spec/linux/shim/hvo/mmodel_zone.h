/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Zones, as far as they have pages of tails for the folios of each order (Linux 7.1). A node has two: the memory that
 * was there at boot, and what was hot-added.
 */
#ifndef MMODEL_ZONE_H
#define MMODEL_ZONE_H

#include "mmodel_page.h"

#define MMODEL_NR_ZONES        64
#define MAX_FOLIO_ORDER        30
#define VMEMMAP_TAIL_MIN_ORDER ilog2(2 * PAGE_SIZE / sizeof(struct page))
#define NR_VMEMMAP_TAILS       (MAX_FOLIO_ORDER + 1)
#define ilog2(n)               (63 - __builtin_clzl(n))

struct zone {
	struct page *vmemmap_tails[NR_VMEMMAP_TAILS];
};

extern struct zone mmodel_zones[MMODEL_NR_ZONES];

enum zone_type { MMODEL_BOOT_ZONE, MMODEL_HOT_ZONE };

struct pglist_data {
	struct zone node_zones[MMODEL_ZONES_PER_NODE];
};

#define mmodel_zone_nr(z)   ((unsigned int)((z) - mmodel_zones))
#define for_each_zone(z)    for ((z) = mmodel_zones; (z) < mmodel_zones + MMODEL_NR_ZONES; (z)++)
#define page_zone(p)        (&mmodel_zones[mmodel_flags_zone((p)->flags)])
#define folio_zone(f)       page_zone(&(f)->page)
#define zone_to_nid(z)      ((int)(mmodel_zone_nr(z) / MMODEL_ZONES_PER_NODE))
#define MAX_NR_ZONES        MMODEL_ZONES_PER_NODE
#define NODE_DATA(nid)      ((struct pglist_data *)&mmodel_zones[(nid) * MMODEL_ZONES_PER_NODE])
#define zone_spans_pfn(z, pfn) (mmodel_host->page_to_zone(pfn) == mmodel_zone_nr(z))
#define zone_idx(z)         (mmodel_zone_nr(z) % MMODEL_ZONES_PER_NODE)

/* mm/internal.h: the fields that it sets, the others stay as they are. A null head: of any folio of that order. */
#define init_compound_tail(tail, head, order, zone) mmodel_init_compound_tail(__func__, tail, head, order, zone)

static inline void mmodel_init_compound_tail(const char *where, struct page *tail, const struct page *head,
					     unsigned int order, struct zone *zone)
{
	(mmodel_host->init_compound_tail)(where, tail, order);
	tail->_mapcount.counter = -1;
	tail->flags = (tail->flags & (mmodel_zone_flags(1) - 1)) | mmodel_zone_flags(mmodel_zone_nr(zone));
	tail->mapping = TAIL_MAPPING;
	WRITE_ONCE(tail->compound_head, mmodel_tail_mark(head, order));
	if (tail->private)
		mmodel_host->warn(where, __FILE__, __LINE__, "tail->private");
}

/* Of a zone's place for a page of tails, and of nothing else. */
#define cmpxchg(at, old, page) mmodel_cmpxchg(__func__, at, old, page)

static inline struct page *mmodel_cmpxchg(const char *where, struct page **at, struct page *old, struct page *page)
{
	unsigned long idx = at - mmodel_zones[0].vmemmap_tails;
	struct page *found = READ_ONCE(*at);

	if (idx >= MMODEL_NR_ZONES * NR_VMEMMAP_TAILS || old)
		mmodel_host->bug(where, __FILE__, __LINE__, "cmpxchg() of something else than a zone's missing tails");
	if (!found) {
		long others = mmodel_host->is_overtaken(idx / NR_VMEMMAP_TAILS,
							idx % NR_VMEMMAP_TAILS + VMEMMAP_TAIL_MIN_ORDER);

		found = others < 0 ? NULL : pfn_to_page(others);
		WRITE_ONCE(*at, found ? found : page);
	}
	mmodel_host->cmpxchg_tail(where, idx / NR_VMEMMAP_TAILS, idx % NR_VMEMMAP_TAILS + VMEMMAP_TAIL_MIN_ORDER,
				  page_to_pfn(page), !found);
	return found;
}

#endif
