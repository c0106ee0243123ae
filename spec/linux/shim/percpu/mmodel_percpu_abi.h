/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What passes between a kernel tree's mm/percpu.c (with its percpu-vm.c), compiled into a shared object, and the
 * host that runs it. Plain C: the shim headers include it when they compile kernel code, the host includes it
 * from C++.
 *
 * Addresses are host addresses. Frame p of the modelled machine is seen in the direct map at
 * direct_map + p * PAGE_SIZE (always read-write), and in [vmalloc_start, vmalloc_end) wherever page table entries
 * map it. The struct page of frame p is at mem_map + p * MMODEL_STRUCT_PAGE_SIZE; the kernel code only ever
 * touches the word in which it keeps the chunk that a frame belongs to. Page tables are the host's business: the
 * kernel code maps and unmaps whole ranges.
 *
 * A physical address is pfn * PAGE_SIZE. A percpu pointer is, as on x86-64, an offset from the base address of the
 * first chunk, modulo 2^64: the static image starts at percpu address 0. CPUs are 0..63.
 *
 * All writable static data of a unit is in its object's PT_LOAD segments: a host that puts them back to what they
 * were after mmodel_percpu_unit_init() has a unit as before boot. Everything else that the unit remembers lies in
 * memory that the host gave out.
 */
#ifndef MMODEL_PERCPU_ABI_H
#define MMODEL_PERCPU_ABI_H

#define MMODEL_PERCPU_ABI_VERSION 7

#define MMODEL_STRUCT_PAGE_SIZE 64
#define MMODEL_PERCPU_MAX_CPUS  64
#define MMODEL_OBJECT_ALIGN     64 /* of everything that alloc_object() and scratch_alloc() return */

/* gfp bits of this shim. */
#define MMODEL_PERCPU_GFP_DIRECT_RECLAIM 0x001u /* may sleep */
#define MMODEL_PERCPU_GFP_KSWAPD_RECLAIM 0x002u
#define MMODEL_PERCPU_GFP_IO             0x004u
#define MMODEL_PERCPU_GFP_FS             0x008u
#define MMODEL_PERCPU_GFP_HIGHMEM        0x010u
#define MMODEL_PERCPU_GFP_ZERO           0x020u
#define MMODEL_PERCPU_GFP_NORETRY        0x040u
#define MMODEL_PERCPU_GFP_NOWARN         0x080u
#define MMODEL_PERCPU_GFP_NOFAIL         0x100u
#define MMODEL_PERCPU_GFP_NOIO   (MMODEL_PERCPU_GFP_DIRECT_RECLAIM | MMODEL_PERCPU_GFP_KSWAPD_RECLAIM)
#define MMODEL_PERCPU_GFP_NOFS   (MMODEL_PERCPU_GFP_NOIO | MMODEL_PERCPU_GFP_IO)
#define MMODEL_PERCPU_GFP_KERNEL (MMODEL_PERCPU_GFP_NOFS | MMODEL_PERCPU_GFP_FS)
#define MMODEL_PERCPU_GFP_NOWAIT MMODEL_PERCPU_GFP_KSWAPD_RECLAIM

#define MMODEL_PERCPU_NO_NODE (-1)

enum mmodel_percpu_lock { MMODEL_PCPU_LOCK, MMODEL_PCPU_ALLOC_MUTEX };

/*
 * What the host offers. `where` is the kernel function that asks (__func__ at the place of the call). A callback
 * may not return: the unit is compiled with -fexceptions, so that a host may throw through it.
 */
struct mmodel_percpu_host {
	int abi_version;
	unsigned int page_shift, ptrs_per_pte; /* what the unit must have been compiled for */
	unsigned long direct_map;
	unsigned long nr_frames;
	void *mem_map; /* nr_frames * MMODEL_STRUCT_PAGE_SIZE bytes, zeroed when the machine boots */
	unsigned long vmalloc_start, vmalloc_end; /* PMD_SIZE aligned */
	/* pmds[i] for the PMD_SIZE bytes from vmalloc_start + i * PMD_SIZE: bit 0 is set where there is a table. Looked at only while
	 * a page-mapped first chunk is set up. */
	unsigned long *pmds;
	const void *per_cpu_load;    /* the static image, static_size bytes */
	unsigned long possible_cpus; /* bit c: CPU c is possible */
	unsigned int processor_id;   /* the CPU that runs; the host may change it between calls */
	unsigned long online_cpus;   /* as possible_cpus; the host may change it between calls */

	int (*cpu_to_node)(unsigned int cpu);
	int (*cpu_distance)(unsigned int from, unsigned int to); /* 10 is local */
	int (*node_online)(int nid);

	/* A frame number, or -1. Contents are whatever the frame held. nid may be MMODEL_PERCPU_NO_NODE. */
	long (*alloc_pages_node)(const char *where, int nid, unsigned int gfp, unsigned int order);
	void (*free_pages)(const char *where, unsigned long pfn, unsigned int order);
	/* Zeroed memory outside the frames, or null: kmalloc up to a page, vmalloc above. ptr is never null. */
	void *(*alloc_object)(const char *where, unsigned long size, unsigned int gfp);
	void (*free_object)(const char *where, void *ptr);
	/* Plain memory of the shim's own (its struct vm_structs): no event, never fails. Freed by the host when it puts
	 * the unit back to before boot. */
	void *(*scratch_alloc)(unsigned long size);
	void (*scratch_free)(void *ptr);

	/*
	 * Boot memory, zeroed, or null. where is "pcpu_fc_alloc" for units (the whole of a group, or one page of a
	 * page-mapped unit: in the direct map), "pcpu_populate_pte" for a page table, else metadata. min_addr is a
	 * physical address to prefer memory above, nid a node to prefer. Freed may be any part, of size 0 too.
	 */
	void *(*memblock_alloc)(const char *where, unsigned long size, unsigned long align, unsigned long min_addr,
				int nid);
	void (*memblock_free)(const char *where, void *ptr, unsigned long size);

	/*
	 * Maps pages[i], the address of a struct page, at addr + i * PAGE_SIZE, one after the other, for
	 * (end - addr) / PAGE_SIZE pages: 0, or -ENOMEM (no page table), -EBUSY (a PTE is not empty), -EINVAL with
	 * those before mapped. No flush. gfp: what page tables are asked for with.
	 */
	int (*vmap_pages_range_noflush)(const char *where, unsigned long addr, unsigned long end, void *const *pages,
					unsigned int gfp);
	void (*vunmap_range_noflush)(const char *where, unsigned long addr, unsigned long end);
	long (*vmalloc_to_pfn)(const char *where, unsigned long addr); /* -1: nothing is mapped there */

	/* addrs[i] gets the address of area i: of size sizes[i], all at one base plus offsets[i]. 0 or -ENOMEM. */
	int (*pcpu_get_vm_areas)(const char *where, const unsigned long *offsets, const unsigned long *sizes, int nr,
				 unsigned long align, unsigned int gfp, unsigned long *addrs);
	void (*pcpu_free_vm_areas)(const char *where, const unsigned long *addrs, int nr);
	/* An area for the page-mapped first chunk. Cannot fail. */
	unsigned long (*vm_area_register_early)(const char *where, unsigned long size, unsigned long align);
	/* Installs a page table that memblock_alloc() gave out in pmds[pmd_idx]. */
	void (*pmd_populate_kernel)(const char *where, unsigned long pmd_idx, void *table);

	void (*flush_cache_vmap)(const char *where, unsigned long start, unsigned long end);
	void (*flush_cache_vunmap)(const char *where, unsigned long start, unsigned long end);
	void (*flush_tlb_kernel_range)(const char *where, unsigned long start, unsigned long end);

	/* Before stores to the direct map or the vmalloc range, which the shim then really does. */
	void (*memset)(const char *where, void *to, int byte, unsigned long n);
	void (*memcpy)(const char *where, void *to, const void *from, unsigned long n);

	void (*lock)(const char *where, enum mmodel_percpu_lock which, int acquire); /* 1 taken, 0 released */
	/* Before the mutex is taken by a task that may be killed: 0, or not 0 when it is. Null: never killed. */
	int (*mutex_lock_killable)(const char *where);
	void (*schedule_work)(const char *where); /* balance() is due */

	void (*warn)(const char *where, const char *file, int line, const char *condition);
	void (*bug)(const char *where, const char *file, int line, const char *condition) __attribute__((noreturn));
	void (*panic)(const char *where, const char *format) __attribute__((noreturn));
};

/* How to boot. Sizes in bytes, as the functions named take them; they round. */
struct mmodel_percpu_boot {
	unsigned long static_size, reserved_size, dyn_size, atom_size;
	int paged;       /* pcpu_page_first_chunk(), which ignores dyn_size and atom_size; else pcpu_embed_first_chunk() */
	int no_distance; /* no cpu_distance: one group */
	int no_nodes;    /* no cpu_to_node: boot memory from anywhere */
};

/* One chunk. Bitmaps are the unit's own memory, as it is now. Bits of alloc_map and bound_map are 4 bytes each. */
struct mmodel_percpu_chunk {
	void *self;
	int list; /* index into the chunk lists; -1 on none (the reserved chunk, a raw chunk) */
	unsigned long base_addr;
	int free_bytes;
	int contig_hint, contig_hint_start, scan_hint, scan_hint_start, first_free; /* of the chunk, in bits */
	int nr_pages, nr_populated, nr_empty_pop_pages;
	int immutable, isolated;
	int start_offset, end_offset;
	const unsigned long *alloc_map; /* nr_pages * 1024 bits */
	const unsigned long *bound_map; /* one more */
	const unsigned long *populated; /* nr_pages bits */
	const void *md_blocks;
};

/* One block (page) of a chunk, in bits. */
struct mmodel_percpu_block {
	int scan_hint, scan_hint_start, contig_hint, contig_hint_start, left_free, right_free, first_free;
};

struct mmodel_percpu_globals {
	int unit_pages, unit_size, nr_units, atom_size, nr_groups;
	int nr_slots, sidelined_slot, free_slot, to_depopulate_slot;
	unsigned int low_unit_cpu, high_unit_cpu;
	unsigned long base_addr;
	const int *unit_map;               /* by CPU; -1 for a CPU that is not possible */
	const unsigned long *unit_offsets; /* by CPU */
	const unsigned long *group_offsets, *group_sizes;
	void *first_chunk, *reserved_chunk;
	int nr_empty_pop_pages;
	unsigned long nr_populated, nr_pages; /* nr_pages: pcpu_nr_pages() */
	int atomic_alloc_failed, async_enabled;
	/* NR_PERCPU_B by node: of what the file populates, not of the first chunk. Null: it does not count that. The host may write
	 * to it between calls. */
	long *percpu_bytes;
};

/* What a compiled unit offers. Percpu pointers and addresses are integers; chunks are pointers as in self. */
struct mmodel_percpu_unit {
	int abi_version;
	/* The tree's constants. */
	unsigned long min_unit_size, min_alloc_size, dynamic_early_size, dynamic_reserve, module_reserve;
	int flushes_early; /* it has flush_cache_vmap_early(), for what is mapped so early */
	int schedules_early; /* pcpu_alloc() schedules the balance worker before it populates */
	int backing;         /* what the memory behind areas may be asked for with: a pcpu::Backing of the model */
	int refuses_frees;   /* free_percpu() of what is not allocated warns and changes nothing */

	/* Boot, once. Then slab is available. 0 or -errno; bug() and panic() do not return. */
	int (*setup)(const struct mmodel_percpu_boot *boot);
	void (*enable_async)(void); /* percpu_enable_async(): schedule_work() may be called from now on */

	/* The allocator. gfp as above; a percpu pointer, or 0. */
	unsigned long (*alloc)(unsigned long size, unsigned long align, int reserved, unsigned int gfp);
	void (*free_percpu)(unsigned long ptr);
	void (*balance)(void); /* pcpu_balance_workfn() */

	/* Lookups. */
	unsigned long (*per_cpu_ptr)(unsigned long ptr, unsigned int cpu); /* the address of a CPU's copy */
	unsigned long (*per_cpu_ptr_to_phys)(unsigned long addr);
	int (*is_kernel_percpu_address)(unsigned long addr, unsigned long *can_addr);
	int (*addr_in_chunk)(void *chunk, unsigned long addr);
	void *(*addr_search)(unsigned long addr); /* pcpu_chunk_addr_search(): an address of unit 0 */
	void *(*page_tag)(unsigned long pfn);     /* the chunk that the tree keeps for a frame */

	/*
	 * percpu-vm.c, and the bookkeeping that its callers do; locks are taken as those do. A chunk that was created
	 * here is on no list until relocate().
	 */
	void *(*create_chunk)(unsigned int gfp);
	void (*destroy_chunk)(void *chunk);
	int (*populate_chunk)(void *chunk, int page_start, int page_end, unsigned int gfp);
	void (*depopulate_chunk)(void *chunk, int page_start, int page_end);
	void (*post_unmap_tlb_flush)(void *chunk, int page_start, int page_end);
	int (*should_reclaim_chunk)(void *chunk);
	void (*chunk_populated)(void *chunk, int page_start, int page_end);
	void (*chunk_depopulated)(void *chunk, int page_start, int page_end);
	void (*relocate)(void *chunk);
	void (*isolate)(void *chunk);
	void (*reintegrate)(void *chunk);

	/* Introspection: no events. */
	void (*globals)(struct mmodel_percpu_globals *out);
	void (*describe)(void *chunk, struct mmodel_percpu_chunk *out); /* list is -1 */
	void (*describe_block)(void *chunk, int block, struct mmodel_percpu_block *out);
	/* The first `max` chunks of a list in its order; returns how many there are. */
	unsigned int (*list)(int list, struct mmodel_percpu_chunk *out, unsigned int max);
};

/* The one symbol a unit exports. Null when host and unit do not fit. */
struct mmodel_percpu_unit *mmodel_percpu_unit_init(const struct mmodel_percpu_host *host);

#endif
