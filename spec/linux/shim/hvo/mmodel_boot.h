/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Boot memory, before the page allocator is up (Linux 6.15): folios set aside, memory sections, and what mm/sparse-vmemmap.c
 * does to the vmemmap. The file under test calls it; what it is called for is in unit.c.
 */
#ifndef MMODEL_BOOT_H
#define MMODEL_BOOT_H

#include "mmodel_walk.h"

#define CONFIG_SPARSEMEM_VMEMMAP_PREINIT 1
#define MAX_NUMNODES 4

#define HUGE_BOOTMEM_HVO         BIT(0)
#define HUGE_BOOTMEM_ZONES_VALID BIT(1)
#define HUGE_BOOTMEM_CMA         BIT(2)

struct hstate;

/* Lies in the first page of the folio that it is about. */
struct huge_bootmem_page {
	struct list_head list;
	struct hstate *hstate;
	unsigned long flags;
};

extern struct list_head huge_boot_pages[MAX_NUMNODES];

/* There is a folio, or nobody would ask. */
#define hugetlb_bootmem_allocated() true

#define virt_to_phys(at)  ((phys_addr_t)((unsigned long)(at) - mmodel_host->direct_map))
#define phys_to_virt(at)  ((void *)(mmodel_host->direct_map + (unsigned long)(at)))
#define panic(...)        mmodel_host->bug(__func__, __FILE__, __LINE__, "panic: " __VA_ARGS__)

/* A section's vmemmap is one PMD, as on x86-64. Those that a caller says it has populated, or will, are counted. */
#define SECTION_ORDER      (PMD_ORDER + PAGE_SHIFT - ilog2(sizeof(struct page)))
#define PA_SECTION_SHIFT   (SECTION_ORDER + PAGE_SHIFT)
#define PAGES_PER_SECTION  (1ul << SECTION_ORDER)
#define section_map_size() (PAGES_PER_SECTION * sizeof(struct page))
#define pfn_to_section_nr(pfn) ((unsigned long)(pfn) >> SECTION_ORDER)
#define SECTION_IS_VMEMMAP_PREINIT BIT(5)
#define register_page_bootmem_memmap(section, map, nr) ((void)(section), (void)(map), (void)(nr))

extern unsigned long mmodel_nr_preinit;

static inline void sparse_init_early_section(int nid, struct page *map, unsigned long section, unsigned long flags)
{
	if (map != pfn_to_page(section << SECTION_ORDER) || !(flags & SECTION_IS_VMEMMAP_PREINIT))
		mmodel_host->bug(__func__, __FILE__, __LINE__, "a section that is another's");
	mmodel_nr_preinit++;
}

/* Zones are found late: this folio lies in two. The driver says which. */
static inline bool hugetlb_bootmem_page_zones_valid(int nid, struct huge_bootmem_page *m)
{
	return !mmodel_host->spans_zones(PHYS_PFN(virt_to_phys(m)));
}

/* One page behind the vmemmap, or a whole folio that nobody wants any more. */
#define memblock_phys_free(phys, size) \
	mmodel_host->memblock_phys_free(__func__, PHYS_PFN(phys), (unsigned long)(size) >> PAGE_SHIFT)

#define virt_to_kpte(addr)          pte_offset_kernel(mmodel_pmd(__func__, addr), addr)
#define pte_clear(mm, addr, pte)    set_pte_at(mm, addr, pte, __pte(0))

static inline int vmemmap_populate_address(unsigned long addr, int nid, long pfn)
{
	pmd_t *pmd = mmodel_pmd(__func__, addr);
	pte_t *pte;

	if (pmd_none(pmdp_get(pmd))) {
		pte = pte_alloc_one_kernel(&init_mm);
		if (!pte)
			return -ENOMEM;
		pmd_populate_kernel(&init_mm, pmd, pte);
	}
	pte = pte_offset_kernel(pmd, addr);
	if (!pte_none(ptep_get(pte)))
		return 0;
	if (pfn < 0)
		pfn = (mmodel_host->memblock_alloc)(__func__, nid);
	if (pfn < 0)
		return -ENOMEM;
	set_pte_at(&init_mm, addr, pte, pfn_pte(pfn, PAGE_KERNEL));
	return 0;
}

/* [addr, addr + headsize) gets pages of its own, the rest `tail`, or without one what lies before it. */
static inline int mmodel_populate_hvo(unsigned long addr, unsigned long end, int nid, unsigned long headsize, long tail)
{
	unsigned long at;
	int ret;

	for (at = addr; at < end; at += PAGE_SIZE) {
		if (at == addr + headsize && tail < 0)
			tail = pte_pfn(ptep_get(virt_to_kpte(at - PAGE_SIZE)));
		ret = vmemmap_populate_address(at, nid, at < addr + headsize ? -1 : tail);
		if (ret)
			return ret;
	}
	return 0;
}

/* mm/sparse-vmemmap.c: the page of tails of a zone, made on first use; it is the file's own up to 7.3. */
static inline struct page *vmemmap_shared_tail_page(unsigned int order, struct zone *zone)
{
	struct page **at = &zone->vmemmap_tails[order - VMEMMAP_TAIL_MIN_ORDER];
	struct page *page = READ_ONCE(*at), *tail;
	unsigned int i;

	if (page)
		return page;
	page = alloc_pages_node(zone_to_nid(zone), GFP_KERNEL | __GFP_ZERO, 0);
	if (!page)
		return NULL;
	tail = page_to_virt(page);
	for (i = 0; i < PAGE_SIZE / sizeof(*tail); i++)
		init_compound_tail(tail + i, NULL, order, zone);
	if (cmpxchg(at, NULL, page)) {
		__free_page(page);
		page = READ_ONCE(*at);
	}
	return page;
}

static inline int mmodel_populate_shared(unsigned long addr, unsigned long end, unsigned int order, struct zone *zone,
					 unsigned long headsize)
{
	struct page *tail = vmemmap_shared_tail_page(order, zone);

	return tail ? mmodel_populate_hvo(addr, end, zone_to_nid(zone), headsize, page_to_pfn(tail)) : -ENOMEM;
}

#define MMODEL_FIFTH(a, b, c, d, e, name, ...) name
#define mmodel_populate_mirrored(addr, end, nid, headsize) mmodel_populate_hvo(addr, end, nid, headsize, -1)
#define vmemmap_populate_hvo(...) \
	MMODEL_FIFTH(__VA_ARGS__, mmodel_populate_shared, mmodel_populate_mirrored, )(__VA_ARGS__)

/* Base pages, where nothing is mapped yet. */
#define vmemmap_populate(start, end, nid, altmap) ((void)(nid), mmodel_host->vmemmap_populate(start, end), 0)

static inline int vmemmap_undo_hvo(unsigned long addr, unsigned long end, int nid, unsigned long headsize)
{
	unsigned long at, pfn;

	for (at = addr + headsize; at < end; at += PAGE_SIZE)
		pte_clear(&init_mm, at, virt_to_kpte(at));
	for (at = addr; at < addr + headsize; at += PAGE_SIZE) {
		pfn = pte_pfn(ptep_get(virt_to_kpte(at)));
		pte_clear(&init_mm, at, virt_to_kpte(at));
		memblock_phys_free(PFN_PHYS(pfn), PAGE_SIZE);
	}
	flush_tlb_kernel_range(addr, end);
	return vmemmap_populate(addr, end, nid, NULL);
}

/* Of what could be populated in part: nothing stays. */
static inline void mmodel_undo_part(unsigned long start, unsigned long end)
{
	unsigned long at, pfn;

	for (at = start; at < end && !pmd_none(*mmodel_pmd(__func__, at)) && !pte_none(*virt_to_kpte(at));
	     at += PAGE_SIZE) {
		pfn = pte_pfn(*virt_to_kpte(at));
		pte_clear(&init_mm, at, virt_to_kpte(at));
		if (at == start)
			memblock_phys_free(PFN_PHYS(pfn), PAGE_SIZE);
	}
	flush_tlb_kernel_range(start, end);
}

static inline void vmemmap_wrprotect_hvo(unsigned long addr, unsigned long end, int nid, unsigned long headsize)
{
	unsigned long at;

	for (at = addr + headsize; at < end; at += PAGE_SIZE)
		set_pte_at(&init_mm, at, virt_to_kpte(at), pte_wrprotect(ptep_get(virt_to_kpte(at))));
}

/* Updates of a live translation that may fail, and what a file asks before it relies on them (later than 7.3). */
#define arch_hugetlb_vmemmap_optimization_supported() true
#define try_update_vmemmap_pte(addr, ptep, entry) mmodel_try_update_pte(__func__, addr, ptep, entry)
#define try_populate_vmemmap_pmd(addr, pmdp, table) mmodel_try_populate_pmd(__func__, addr, pmdp, table)

static inline int mmodel_try_update_pte(const char *where, unsigned long addr, pte_t *ptep, pte_t entry)
{
	if (mmodel_host->update_fails(where, addr))
		return -EAGAIN;
	mmodel_set_pte(where, addr, ptep, entry);
	return 0;
}

static inline int mmodel_try_populate_pmd(const char *where, unsigned long addr, pmd_t *pmd, pte_t *table)
{
	if (mmodel_host->update_fails(where, addr))
		return -EAGAIN;
	mmodel_pmd_populate(where, pmd, table);
	return 0;
}

/* Sections that are to be populated as parts of folios of that order: what their population makes of it is in unit.c. */
extern unsigned int mmodel_section_order;
#define section_set_compound_order_range(pfn, nr, order) mmodel_set_section_order(__func__, pfn, nr, order)
#define section_set_order_range(pfn, nr, order)          mmodel_set_section_order(__func__, pfn, nr, order)

static inline void mmodel_set_section_order(const char *where, unsigned long pfn, unsigned long nr, unsigned int order)
{
	if (nr != 1ul << order || pfn % nr)
		mmodel_host->bug(where, __FILE__, __LINE__, "sections of something else than a folio");
	if (!(nr % PAGES_PER_SECTION))
		mmodel_section_order = order;
}

#endif
