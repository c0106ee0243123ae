/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What passes between a kernel tree's file, compiled into a shared object, and the driver that runs it. Plain C: the
 * shim headers include it when they compile kernel code, the driver includes it from C++.
 *
 * Addresses are host addresses. Frame p of the modelled machine lies in a memfd at p * PAGE_SIZE and is seen in two
 * places: in the direct map at direct_map + p * PAGE_SIZE (always read-write), and in the vmemmap wherever page table
 * entries map it, with their permissions. The struct page of frame p is at vmemmap + p * sizeof(struct page).
 * An entry (pte_t, pmd_t) is one unsigned long: pfn << PAGE_SHIFT | flags (mmodel_mmu.h). PTE tables are frames of the machine, so a pte_t
 * pointer is an address in the direct map; the PMD entries of the vmemmap are one array, pmds[i] for the
 * PMD_SIZE bytes from vmemmap + i * PMD_SIZE.
 */
#ifndef MMODEL_HVO_ABI_H
#define MMODEL_HVO_ABI_H

#include "../common/mmodel_mmu.h"

#define MMODEL_HVO_ABI_VERSION 5

/* gfp bits of the shim; the driver sees them in alloc_pages_node. */
#define MMODEL_GFP_KERNEL        0x001u
#define MMODEL_GFP_NORETRY       0x002u
#define MMODEL_GFP_NOWARN        0x004u
#define MMODEL_GFP_THISNODE      0x008u
#define MMODEL_GFP_RETRY_MAYFAIL 0x010u
#define MMODEL_GFP_ZERO          0x020u

enum mmodel_lock { MMODEL_PAGE_TABLE_LOCK, MMODEL_MMAP_READ_LOCK };

/*
 * What the driver offers. Every callback is one event of the machine; `where` is the kernel function that caused it
 * (__func__ at the place of the macro). A callback may not return: the driver ends the sequence with longjmp when the
 * specification is violated.
 */
struct mmodel_hvo_host {
	int abi_version;
	unsigned int page_shift, ptrs_per_pte; /* what the unit must have been compiled for */
	unsigned long vmemmap;
	unsigned long direct_map;
	unsigned long nr_frames;
	unsigned long *pmds; /* written by the driver only */

	/* Where the byte at an address of the vmemmap really lies, to be written, up to the end of its page. No event. */
	void *(*place)(unsigned long addr);
	/* The same, for whole pages from an address of the vmemmap on: each becomes what is at `page`. */
	void (*put_pages)(unsigned long addr, unsigned long nr, const void *page);

	/* A frame number, or -1 when the allocation fails. Contents are whatever the frame held. */
	long (*alloc_pages_node)(const char *where, int nid, unsigned int gfp, unsigned int order);
	void (*free_pages)(const char *where, unsigned long pfn, unsigned int order);
	void (*free_bootmem_page)(const char *where, unsigned long pfn);
	void (*split_page)(const char *where, unsigned long pfn, unsigned int order);
	int (*page_to_nid)(unsigned long pfn);
	unsigned int (*page_to_zone)(unsigned long pfn); /* of all zones: two a node */
	/* A struct page at an address of the direct map, or anywhere, is about to become a tail of folios of that order. */
	void (*init_compound_tail)(const char *where, void *page, unsigned int order);
	/* The zone's tails of that order have become those in the frame, if it had none; it is said whether it had none. */
	void (*cmpxchg_tail)(const char *where, unsigned int zone, unsigned int order, unsigned long pfn, int first);

	/* Before the page allocator is up. A frame of a node's boot memory, or -1. */
	long (*memblock_alloc)(const char *where, int nid);
	void (*memblock_phys_free)(const char *where, unsigned long pfn, unsigned long nr);
	/* What is not mapped in [start, end) gets pages of its own. */
	void (*vmemmap_populate)(unsigned long start, unsigned long end);
	int (*spans_zones)(unsigned long pfn); /* of the folio headed by it */

	/* Where an update of the translation of `addr` may fail: whether it does. */
	int (*update_fails)(const char *where, unsigned long addr);
	/* Somebody else has made that zone's tails of that order meanwhile: the frame, or -1. */
	long (*is_overtaken)(unsigned int zone, unsigned int order);

	/* A table of empty entries (its frame is zeroed by the driver), or -1. */
	long (*pte_alloc_one_kernel)(const char *where);
	void (*pte_free_kernel)(const char *where, unsigned long table_pfn);
	/* Stores `entry` in entry idx of table table_pfn; `addr` is what the kernel code said it maps. */
	void (*set_pte_at)(const char *where, unsigned long addr, unsigned long table_pfn, unsigned int idx,
			   unsigned long entry);
	/* Installs the table in pmds[pmd_idx]. Not called for a pmd_t on the caller's stack. */
	void (*pmd_populate_kernel)(const char *where, unsigned long pmd_idx, unsigned long table_pfn);

	void (*smp_wmb)(const char *where);
	/* Copies one page; the addresses may be in the direct map or in the vmemmap. */
	void (*copy_page)(const char *where, void *to, const void *from);
	/* Before a store of n bytes that the shim can see (memcpy and the flag helpers of the shim headers). */
	void (*store)(const char *where, void *to, unsigned long n);

	void (*flush_tlb_kernel_range)(const char *where, unsigned long start, unsigned long end);
	void (*flush_tlb_all)(const char *where);
	void (*synchronize_rcu)(const char *where);

	void (*static_branch_add)(const char *where, int n); /* the key's count changed by n */
	void (*memmap_pages_add)(const char *where, long n);
	void (*memmap_boot_pages_add)(const char *where, long n);
	void (*lock)(const char *where, enum mmodel_lock which, int acquire); /* 1 taken, 0 released */

	void (*warn)(const char *where, const char *file, int line, const char *condition);
	void (*bug)(const char *where, const char *file, int line, const char *condition) __attribute__((noreturn));
};

/* What a reader finds in one struct page; how a vmemmap page is described to the specification. */
enum mmodel_slot {
	MMODEL_SLOT_TAIL,    /* exactly a freshly initialised tail of the folio asked about */
	MMODEL_SLOT_HEAD,    /* a head: PG_head set, no tail marker */
	MMODEL_SLOT_META,    /* a tail of the folio with metadata in it, as prep_hugetlb() left that slot in the head page */
	MMODEL_SLOT_PLAIN,   /* exactly a freshly initialised struct page of no compound page */
	MMODEL_SLOT_JUNK,    /* none of these */
};

/* What a compiled unit offers. Null where the tree has no such call. Orders are those of the geometry; pfns are of head pages. */
struct mmodel_hvo_unit {
	int abi_version;
	const char *shape;           /* "page" (struct page calls, 6.1), "folio" (folio calls) */
	int has_shared_tail;         /* a zone shares its tails, see MMODEL_SHARED_TAIL in unit.c */
	int updates_may_fail;        /* try_update_vmemmap_pte(), try_populate_vmemmap_pmd() */
	int has_memmap_counters;     /* the tree keeps nr_memmap_pages and nr_memmap_boot_pages */
	int nr_used_subpage;         /* struct pages 0..n-1 of a folio carry metadata */
	int nr_reset_struct_page;    /* how many of a page that is given back are reset; 0: the tree does not say */

	/* The calls under test. Every unit has the first two; the list calls came with 6.7. */
	int (*restore)(unsigned int order, unsigned long pfn);
	void (*optimise)(unsigned int order, unsigned long pfn);
	/* pfns[0..n) become a list in that order. */
	void (*optimise_list)(unsigned int order, const unsigned long *pfns, unsigned int n);
	/* As above. done[i] = 1 where folio i was moved to non_hvo_folios, 0 where it stayed on folio_list, 2 where on neither. */
	long (*restore_list)(unsigned int order, const unsigned long *pfns, unsigned int n, int *done);
	void (*set_enabled)(int on); /* vmemmap_optimize_enabled */
	/* Before the page allocator is up (6.15); null where a tree has no such thing. Of one folio: whether its vmemmap is
	 * populated by the file, now or late. */
	int (*boot_early)(int nid, unsigned int order, unsigned long pfn);
	/* Of all folios of a node; null (7.3): zones are known early. on_list[i]: 1, folio i is still to be hugetlb's; 0, not;
	 * from 2 on: its vmemmap is not the file's. */
	void (*boot_late)(int nid, const unsigned long *pfns, unsigned int n, int *on_list);
	void (*boot_up)(unsigned int order, const unsigned long *pfns, unsigned int n);
	int boot_panics; /* what finds no memory early does not go on */

	/* Struct pages, written through the vmemmap. */
	void (*init_plain)(unsigned long start_pfn, unsigned long end_pfn, int reserved, int self_hosted);
	void (*prep_hugetlb)(unsigned int order, unsigned long pfn);      /* compound, frozen (refcount 0), marked hugetlb */
	void (*prep_boot)(unsigned int order, unsigned long pfn);         /* likewise, its first vmemmap page; and optimised */
	void (*dissolve)(unsigned int order, unsigned long pfn);          /* back to plain, free (refcount 0) pages */
	void (*set_refcount)(unsigned long start_pfn, unsigned long end_pfn, int count);
	int (*page_ref_add_unless_zero)(unsigned long pfn);               /* the tree's own rule, its RCU section included */

	/* Struct pages, read through the vmemmap. */
	unsigned long (*compound_head)(unsigned long pfn);                /* the kernel's rule, fake heads included */
	int (*test_optimised)(unsigned long pfn);
	/* Describes the vmemmap page of bytes at `page` (anywhere) as a page of the folio headed by pfn:
	 * slots[0..PAGE_SIZE / 64) get an enum mmodel_slot each; *optimised the flag of slot 0 if it is a head. */
	void (*describe)(const void *page, unsigned int order, unsigned long pfn, unsigned char *slots, int *optimised);
	/* Whether all of the vmemmap page of bytes at `page` are tails of any folio of that order in that zone. */
	void (*make_tails)(void *page, unsigned int order, unsigned int zone);
	int (*are_tails)(const void *page, unsigned int order, unsigned int zone);
	int (*key_count)(void);
};

/* The one symbol a unit exports. */
struct mmodel_hvo_unit *mmodel_hvo_unit_init(const struct mmodel_hvo_host *host);

#endif
