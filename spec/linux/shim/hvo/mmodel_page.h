/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * struct page and struct folio, cut down to what code about the vmemmap reads, at their real size; the rule
 * that finds a head; the page allocator's entry points. A struct page is always read and written at its
 * vmemmap address, so the access goes through the page tables.
 */
#ifndef MMODEL_PAGE_H
#define MMODEL_PAGE_H

#include "mmodel_event.h"
#include <mmodel_geometry.h>
#include <mmodel_list.h>

#define PAGE_ALIGN(addr)   ALIGN(addr, PAGE_SIZE)
#define PAGE_ALIGNED(addr) IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define PFN_PHYS(pfn)      ((phys_addr_t)(pfn) << PAGE_SHIFT)
#define PHYS_PFN(phys)     ((unsigned long)((phys) >> PAGE_SHIFT))

/* What a tail holds where a head has its mapping; no dereferenceable pointer. */
#define TAIL_MAPPING ((void *)(0x400ul + POISON_POINTER_DELTA))

struct page {
	unsigned long flags;
	union {
		struct list_head lru;
		unsigned long compound_head; /* bit 0 set in a tail; over lru.next */
	};
	void *mapping;
	unsigned long index;
	unsigned long private; /* hugetlb flags in the head of a hugetlb folio */
	union {
		atomic_t _mapcount;
		unsigned int page_type;
	};
	atomic_t _refcount;
	unsigned long memcg_data;
};

_Static_assert(sizeof(struct page) == 64, "the geometry has 64-byte struct pages");
_Static_assert(offsetof(struct page, compound_head) == 8 && offsetof(struct page, _refcount) == 52,
	       "where the kernel has them");

struct folio {
	union {
		struct {
			unsigned long flags;
			struct list_head lru;
			void *mapping;
			unsigned long index;
			void *private;
			atomic_t _mapcount;
			atomic_t _refcount;
			unsigned long memcg_data;
		};
		struct page page;
	};
	struct page __page_1;
	struct page __page_2;
	struct page __page_3;
};

_Static_assert(offsetof(struct folio, private) == offsetof(struct page, private), "a folio is its head page");

enum pageflags {
	PG_head = 6,
	PG_owner_priv_1 = 10,
	PG_reserved = 13,
	PG_vmemmap_self_hosted = PG_owner_priv_1,
};

/* Type of a hugetlb head, in page_type. A page without a type has -1 there: a mapcount, of no mapping. */
#define MMODEL_PGTY_HUGETLB 0xf4000000u

enum hugetlb_page_flags { HPG_vmemmap_optimized = 4 };

/* Struct pages 0..n-1 of a hugetlb folio hold metadata. */
#define __NR_USED_SUBPAGE 3

#define mmodel_vmemmap      ((struct page *)mmodel_host->vmemmap)
#define page_to_pfn(p)      ((unsigned long)((const struct page *)(p) - mmodel_vmemmap))
#define pfn_to_page(pfn)    (mmodel_vmemmap + (pfn))
#define page_to_virt(p)     ((void *)(mmodel_host->direct_map + (page_to_pfn(p) << PAGE_SHIFT)))
#define page_address(p)     page_to_virt(p)
#define virt_to_page(addr)  pfn_to_page(((unsigned long)(addr) - mmodel_host->direct_map) >> PAGE_SHIFT)
#ifdef MMODEL_SHARED_TAIL /* a tail's node is what the page of tails says, not what its own number says */
#define page_to_nid(p)      mmodel_flags_nid((p)->flags)
#else
#define page_to_nid(p)      mmodel_host->page_to_nid(page_to_pfn(p))
#endif
#define folio_nid(f)        page_to_nid(&(f)->page)
#define folio_pfn(f)        page_to_pfn(&(f)->page)
#define folio_page(f, n)    (&(f)->page + (n))
#define page_folio(p)       ((struct folio *)compound_head(p))

static inline int mmodel_test_flag(unsigned int bit, const unsigned long *word)
{
	return READ_ONCE(*word) >> bit & 1;
}

/* Node and zone of a page, as the upper bits of its flags say it. */
#define MMODEL_ZONE_SHIFT      56
#define MMODEL_ZONES_PER_NODE  2
#define mmodel_flags_zone(f)   ((unsigned int)(READ_ONCE(f) >> MMODEL_ZONE_SHIFT))
#define mmodel_flags_nid(f)    ((int)(mmodel_flags_zone(f) / MMODEL_ZONES_PER_NODE))
#define mmodel_zone_flags(z)   ((unsigned long)(z) << MMODEL_ZONE_SHIFT)

#ifdef MMODEL_SHARED_TAIL
/*
 * A tail says where its head is by a mask for its own address, the same for all folios of an order. Its folio's
 * struct pages are aligned to their size.
 */
static inline unsigned long mmodel_tail_mark(const struct page *head, unsigned int order)
{
	return -(sizeof(struct page) << order) | 1;
}

static inline unsigned long mmodel_tail_of(const struct page *page)
{
	unsigned long info = READ_ONCE(page->compound_head);

	return info & 1 ? (unsigned long)page & info : 0;
}
#else
static inline unsigned long mmodel_tail_mark(const struct page *head, unsigned int order)
{
	return (unsigned long)head | 1;
}

/*
 * Who is this page a tail of? 0: of nobody. A tail says so itself, but the first struct page of each
 * remapped vmemmap page is the head's: then its neighbour, which is a tail wherever they both lie, tells.
 * While the key counts no optimised folio no page is suspected.
 */
static inline unsigned long mmodel_tail_of(const struct page *page)
{
	unsigned long own = READ_ONCE(page->compound_head), neighbour;

	if (own & 1)
		return own - 1;
#ifdef MMODEL_KEY_IS
	extern struct static_key_false MMODEL_KEY_IS;

	if (!static_key_enabled(&MMODEL_KEY_IS) || !PAGE_ALIGNED(page) ||
	    !mmodel_test_flag(PG_head, &page->flags))
		return 0;
	neighbour = READ_ONCE(page[1].compound_head);
	if ((neighbour & 1) && neighbour - 1 != (unsigned long)page)
		return neighbour - 1;
#endif
	return 0;
}

#endif

/* A fake head has no tail marker of its own. */
static inline bool page_is_fake_head(const struct page *page)
{
	return !(READ_ONCE(page->compound_head) & 1) && mmodel_tail_of(page);
}

static inline struct page *mmodel_compound_head(const struct page *page)
{
	unsigned long head = mmodel_tail_of(page);

	return head ? (struct page *)head : (struct page *)page;
}

#define compound_head(p) mmodel_compound_head((const struct page *)(p))

static inline int PageTail(const struct page *page)
{
	return mmodel_tail_of(page) != 0;
}

static inline int PageHead(const struct page *page)
{
	return mmodel_test_flag(PG_head, &page->flags) && !page_is_fake_head(page);
}

static inline int PageCompound(const struct page *page)
{
	return PageTail(page) || mmodel_test_flag(PG_head, &page->flags);
}

static inline int PageReserved(const struct page *page)
{
	return mmodel_test_flag(PG_reserved, &page->flags);
}

static inline int PageVmemmapSelfHosted(const struct page *page)
{
	return mmodel_test_flag(PG_vmemmap_self_hosted, &page->flags);
}

static inline bool folio_test_hugetlb(const struct folio *folio)
{
	return READ_ONCE(folio->page.page_type) == MMODEL_PGTY_HUGETLB;
}

#define PageHuge(p) folio_test_hugetlb(page_folio(p))

static inline int page_ref_count(const struct page *page)
{
	return READ_ONCE(page->_refcount.counter);
}

#define folio_ref_count(f) page_ref_count(&(f)->page)

/* The flag of an optimised folio, under its name for pages and its name for folios. */
static inline int HPageVmemmapOptimized(const struct page *page)
{
	return mmodel_test_flag(HPG_vmemmap_optimized, &page->private);
}

static inline void mmodel_set_optimized(const char *where, struct page *page, int on)
{
	mmodel_host->store(where, &page->private, sizeof(page->private));
	if (on)
		__atomic_fetch_or(&page->private, BIT(HPG_vmemmap_optimized), __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&page->private, ~BIT(HPG_vmemmap_optimized), __ATOMIC_RELAXED);
}

#define SetHPageVmemmapOptimized(p)               mmodel_set_optimized(__func__, p, 1)
#define ClearHPageVmemmapOptimized(p)             mmodel_set_optimized(__func__, p, 0)
#define folio_test_hugetlb_vmemmap_optimized(f)   HPageVmemmapOptimized(&(f)->page)
#define folio_set_hugetlb_vmemmap_optimized(f)    mmodel_set_optimized(__func__, &(f)->page, 1)
#define folio_clear_hugetlb_vmemmap_optimized(f)  mmodel_set_optimized(__func__, &(f)->page, 0)

/*
 * The allocators. Which frames and what becomes of them is the host's business. A callback that has a
 * macro's name is called in parentheses, which keeps the macro out.
 */
#define alloc_pages_node(nid, gfp, order) mmodel_alloc_pages(__func__, nid, gfp, order)
#define __free_pages(page, order)         mmodel_host->free_pages(__func__, page_to_pfn(page), order)
#define __free_page(page)                 __free_pages(page, 0)
#define split_page(page, order)           mmodel_host->split_page(__func__, page_to_pfn(page), order)
#define free_bootmem_page(page)           mmodel_free_bootmem_page(__func__, page)
#define free_reserved_page(page)          mmodel_free_bootmem_page(__func__, page)

static inline struct page *mmodel_alloc_pages(const char *where, int nid, gfp_t gfp, unsigned int order)
{
	long pfn = (mmodel_host->alloc_pages_node)(where, nid, gfp, order);

	return pfn < 0 ? NULL : pfn_to_page(pfn);
}

/* A frame that boot memory gives up is an ordinary frame afterwards, also to the next reader of its flag. */
static inline void mmodel_free_bootmem_page(const char *where, struct page *page)
{
	page->flags &= ~BIT(PG_reserved);
	(mmodel_host->free_bootmem_page)(where, page_to_pfn(page));
}

#endif
