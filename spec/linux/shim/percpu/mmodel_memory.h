/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Frames and their struct pages, objects, vmalloc areas and their mappings. */
#ifndef MMODEL_MEMORY_H
#define MMODEL_MEMORY_H

#include "mmodel_event.h"

/* As much of it as percpu touches. Trees keep the chunk of a frame in index or in private. */
struct page {
	unsigned long flags;
	unsigned long lru[2];
	void *mapping;
	unsigned long index;
	unsigned long private;
	unsigned long counts;
	unsigned long memcg_data;
};

_Static_assert(sizeof(struct page) == MMODEL_STRUCT_PAGE_SIZE, "what the host makes room for");

#define page_to_pfn(p)      ((unsigned long)((const struct page *)(p) - (const struct page *)mmodel_host->mem_map))
#define pfn_to_page(pfn)    ((struct page *)mmodel_host->mem_map + (pfn))
#define page_to_phys(p)     (page_to_pfn(p) << PAGE_SHIFT)
#define __pa(addr)          ((unsigned long)(addr) - mmodel_host->direct_map)
#define __va(phys)          ((void *)(mmodel_host->direct_map + (phys)))
#define virt_to_page(addr)  pfn_to_page(__pa(addr) >> PAGE_SHIFT)
#define page_address(p)     __va(page_to_phys(p))

#define alloc_pages_node(nid, gfp, order)  mmodel_alloc_pages(__func__, nid, current_gfp_context(gfp), order)
#define __free_pages(p, order)             mmodel_host->free_pages(__func__, page_to_pfn(p), order)
#define __free_page(p)                     __free_pages(p, 0)

/* What the statistics of a node say of percpu, for whom counts that (linux-mm of late 2026). */
enum node_stat_item { NR_PERCPU_B };
extern long mmodel_percpu_bytes[MAX_NUMNODES];
#define mod_node_page_state(node, item, delta) ((void)(item), (void)(mmodel_percpu_bytes[node] += (delta)))

static inline struct page *mmodel_alloc_pages(const char *where, int nid, gfp_t gfp, unsigned int order)
{
	long pfn = (mmodel_host->alloc_pages_node)(where, nid, gfp, order);

	return pfn < 0 ? NULL : pfn_to_page(pfn);
}

/* Objects: small ones from the slab, large ones from vmalloc; the host sees which by their size. */
extern bool mmodel_slab_is_available;
#define slab_is_available()  mmodel_slab_is_available
#define kzalloc(size, gfp)   \
	mmodel_host->alloc_object(__func__, size, current_gfp_context(gfp) | __GFP_ZERO)
#define __vmalloc(size, gfp) mmodel_host->alloc_object(__func__, size, current_gfp_context(gfp))
static inline void mmodel_free_object(const char *where, void *ptr)
{
	if (ptr)
		mmodel_host->free_object(where, ptr);
}
#define kfree(ptr)           mmodel_free_object(__func__, (void *)(ptr))
#define vfree(ptr)           kfree(ptr)
#define kvfree(ptr)          kfree(ptr)

/* Areas. The structures stand for those that vmalloc keeps; only addr is read. */
struct vm_struct {
	void *addr;
	unsigned long size;
	unsigned long flags;
};

#define VM_ALLOC       2
#define VMALLOC_START  mmodel_host->vmalloc_start
#define VMALLOC_END    mmodel_host->vmalloc_end
#define VMALLOC_TOTAL  (VMALLOC_END - VMALLOC_START)
#define is_vmalloc_addr(addr) ((unsigned long)(addr) - VMALLOC_START < VMALLOC_TOTAL)

/* Newer trees pass a gfp as well. */
#define pcpu_get_vm_areas(offsets, sizes, nr, align, ...) \
	mmodel_get_vm_areas(__func__, offsets, sizes, nr, align, MMODEL_SECOND(0, ##__VA_ARGS__, GFP_KERNEL, 0))
#define MMODEL_SECOND(first, second, ...) (second)
#define pcpu_free_vm_areas(vms, nr)       mmodel_free_vm_areas(__func__, vms, nr)

/* The array, and behind it what it points at: one piece of scratch memory. */
static inline struct vm_struct **mmodel_get_vm_areas(const char *where, const unsigned long *offsets,
						     const size_t *sizes, int nr, size_t align, gfp_t gfp)
{
	unsigned long addrs[NR_CPUS];
	struct vm_struct **vms, *vm;
	int i;

	if ((mmodel_host->pcpu_get_vm_areas)(where, offsets, sizes, nr, align, current_gfp_context(gfp), addrs))
		return NULL;
	vms = mmodel_host->scratch_alloc(nr * (sizeof(*vms) + sizeof(*vm)));
	vm = (struct vm_struct *)(vms + nr);
	for (i = 0; i < nr; i++) {
		vm[i] = (struct vm_struct) { (void *)addrs[i], sizes[i], VM_ALLOC };
		vms[i] = &vm[i];
	}
	return vms;
}

static inline void mmodel_free_vm_areas(const char *where, struct vm_struct **vms, int nr)
{
	unsigned long addrs[NR_CPUS];
	int i;

	for (i = 0; i < nr; i++)
		addrs[i] = (unsigned long)vms[i]->addr;
	(mmodel_host->pcpu_free_vm_areas)(where, addrs, nr);
	mmodel_host->scratch_free(vms);
}

#define vm_area_register_early(vm, align) \
	((void)((vm)->addr = (void *)(mmodel_host->vm_area_register_early)(__func__, (vm)->size, align)))

/* Mappings. */
#define PAGE_KERNEL 0
#define vmap_pages_range_noflush(addr, end, prot, pages, shift, ...) \
	(mmodel_host->vmap_pages_range_noflush)(__func__, addr, end, (void *const *)(pages), \
						current_gfp_context(GFP_KERNEL))
#define vunmap_range_noflush(addr, end) (mmodel_host->vunmap_range_noflush)(__func__, addr, end)
#define vmalloc_to_page(addr)           mmodel_vmalloc_to_page(__func__, (unsigned long)(addr))

static inline struct page *mmodel_vmalloc_to_page(const char *where, unsigned long addr)
{
	long pfn = mmodel_host->vmalloc_to_pfn(where, addr);

	return pfn < 0 ? NULL : pfn_to_page(pfn);
}

#endif
