// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One kernel tree's mm/percpu.c, unchanged, which includes its percpu-vm.c and percpu-internal.h; with what struct
 * mmodel_percpu_unit asks of it. Compiled once a tree into a shared object that exports mmodel_percpu_unit_init()
 * and nothing else.
 *
 * The compile line says which file, and what it offers:
 *   MMODEL_TREE_FILE         the file, as a quoted string; what it includes is found beside it
 *   MMODEL_BACKING           what the memory behind areas may be asked for with: a pcpu::Backing of the model
 *   MMODEL_PERCPU_EARLY_SIZE the tree's PERCPU_DYNAMIC_EARLY_SIZE (include/linux/percpu.h)
 *   MMODEL_STATIC_AT_ZERO    it reads the static image at __per_cpu_load: percpu addresses start at 0
 *   MMODEL_HAS_EARLY_FLUSH   it calls flush_cache_vmap_early()
 *   MMODEL_SCHEDULES_EARLY   its pcpu_alloc() schedules the balance worker under pcpu_lock, before it populates
 *   MMODEL_REFUSES_FREES     its free_percpu() of what is not allocated warns and changes nothing
 *   MMODEL_COUNTS_BYTES      it counts the bytes of a node's pages in NR_PERCPU_B
 *   MMODEL_HAS_ALLOC_NOPROF  it exports pcpu_alloc_noprof(); else __alloc_percpu_gfp() and __alloc_reserved_percpu()
 * and, for a tree that has mm/internal.h and mm/vmalloc.h beside the file, their guards, so that they are passed over.
 */
#include "mmodel_percpu_abi.h"

#pragma GCC visibility push(hidden)

#include "mmodel_kernel.h"

const struct mmodel_percpu_host *mmodel_host;
gfp_t mmodel_scope;
bool mmodel_slab_is_available;
unsigned long mmodel_static_size;
unsigned long __per_cpu_offset[NR_CPUS];
struct mm_struct init_mm;
pgd_t mmodel_pgd;
long mmodel_percpu_bytes[MAX_NUMNODES];

#ifdef MMODEL_HAS_ALLOC_NOPROF
void *pcpu_alloc_noprof(size_t size, size_t align, bool reserved, gfp_t gfp);
#else
void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp);
void *__alloc_percpu(size_t size, size_t align);
void *__alloc_reserved_percpu(size_t size, size_t align);
#endif

#include MMODEL_TREE_FILE

/* ---- boot ---- */

static int early_cpu_to_node(int cpu)
{
	return cpu_to_node(cpu);
}

static int cpu_distance(unsigned int from, unsigned int to)
{
	return mmodel_host->cpu_distance(from, to);
}

/* arch/x86/kernel/setup_percpu.c: setup_per_cpu_areas(), the part after the first chunk is there. */
static void set_offsets(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		__per_cpu_offset[cpu] = (unsigned long)pcpu_base_addr - (unsigned long)__per_cpu_start +
					pcpu_unit_offsets[cpu];
}

static int setup(const struct mmodel_percpu_boot *boot)
{
	pcpu_fc_cpu_to_node_fn_t *to_node = boot->no_nodes ? NULL : early_cpu_to_node;
	pcpu_fc_cpu_distance_fn_t *distance = boot->no_distance ? NULL : cpu_distance;
	int err;

	mmodel_static_size = boot->static_size;
	if (boot->paged)
		err = pcpu_page_first_chunk(boot->reserved_size, to_node);
	else
		err = pcpu_embed_first_chunk(boot->reserved_size, boot->dyn_size, boot->atom_size, distance,
					     to_node);
	if (err)
		return err;
	set_offsets();
	mmodel_slab_is_available = true;
	return 0;
}

static void enable_async(void)
{
	percpu_enable_async();
}

/* ---- the allocator; of its addresses the host sees where they are from the start of the image ---- */

static void *alloc_at(unsigned long size, unsigned long align, int reserved, unsigned int gfp)
{
#ifdef MMODEL_HAS_ALLOC_NOPROF
	return pcpu_alloc_noprof(size, align, reserved, gfp);
#else
	if (!reserved)
		return __alloc_percpu_gfp(size, align, gfp);
	if (gfp == GFP_KERNEL)
		return __alloc_reserved_percpu(size, align);
	/* No caller outside the file can ask for this. */
	return pcpu_alloc(size, align, true, gfp);
#endif
}

static unsigned long alloc(unsigned long size, unsigned long align, int reserved, unsigned int gfp)
{
	char *ptr = alloc_at(size, align, reserved, gfp);

	return ptr ? ptr - __per_cpu_start : 0;
}

static void free_ptr(unsigned long ptr)
{
	free_percpu(__per_cpu_start + ptr);
}

static void balance(void)
{
	pcpu_balance_work.func(&pcpu_balance_work);
}

/* ---- lookups ---- */

static unsigned long ptr_of_cpu(unsigned long ptr, unsigned int cpu)
{
	return (unsigned long)per_cpu_ptr(__per_cpu_start + ptr, cpu);
}

static unsigned long ptr_to_phys(unsigned long addr)
{
	return per_cpu_ptr_to_phys((void *)addr);
}

static int is_static_address(unsigned long addr, unsigned long *can_addr)
{
	return __is_kernel_percpu_address(addr, can_addr);
}

static int addr_in_chunk(void *chunk, unsigned long addr)
{
	return pcpu_addr_in_chunk(chunk, (void *)addr);
}

static void *addr_search(unsigned long addr)
{
	return pcpu_chunk_addr_search((void *)addr);
}

static void *page_tag(unsigned long pfn)
{
	return pcpu_get_page_chunk(pfn_to_page(pfn));
}

/* ---- percpu-vm.c and its callers' bookkeeping ---- */

static void *create_chunk(unsigned int gfp)
{
	struct pcpu_chunk *chunk;

	mutex_lock(&pcpu_alloc_mutex);
	chunk = pcpu_create_chunk(gfp);
	mutex_unlock(&pcpu_alloc_mutex);
	return chunk;
}

/* A chunk may be on a list: its callers take it off first. */
static void destroy_chunk(void *at)
{
	struct pcpu_chunk *chunk = at;

	mutex_lock(&pcpu_alloc_mutex);
	if (chunk) {
		spin_lock_irq(&pcpu_lock);
		list_del_init(&chunk->list);
		spin_unlock_irq(&pcpu_lock);
	}
	pcpu_destroy_chunk(chunk);
	mutex_unlock(&pcpu_alloc_mutex);
}

static int populate_chunk(void *chunk, int page_start, int page_end, unsigned int gfp)
{
	int err;

	mutex_lock(&pcpu_alloc_mutex);
	err = pcpu_populate_chunk(chunk, page_start, page_end, gfp);
	mutex_unlock(&pcpu_alloc_mutex);
	return err;
}

static void depopulate_chunk(void *chunk, int page_start, int page_end)
{
	mutex_lock(&pcpu_alloc_mutex);
	pcpu_depopulate_chunk(chunk, page_start, page_end);
	mutex_unlock(&pcpu_alloc_mutex);
}

static void post_unmap_tlb_flush(void *chunk, int page_start, int page_end)
{
	pcpu_post_unmap_tlb_flush(chunk, page_start, page_end);
}

static int should_reclaim_chunk(void *chunk)
{
	int answer;

	spin_lock_irq(&pcpu_lock);
	answer = pcpu_should_reclaim_chunk(chunk);
	spin_unlock_irq(&pcpu_lock);
	return answer;
}

static void chunk_populated(void *chunk, int page_start, int page_end)
{
	spin_lock_irq(&pcpu_lock);
	pcpu_chunk_populated(chunk, page_start, page_end);
	spin_unlock_irq(&pcpu_lock);
}

static void chunk_depopulated(void *chunk, int page_start, int page_end)
{
	spin_lock_irq(&pcpu_lock);
	pcpu_chunk_depopulated(chunk, page_start, page_end);
	spin_unlock_irq(&pcpu_lock);
}

static void relocate(void *chunk)
{
	spin_lock_irq(&pcpu_lock);
	pcpu_chunk_relocate(chunk, -1);
	spin_unlock_irq(&pcpu_lock);
}

static void isolate(void *chunk)
{
	spin_lock_irq(&pcpu_lock);
	pcpu_isolate_chunk(chunk);
	spin_unlock_irq(&pcpu_lock);
}

static void reintegrate(void *chunk)
{
	spin_lock_irq(&pcpu_lock);
	pcpu_reintegrate_chunk(chunk);
	spin_unlock_irq(&pcpu_lock);
}

/* ---- introspection ---- */

mmodel_unseen static void globals(struct mmodel_percpu_globals *out)
{
	*out = (struct mmodel_percpu_globals) {
		.unit_pages = pcpu_unit_pages,
		.unit_size = pcpu_unit_size,
		.nr_units = pcpu_nr_units,
		.atom_size = pcpu_atom_size,
		.nr_groups = pcpu_nr_groups,
		.nr_slots = pcpu_nr_slots,
		.sidelined_slot = pcpu_sidelined_slot,
		.free_slot = pcpu_free_slot,
		.to_depopulate_slot = pcpu_to_depopulate_slot,
		.low_unit_cpu = pcpu_low_unit_cpu,
		.high_unit_cpu = pcpu_high_unit_cpu,
		.base_addr = (unsigned long)pcpu_base_addr,
		.unit_map = pcpu_unit_map,
		.unit_offsets = pcpu_unit_offsets,
		.group_offsets = pcpu_group_offsets,
		.group_sizes = pcpu_group_sizes,
		.first_chunk = pcpu_first_chunk,
		.reserved_chunk = pcpu_reserved_chunk,
		.nr_empty_pop_pages = pcpu_nr_empty_pop_pages,
		.nr_populated = pcpu_nr_populated,
		.nr_pages = pcpu_nr_pages(),
		.atomic_alloc_failed = pcpu_atomic_alloc_failed,
		.async_enabled = pcpu_async_enabled,
#ifdef MMODEL_COUNTS_BYTES
		.percpu_bytes = mmodel_percpu_bytes,
#endif
	};
}

mmodel_unseen static void describe(void *at, struct mmodel_percpu_chunk *out)
{
	const struct pcpu_chunk *chunk = at;

	*out = (struct mmodel_percpu_chunk) {
		.self = at,
		.list = -1,
		.base_addr = (unsigned long)chunk->base_addr,
		.free_bytes = chunk->free_bytes,
		.contig_hint = chunk->chunk_md.contig_hint,
		.contig_hint_start = chunk->chunk_md.contig_hint_start,
		.scan_hint = chunk->chunk_md.scan_hint,
		.scan_hint_start = chunk->chunk_md.scan_hint_start,
		.first_free = chunk->chunk_md.first_free,
		.nr_pages = chunk->nr_pages,
		.nr_populated = chunk->nr_populated,
		.nr_empty_pop_pages = chunk->nr_empty_pop_pages,
		.immutable = chunk->immutable,
		.isolated = chunk->isolated,
		.start_offset = chunk->start_offset,
		.end_offset = chunk->end_offset,
		.alloc_map = chunk->alloc_map,
		.bound_map = chunk->bound_map,
		.populated = chunk->populated,
		.md_blocks = chunk->md_blocks,
	};
}

mmodel_unseen static void describe_block(void *chunk, int block, struct mmodel_percpu_block *out)
{
	const struct pcpu_block_md *md = &((struct pcpu_chunk *)chunk)->md_blocks[block];

	*out = (struct mmodel_percpu_block) {
		.scan_hint = md->scan_hint,
		.scan_hint_start = md->scan_hint_start,
		.contig_hint = md->contig_hint,
		.contig_hint_start = md->contig_hint_start,
		.left_free = md->left_free,
		.right_free = md->right_free,
		.first_free = md->first_free,
	};
}

mmodel_unseen static unsigned int describe_list(int list, struct mmodel_percpu_chunk *out, unsigned int max)
{
	struct pcpu_chunk *chunk;
	unsigned int n = 0;

	list_for_each_entry(chunk, &pcpu_chunk_lists[list], list) {
		if (n < max) {
			describe(chunk, &out[n]);
			out[n].list = list;
		}
		n++;
	}
	return n;
}

static struct mmodel_percpu_unit mmodel_this_unit = {
	.abi_version = MMODEL_PERCPU_ABI_VERSION,
	.min_unit_size = PCPU_MIN_UNIT_SIZE,
	.min_alloc_size = PCPU_MIN_ALLOC_SIZE,
	.dynamic_early_size = PERCPU_DYNAMIC_EARLY_SIZE,
	.dynamic_reserve = PERCPU_DYNAMIC_RESERVE,
	.module_reserve = PERCPU_MODULE_RESERVE,
#ifdef MMODEL_HAS_EARLY_FLUSH
	.flushes_early = 1,
#endif
#ifdef MMODEL_SCHEDULES_EARLY
	.schedules_early = 1,
#endif
	.backing = MMODEL_BACKING,
#ifdef MMODEL_REFUSES_FREES
	.refuses_frees = 1,
#endif
	.setup = setup,
	.enable_async = enable_async,
	.alloc = alloc,
	.free_percpu = free_ptr,
	.balance = balance,
	.per_cpu_ptr = ptr_of_cpu,
	.per_cpu_ptr_to_phys = ptr_to_phys,
	.is_kernel_percpu_address = is_static_address,
	.addr_in_chunk = addr_in_chunk,
	.addr_search = addr_search,
	.page_tag = page_tag,
	.create_chunk = create_chunk,
	.destroy_chunk = destroy_chunk,
	.populate_chunk = populate_chunk,
	.depopulate_chunk = depopulate_chunk,
	.post_unmap_tlb_flush = post_unmap_tlb_flush,
	.should_reclaim_chunk = should_reclaim_chunk,
	.chunk_populated = chunk_populated,
	.chunk_depopulated = chunk_depopulated,
	.relocate = relocate,
	.isolate = isolate,
	.reintegrate = reintegrate,
	.globals = globals,
	.describe = describe,
	.describe_block = describe_block,
	.list = describe_list,
};

#pragma GCC visibility pop

struct mmodel_percpu_unit *mmodel_percpu_unit_init(const struct mmodel_percpu_host *host)
{
	if (host->abi_version != MMODEL_PERCPU_ABI_VERSION || host->page_shift != PAGE_SHIFT ||
	    host->ptrs_per_pte != PTRS_PER_PTE || !IS_ALIGNED(host->direct_map, PAGE_SIZE) ||
	    !IS_ALIGNED(host->vmalloc_start, PMD_SIZE) || !IS_ALIGNED(host->vmalloc_end, PMD_SIZE))
		return NULL;
	mmodel_host = host;
	return &mmodel_this_unit;
}
