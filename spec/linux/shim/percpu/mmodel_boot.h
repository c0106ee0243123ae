/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What include/linux/percpu.h declares, boot memory, the static image, and page tables as boot fills them. */
#ifndef MMODEL_BOOT_H
#define MMODEL_BOOT_H

#include "mmodel_memory.h"

/*
 * Sizes of include/linux/percpu.h, in bytes; where pages are smaller than any kernel's the unit is, too: two pages,
 * as the model has it (sizes_of() in model/percpu/chunk.cpp). The early size differs from tree to tree.
 */
#if PAGE_SHIFT < 12
#define PCPU_MIN_UNIT_SIZE        (2 * PAGE_SIZE)
#define PERCPU_DYNAMIC_EARLY_SIZE (PAGE_SIZE / 2)
#define PERCPU_DYNAMIC_RESERVE    PAGE_SIZE
#define PERCPU_MODULE_RESERVE     (PAGE_SIZE / 2)
#else
#define PCPU_MIN_UNIT_SIZE        PFN_ALIGN(32 << 10)
#define PERCPU_DYNAMIC_EARLY_SIZE MMODEL_PERCPU_EARLY_SIZE
#define PERCPU_DYNAMIC_RESERVE    (28 << 10)
#define PERCPU_MODULE_RESERVE     (8 << 10)
#endif
#define PCPU_MIN_ALLOC_SHIFT      2
#define PCPU_MIN_ALLOC_SIZE       (1 << PCPU_MIN_ALLOC_SHIFT)
#define PCPU_BITMAP_BLOCK_SIZE    PAGE_SIZE
#define PCPU_BITMAP_BLOCK_BITS    (PCPU_BITMAP_BLOCK_SIZE >> PCPU_MIN_ALLOC_SHIFT)

struct pcpu_group_info {
	int nr_units; /* those without a CPU too */
	unsigned long base_offset;
	unsigned int *cpu_map; /* by unit; NR_CPUS for none */
};

struct pcpu_alloc_info {
	size_t static_size, reserved_size, dyn_size;
	size_t unit_size, atom_size, alloc_size;
	size_t __ai_size;
	int nr_groups;
	struct pcpu_group_info groups[];
};

enum pcpu_fc { PCPU_FC_AUTO, PCPU_FC_EMBED, PCPU_FC_PAGE, PCPU_FC_NR };

typedef int pcpu_fc_cpu_to_node_fn_t(int cpu);
typedef int pcpu_fc_cpu_distance_fn_t(unsigned int from, unsigned int to);

extern void *pcpu_base_addr;
extern const unsigned long *pcpu_unit_offsets;
extern const char *const pcpu_fc_names[PCPU_FC_NR];
extern enum pcpu_fc pcpu_chosen_fc;

struct pcpu_alloc_info *pcpu_alloc_alloc_info(int nr_groups, int nr_units);
void pcpu_free_alloc_info(struct pcpu_alloc_info *ai);
void pcpu_setup_first_chunk(const struct pcpu_alloc_info *ai, void *base_addr);
int pcpu_embed_first_chunk(size_t reserved_size, size_t dyn_size, size_t atom_size,
			   pcpu_fc_cpu_distance_fn_t cpu_distance_fn, pcpu_fc_cpu_to_node_fn_t cpu_to_nd_fn);
int pcpu_page_first_chunk(size_t reserved_size, pcpu_fc_cpu_to_node_fn_t cpu_to_nd_fn);
void pcpu_populate_pte(unsigned long addr);
bool __is_kernel_percpu_address(unsigned long addr, unsigned long *can_addr);
bool is_kernel_percpu_address(unsigned long addr);
phys_addr_t per_cpu_ptr_to_phys(void *addr);
void free_percpu(void *ptr);
unsigned long pcpu_nr_pages(void);

/* The static image; boot decides how long it is. Its percpu addresses start at 0, or where the image lies. */
extern unsigned long mmodel_static_size;
extern unsigned long __per_cpu_offset[NR_CPUS];
#ifdef MMODEL_STATIC_AT_ZERO
#define __per_cpu_start ((char *)0)
#else
#define __per_cpu_start ((char *)__per_cpu_load)
#endif
#define __per_cpu_end   (__per_cpu_start + mmodel_static_size)
#define __per_cpu_load  mmodel_host->per_cpu_load
#define per_cpu_offset(cpu)   __per_cpu_offset[cpu]
#define per_cpu_ptr(ptr, cpu) ((typeof(ptr))((unsigned long)(ptr) + per_cpu_offset(cpu)))

/* Boot memory. The first 16 MiB are for devices that cannot reach further. */
#define MAX_DMA_ADDRESS            ((unsigned long)__va(16ul << 20))
#define MEMBLOCK_ALLOC_ACCESSIBLE  0
#define memblock_alloc(size, align) \
	(mmodel_host->memblock_alloc)(__func__, size, align, 0, NUMA_NO_NODE)
#define memblock_alloc_from(size, align, min_addr) \
	(mmodel_host->memblock_alloc)(__func__, size, align, min_addr, NUMA_NO_NODE)
#define memblock_alloc_try_nid(size, align, min_addr, max_addr, nid) \
	(mmodel_host->memblock_alloc)(__func__, size, align, min_addr, nid)
static inline void *mmodel_or_panic(void *ptr, const char *where)
{
	if (!ptr)
		(mmodel_host->panic)(where, "no boot memory");
	return ptr;
}
#define memblock_alloc_or_panic(size, align) mmodel_or_panic(memblock_alloc(size, align), __func__)
#define memblock_free(ptr, size) (mmodel_host->memblock_free)(__func__, ptr, size)

/* Page tables: all levels above the PMD are folded and there. */
struct mm_struct { int unused; };
extern struct mm_struct init_mm;
typedef struct { unsigned long entry; } pgd_t, p4d_t, pud_t, pmd_t, pte_t;
extern pgd_t mmodel_pgd;

#define pgd_offset_k(addr)              ((void)(addr), &mmodel_pgd)
#define p4d_offset(pgd, addr)           (pgd)
#define pud_offset(p4d, addr)           (p4d)
#define pmd_offset(pud, addr)           ((void)(pud), mmodel_pmd(__func__, addr))
#define pgd_none(entry)                 ((void)(entry), 0)
#define p4d_none(entry)                 ((void)(entry), 0)
#define pud_none(entry)                 ((void)(entry), 0)
#define pmd_present(pmd)                ((int)((pmd).entry & 1))
#define pgd_populate(mm, pgd, p4d)             BUG()
#define pgd_populate_kernel(addr, pgd, p4d)    BUG()
#define p4d_populate(mm, p4d, pud)             BUG()
#define p4d_populate_kernel(addr, p4d, pud)    BUG()
#define pud_populate(mm, pud, pmd)             BUG()
#define pmd_populate_kernel(mm, pmd, table) \
	(mmodel_host->pmd_populate_kernel)(__func__, (unsigned long *)(pmd) - mmodel_host->pmds, table)

static inline pmd_t *mmodel_pmd(const char *where, unsigned long addr)
{
	if (!is_vmalloc_addr(addr))
		mmodel_host->bug(where, __FILE__, __LINE__, "an address outside the vmalloc range is looked up");
	return (pmd_t *)&mmodel_host->pmds[(addr - VMALLOC_START) >> PMD_SHIFT];
}

#endif
