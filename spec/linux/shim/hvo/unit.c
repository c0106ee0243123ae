// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One kernel tree's mm/hugetlb_vmemmap.c, unchanged, with what struct mmodel_hvo_unit asks of it. Compiled once
 * a tree into a shared object that exports mmodel_hvo_unit_init() and nothing else.
 *
 * The compile line says which file, and what it offers:
 *   MMODEL_TREE_FILE            the file, as a quoted string; its header is found beside it
 *   MMODEL_SHAPE_PAGE           hugetlb_vmemmap_optimize(h, page), hugetlb_vmemmap_restore(h, page)
 *   MMODEL_SHAPE_FOLIO          hugetlb_vmemmap_optimize_folio(h, folio), ..._restore_folio(h, folio)
 *   MMODEL_HAS_LISTS            hugetlb_vmemmap_optimize_folios(h, list), ..._restore_folios(h, list, out)
 *   MMODEL_HAS_MEMMAP_COUNTERS  it calls memmap_pages_add() and memmap_boot_pages_add()
 *   MMODEL_KEY_IS=name          the static key that counts optimised folios; not given where a tree has none
 *   MMODEL_SHARED_TAIL          tails are a page that a zone shares among folios (zone->vmemmap_tails), not the head page
 *   MMODEL_HAS_BOOT             hugetlb_vmemmap_init_early(nid)
 *   MMODEL_HAS_BOOT_ORDER       hugetlb_vmemmap_optimize_bootmem_page(pfn, order)
 *   MMODEL_UPDATES_FAIL         it calls try_update_vmemmap_pte(), which may fail
 *   MMODEL_HAS_BOOT_LATE        hugetlb_vmemmap_init_late(nid)
 *   MMODEL_BOOT_PANICS          ... panics where it finds no memory
 *   MMODEL_WALKER_RCU           the tree's page_ref_add_unless() is an RCU reader and skips fake heads
 * Exactly one SHAPE must be given. The other macros are optional. WALKER_RCU is read off rcu_read_lock in
 * include/linux/page_ref.h; of the others the compiler is asked (host/offers.hpp).
 */
#if defined(MMODEL_SHAPE_PAGE) == defined(MMODEL_SHAPE_FOLIO)
#error "one of MMODEL_SHAPE_PAGE and MMODEL_SHAPE_FOLIO has to be given"
#endif

#include "mmodel_hvo_abi.h"

/* Two units live in one process: neither may find its key in the other. */
#pragma GCC visibility push(hidden)

#include "mmodel_kernel.h"

const struct mmodel_hvo_host *mmodel_host;
struct mm_struct init_mm;
pgd_t mmodel_pgd;
struct zone mmodel_zones[MMODEL_NR_ZONES];
struct list_head huge_boot_pages[MAX_NUMNODES];
unsigned long mmodel_nr_preinit;
unsigned int mmodel_section_order;

#include MMODEL_TREE_FILE

/* ---- what a struct page looks like when it is new ---- */

/* Zone and node, in a page's flags where the design reads them there. */
mmodel_unseen static unsigned long place_flags(unsigned long pfn)
{
#ifdef MMODEL_SHARED_TAIL
	return mmodel_zone_flags(mmodel_host->page_to_zone(pfn));
#else
	return 0;
#endif
}

/* A folio, and what all of its struct pages have in their flags. */
struct subject {
	struct page *head;
	unsigned int order;
	unsigned long place;
};

mmodel_unseen static struct subject subject_of(unsigned int order, unsigned long pfn)
{
	return (struct subject) { pfn_to_page(pfn), order, place_flags(pfn) };
}

mmodel_unseen static struct page fresh_plain(unsigned long place)
{
	return (struct page) { .flags = place, .page_type = -1 };
}

mmodel_unseen static struct page fresh_tail(const struct subject *s)
{
	struct page page = fresh_plain(s->place);

	page.compound_head = mmodel_tail_mark(s->head, s->order);
	page.mapping = TAIL_MAPPING;
	return page;
}

mmodel_unseen static struct page fresh_head(const struct subject *s)
{
	struct page page = fresh_plain(s->place);

	page.flags |= BIT(PG_head);
	page.page_type = MMODEL_PGTY_HUGETLB;
	page.lru = (struct list_head) LIST_HEAD_INIT(s->head->lru);
	return page;
}

/*
 * Tails 1 and 2 as a compound page has them: order, mapcounts and size in the one, an empty list in the
 * other. Both differ from a fresh tail, so a reset that misses a slot is seen.
 */
mmodel_unseen static struct page fresh_meta(const struct subject *s, unsigned int slot)
{
	struct page page = fresh_tail(s);

	if (slot == 1) {
		page.flags |= s->order;
		page.mapping = (void *)-1ul;
		page.index = 0;
		page.private = 1ul << s->order;
	} else {
		page.mapping = &s->head[slot].mapping;
		page.index = (unsigned long)&s->head[slot].mapping;
	}
	return page;
}

/* ---- struct pages, written ---- */

#define STRUCT_PAGES_PER_PAGE (PAGE_SIZE / sizeof(struct page))

/* Where the struct page of pfn really lies; `before`: that of pfn - 1, if it is known. */
mmodel_unseen static struct page *place_of(unsigned long pfn, struct page *before)
{
	if (before && pfn % STRUCT_PAGES_PER_PAGE)
		return before + 1;
	return mmodel_host->place((unsigned long)pfn_to_page(pfn));
}

#define for_each_place(at, pfn, start, end)                                                     \
	for ((at) = NULL, (pfn) = (start); (pfn) < (end) && ((at) = place_of(pfn, at)); (pfn)++)

/* Those of [start, end): whole pages of the vmemmap at once. */
mmodel_unseen static void put_all(unsigned long start, unsigned long end, const struct page *page)
{
	struct page whole[STRUCT_PAGES_PER_PAGE], *at = NULL;
	unsigned long i, n;

	for (i = 0; i < STRUCT_PAGES_PER_PAGE && end - start >= STRUCT_PAGES_PER_PAGE; i++)
		whole[i] = *page;
	while (start < end) {
		n = start % STRUCT_PAGES_PER_PAGE ? 0 : (end - start) / STRUCT_PAGES_PER_PAGE;
		if (n) {
			(mmodel_host->put_pages)((unsigned long)pfn_to_page(start), n, whole);
			start += n * STRUCT_PAGES_PER_PAGE;
			at = NULL;
			continue;
		}
		at = place_of(start++, at);
		if (!at)
			return;
		*at = *page;
	}
}

mmodel_unseen static void init_plain(unsigned long start_pfn, unsigned long end_pfn, int reserved, int self_hosted)
{
	struct page page = fresh_plain(place_flags(start_pfn));

	if (reserved)
		page.flags |= BIT(PG_reserved);
	if (self_hosted)
		page.flags |= BIT(PG_vmemmap_self_hosted);
	put_all(start_pfn, end_pfn, &page);
}

mmodel_unseen static void prep_pages(unsigned int order, unsigned long pfn, unsigned long nr)
{
	struct subject s = subject_of(order, pfn);
	struct page head = fresh_head(&s), tail = fresh_tail(&s), meta;
	unsigned long i;

	put_all(pfn, pfn + nr, &tail);
	put_all(pfn, pfn + 1, &head);
	for (i = 1; i < __NR_USED_SUBPAGE; i++) {
		meta = fresh_meta(&s, i);
		put_all(pfn + i, pfn + i + 1, &meta);
	}
}

static void prep_hugetlb(unsigned int order, unsigned long pfn)
{
	prep_pages(order, pfn, 1ul << order);
}

mmodel_unseen static void prep_boot(unsigned int order, unsigned long pfn)
{
	prep_pages(order, pfn, PAGE_SIZE / sizeof(struct page));
	place_of(pfn, NULL)->private |= BIT(HPG_vmemmap_optimized);
}

static void dissolve(unsigned int order, unsigned long pfn)
{
	init_plain(pfn, pfn + (1ul << order), 0, 0);
}

mmodel_unseen static void set_refcount(unsigned long start_pfn, unsigned long end_pfn, int count)
{
	unsigned long pfn;
	struct page *at;

	for_each_place(at, pfn, start_pfn, end_pfn)
		WRITE_ONCE(at->_refcount.counter, count);
}

/* include/linux/page_ref.h: page_ref_add_unless(page, 1, 0). It stores only when the count is not 0. */
static int page_ref_add_unless_zero(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	int old, taken = 0;

	rcu_read_lock();
#ifdef MMODEL_WALKER_RCU
	if (page_is_fake_head(page))
		goto out;
#endif
	old = page_ref_count(page);
	while (old && !taken)
		taken = __atomic_compare_exchange_n(&page->_refcount.counter, &old, old + 1, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
#ifdef MMODEL_WALKER_RCU
out:
#endif
	rcu_read_unlock();
	return taken;
}

/* ---- struct pages, read ---- */

static unsigned long read_compound_head(unsigned long pfn)
{
	return page_to_pfn(compound_head(pfn_to_page(pfn)));
}

static int test_optimised(unsigned long pfn)
{
	return HPageVmemmapOptimized(pfn_to_page(pfn));
}

/* Word by word and inline: each vmemmap page that a test reads is full of them. */
mmodel_unseen static int same(const struct page *page, struct page expected)
{
	const unsigned long *a = (const unsigned long *)page, *b = (const unsigned long *)&expected;
	unsigned long differ = 0;
	unsigned int i;

	for (i = 0; i < sizeof(expected) / sizeof(*a); i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

mmodel_unseen static enum mmodel_slot describe_slot(const struct page *page, unsigned int slot,
				      const struct subject *s)
{
	if (same(page, fresh_tail(s)))
		return MMODEL_SLOT_TAIL;
	if (slot >= 1 && slot < __NR_USED_SUBPAGE && same(page, fresh_meta(s, slot)))
		return MMODEL_SLOT_META;
	if (page->flags & BIT(PG_head) && !(page->compound_head & 1))
		return MMODEL_SLOT_HEAD;
	return same(page, fresh_plain(s->place)) ? MMODEL_SLOT_PLAIN : MMODEL_SLOT_JUNK;
}

mmodel_unseen static void describe(const void *at, unsigned int order, unsigned long pfn, unsigned char *slots,
		     int *optimised)
{
	const struct subject s = subject_of(order, pfn);
	const struct page *page = at;
	unsigned int slot;

	for (slot = 0; slot < STRUCT_PAGES_PER_PAGE; slot++)
		slots[slot] = describe_slot(&page[slot], slot, &s);
	*optimised = slots[0] == MMODEL_SLOT_HEAD && page->private & BIT(HPG_vmemmap_optimized);
}

mmodel_unseen static void make_tails(void *at, unsigned int order, unsigned int zone)
{
	const struct subject s = { NULL, order, mmodel_zone_flags(zone) };
	struct page *page = at;
	unsigned int slot;

	for (slot = 0; slot < PAGE_SIZE / sizeof(*page); slot++)
		page[slot] = fresh_tail(&s);
}

mmodel_unseen static int are_tails(const void *at, unsigned int order, unsigned int zone)
{
	const struct subject s = { NULL, order, mmodel_zone_flags(zone) };
	const struct page *page = at, tail = fresh_tail(&s);
	unsigned int slot;

	for (slot = 0; slot < STRUCT_PAGES_PER_PAGE; slot++)
		if (!same(&page[slot], tail))
			return 0;
	return 1;
}

/* ---- the calls under test ---- */

static struct hstate *hstate_of(unsigned int order)
{
	unsigned int i;

	for (i = 0; i < HUGE_MAX_HSTATE; i++)
		if (hstates[i].order == order)
			return &hstates[i];
	BUG();
}

#ifdef MMODEL_SHAPE_PAGE
static int restore(unsigned int order, unsigned long pfn)
{
	return hugetlb_vmemmap_restore(hstate_of(order), pfn_to_page(pfn));
}

static void optimise(unsigned int order, unsigned long pfn)
{
	hugetlb_vmemmap_optimize(hstate_of(order), pfn_to_page(pfn));
}
#else
static int restore(unsigned int order, unsigned long pfn)
{
	return hugetlb_vmemmap_restore_folio(hstate_of(order), (struct folio *)pfn_to_page(pfn));
}

static void optimise(unsigned int order, unsigned long pfn)
{
	hugetlb_vmemmap_optimize_folio(hstate_of(order), (struct folio *)pfn_to_page(pfn));
}
#endif

#ifdef MMODEL_HAS_LISTS
static void link_folios(struct list_head *list, const unsigned long *pfns, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		list_add_tail(&pfn_to_page(pfns[i])->lru, list);
}

/* The lists lie on the stack of a call that is about to return. */
static void forget_lists(const unsigned long *pfns, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		INIT_LIST_HEAD(&pfn_to_page(pfns[i])->lru);
}

static void mark_members(const struct list_head *list, const unsigned long *pfns, unsigned int n, int *done,
			 int mark)
{
	struct page *page;
	unsigned int i, seen = 0;

	list_for_each_entry(page, list, lru) {
		if (seen++ == n)
			break; /* more members than there are folios: the list is a loop of its own */
		for (i = 0; i < n; i++)
			if (pfns[i] == page_to_pfn(page))
				done[i] = mark;
	}
}

static void optimise_list(unsigned int order, const unsigned long *pfns, unsigned int n)
{
	LIST_HEAD(folios);

	link_folios(&folios, pfns, n);
	hugetlb_vmemmap_optimize_folios(hstate_of(order), &folios);
	forget_lists(pfns, n);
}

static long restore_list(unsigned int order, const unsigned long *pfns, unsigned int n, int *done)
{
	LIST_HEAD(folios);
	LIST_HEAD(non_hvo_folios);
	unsigned int i;
	long ret;

	link_folios(&folios, pfns, n);
	ret = hugetlb_vmemmap_restore_folios(hstate_of(order), &folios, &non_hvo_folios);
	for (i = 0; i < n; i++)
		done[i] = 2;
	mark_members(&non_hvo_folios, pfns, n, done, 1);
	mark_members(&folios, pfns, n, done, 0);
	forget_lists(pfns, n);
	return ret;
}
#endif

/* ---- before the page allocator is up ---- */

#ifdef MMODEL_HAS_BOOT_ORDER
#define MMODEL_HAS_BOOT
/* What mm/sparse-vmemmap.c does with sections that have an order. */
static int boot_early(int nid, unsigned int order, unsigned long pfn)
{
	unsigned long start = (unsigned long)pfn_to_page(pfn), end = start + (sizeof(struct page) << order);

	mmodel_section_order = 0;
	hugetlb_vmemmap_optimize_bootmem_page(pfn, order);
	if (mmodel_section_order != order)
		return 0;
	if (mmodel_populate_shared(start, end, order, &mmodel_zones[mmodel_host->page_to_zone(pfn)], PAGE_SIZE)) {
		mmodel_undo_part(start, end);
		return 0;
	}
	memmap_boot_pages_add(1);
	return 1;
}
#elif defined(MMODEL_HAS_BOOT)
static struct huge_bootmem_page *bootmem_page(unsigned long pfn)
{
	return phys_to_virt(PFN_PHYS(pfn));
}

static int boot_early(int nid, unsigned int order, unsigned long pfn)
{
	struct huge_bootmem_page *m = bootmem_page(pfn);

	m->hstate = hstate_of(order);
	m->flags = 0;
	INIT_LIST_HEAD(&huge_boot_pages[nid]);
	list_add(&m->list, &huge_boot_pages[nid]);
	mmodel_nr_preinit = 0;
	hugetlb_vmemmap_init_early(nid);
	INIT_LIST_HEAD(&huge_boot_pages[nid]);
	if (mmodel_nr_preinit != (m->flags & HUGE_BOOTMEM_HVO ? 1ul << order >> SECTION_ORDER : 0))
		mmodel_host->bug("hugetlb_vmemmap_init_early", __FILE__, __LINE__, "sections are not as the folio is");
	return (m->flags & HUGE_BOOTMEM_HVO) != 0;
}

#endif

#ifdef MMODEL_HAS_BOOT_LATE
static void boot_late(int nid, const unsigned long *pfns, unsigned int n, int *on_list)
{
	struct huge_bootmem_page *m;
	unsigned int i, seen = 0;

	INIT_LIST_HEAD(&huge_boot_pages[nid]);
	for (i = 0; i < n; i++) {
		m = bootmem_page(pfns[i]);
		list_add_tail(&m->list, &huge_boot_pages[nid]);
		on_list[i] = m->flags & HUGE_BOOTMEM_HVO ? 0 : 2;
	}
	hugetlb_vmemmap_init_late(nid);
	list_for_each_entry(m, &huge_boot_pages[nid], list) {
		if (seen++ == n)
			break;
		for (i = 0; i < n; i++)
			on_list[i] |= m == bootmem_page(pfns[i]);
	}
	INIT_LIST_HEAD(&huge_boot_pages[nid]);
}
#endif

#ifdef MMODEL_HAS_BOOT
static void boot_up(unsigned int order, const unsigned long *pfns, unsigned int n)
{
	LIST_HEAD(folios);

	link_folios(&folios, pfns, n);
	hugetlb_vmemmap_optimize_bootmem_folios(hstate_of(order), &folios);
	forget_lists(pfns, n);
}
#endif

/* ---- static state ---- */

static void set_enabled(int on)
{
	vmemmap_optimize_enabled = on;
}

static int key_count(void)
{
#ifdef MMODEL_KEY_IS
	return MMODEL_KEY_IS.count;
#else
	return 0;
#endif
}

static struct mmodel_hvo_unit mmodel_this_unit = {
	.abi_version = MMODEL_HVO_ABI_VERSION,
#ifdef MMODEL_SHAPE_PAGE
	.shape = "page",
#else
	.shape = "folio",
#endif
#ifdef MMODEL_SHARED_TAIL
	.has_shared_tail = 1,
#endif
#ifdef MMODEL_UPDATES_FAIL
	.updates_may_fail = 1,
#endif
#ifdef MMODEL_HAS_MEMMAP_COUNTERS
	.has_memmap_counters = 1,
#endif
	.nr_used_subpage = __NR_USED_SUBPAGE,
#ifdef NR_RESET_STRUCT_PAGE
	.nr_reset_struct_page = NR_RESET_STRUCT_PAGE,
#endif
	.restore = restore,
	.optimise = optimise,
#ifdef MMODEL_HAS_LISTS
	.optimise_list = optimise_list,
	.restore_list = restore_list,
#endif
	.set_enabled = set_enabled,
#ifdef MMODEL_HAS_BOOT
	.boot_early = boot_early,
	.boot_up = boot_up,
#endif
#ifdef MMODEL_HAS_BOOT_LATE
	.boot_late = boot_late,
#endif
#ifdef MMODEL_BOOT_PANICS
	.boot_panics = 1,
#endif
	.init_plain = init_plain,
	.prep_hugetlb = prep_hugetlb,
	.prep_boot = prep_boot,
	.dissolve = dissolve,
	.set_refcount = set_refcount,
	.page_ref_add_unless_zero = page_ref_add_unless_zero,
	.compound_head = read_compound_head,
	.test_optimised = test_optimised,
	.describe = describe,
	.make_tails = make_tails,
	.are_tails = are_tails,
	.key_count = key_count,
};

#pragma GCC visibility pop

/* Null when host and unit disagree about the ABI or the geometry, or when vmemmap or direct map is not aligned. */
struct mmodel_hvo_unit *mmodel_hvo_unit_init(const struct mmodel_hvo_host *host)
{
	if (host->abi_version != MMODEL_HVO_ABI_VERSION || host->page_shift != PAGE_SHIFT ||
	    host->ptrs_per_pte != PTRS_PER_PTE || !IS_ALIGNED(host->vmemmap, PMD_SIZE) ||
	    !IS_ALIGNED(host->direct_map, PAGE_SIZE))
		return NULL;
	mmodel_host = host;
	set_enabled(1);
	return &mmodel_this_unit;
}
