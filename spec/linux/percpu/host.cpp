// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/host.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {

namespace {

PercpuDriver* self = nullptr; // the callbacks of the ABI carry no context: one driver a process

} // namespace

// The callbacks, by the names of struct mmodel_percpu_host.
struct PercpuHost {
    using Panic = Panicked;

    static RealKernel& enter(const char* where) { return self->enter(where); }

    // ---- CPUs and nodes
    static int cpu_to_node(unsigned cpu) { return self->config_.cpu_to_node(static_cast<u8>(cpu)); }
    static int cpu_distance(unsigned from, unsigned to) {
        const Config& c = self->config_;
        return c.node_distance(c.cpu_to_node(static_cast<u8>(from)), c.cpu_to_node(static_cast<u8>(to)));
    }
    static int node_online(int nid) { return nid >= 0 && nid < self->config_.nr_nodes; }

    // ---- pages
    static long alloc_pages_node(const char* where, int nid, unsigned gfp, unsigned order) {
        RealKernel& k = enter(where);
        if (order) self->bug(where, "a page of higher order is allocated");
        const bool highmem = (gfp & MMODEL_PERCPU_GFP_HIGHMEM) != 0;
        const auto p = k.alloc_pages_node(in_tree(where), node(nid), false, highmem, may(gfp));
        if (!p) return -1;
        hand_out(*p, gfp & MMODEL_PERCPU_GFP_ZERO ? 0 : poison);
        return static_cast<long>(p->value);
    }
    static void free_pages(const char* where, unsigned long pfn, unsigned) {
        enter(where).free_page(in_tree(where), self->checked(where, pfn));
        self->arena_.take_back(Pfn{pfn}, 1);
        self->clear_struct_page(Pfn{pfn}); // it is the page allocator's now, who writes there
    }

    // ---- objects
    static void* alloc_object(const char* where, unsigned long size, unsigned gfp) {
        PercpuDriver& d = *self;
        if (!enter(where).kzalloc(in_tree(where), may(gfp))) return nullptr;
        void* at = d.objects_.alloc(size);
        if (d.pcpu_->pages.empty() && size == d.nr_page_pointers() * sizeof(void*)) d.arrays_.push_back(at);
        return at;
    }
    static void free_object(const char* where, void* at) {
        RealKernel& k = enter(where);
        if (!self->objects_.free(at)) self->bug(where, "what is freed is no object, or free already");
        k.kfree(in_tree(where));
    }
    static void* scratch_alloc(unsigned long size) { return self->objects_.alloc(size); }
    static void scratch_free(void* at) {
        if (!self->objects_.free(at)) self->bug("pcpu_free_vm_areas", "vmalloc areas are freed twice");
    }

    // ---- boot memory
    static void* memblock_alloc(const char* where, unsigned long size, unsigned long align, unsigned long,
                                int nid) {
        RealKernel& k = enter(where);
        if (in_tree(where) == Fn::pcpu_fc_alloc) return alloc_unit_memory(k, size, align, nid);
        if (in_tree(where) != Fn::pcpu_populate_pte) return self->objects_.alloc(size, align);
        const auto table = k.pte_alloc_one_kernel(in_tree(where));
        if (!table) throw Panic{where, "no memory for a page table"};
        return hand_out(*table, 0);
    }
    static void memblock_free(const char* where, void* at, unsigned long size) {
        RealKernel& k = enter(where);
        const auto p = self->arena_.frame_at(reinterpret_cast<unsigned long>(at));
        if (!p) {
            if (!self->objects_.free(at)) self->bug(where, "boot memory is freed twice");
        } else if (self->boot_is_paged_) {
            for (u64 i = 0; i < size / self->arena_.page(); ++i) k.free_page(in_tree(where), *p + i);
            self->arena_.take_back(*p, size / self->arena_.page());
        } else {
            k.machine().give_range(*p, size / self->arena_.page());
            self->arena_.take_back(*p, size / self->arena_.page());
            self->nr_embedded_frames_ -= size / self->arena_.page();
        }
    }

    // ---- mappings
    static int vmap_pages_range_noflush(const char* where, unsigned long addr, unsigned long end,
                                        void* const* pages, unsigned gfp) {
        RealKernel& k = enter(where);
        const Vmap start = vmap(where, addr);
        std::vector<Pfn> pfns;
        for (u64 i = 0; i < (end - addr) / self->arena_.page(); ++i) pfns.push_back(pfn_of(where, pages[i]));
        const Gfp before = k.enter_scope(may(gfp));
        const Errno err = k.vmap_pages_range_noflush(in_tree(where), start, pfns);
        k.restore_scope(before);
        std::size_t nr = pfns.size();
        if (err != Errno::ok) { // what lies before the page that failed is mapped
            nr = 0;
            while (k.machine().vmalloc().pte(start + nr) == Pte::map(pfns[nr], true)) ++nr;
        }
        self->arena_.map_vmap(start, std::span(pfns).first(nr));
        self->mapped_.emplace_back(start, nr);
        return -static_cast<int>(err);
    }
    static void vunmap_range_noflush(const char* where, unsigned long addr, unsigned long end) {
        RealKernel& k = enter(where);
        const Vmap start = vmap(where, addr);
        const u64 nr = (end - addr) / self->arena_.page();
        k.vunmap_range_noflush(in_tree(where), start, nr);
        self->arena_.unmap_vmap(start, nr);
    }
    static long vmalloc_to_pfn(const char* where, unsigned long addr) {
        const auto v = self->arena_.vmap_at(addr);
        const auto p = v ? enter(where).vmalloc_to_page(*v) : std::nullopt;
        return p ? static_cast<long>(p->value) : -1;
    }

    // ---- addresses
    static int pcpu_get_vm_areas(const char* where, const unsigned long* offsets, const unsigned long* sizes,
                                 int nr, unsigned long align, unsigned gfp, unsigned long* addrs) {
        RealKernel& k = enter(where);
        const Areas areas(offsets, sizes, nr);
        const auto base =
            k.pcpu_get_vm_areas(in_tree(where), areas.congruent(align / self->arena_.page()), may(gfp));
        if (!base) return -static_cast<int>(Errno::nomem);
        for (int i = 0; i < nr; ++i)
            addrs[i] = self->arena_.vmalloc() + base->value * self->arena_.page() + offsets[i];
        self->numbers_.give(vmalloc_start + base->value * self->arena_.page());
        return 0;
    }
    static void pcpu_free_vm_areas(const char* where, const unsigned long* addrs, int nr) {
        RealKernel& k = enter(where);
        const pcpu::Layout& l = self->pcpu_->layout;
        const pcpu::ChunkId id = nr == static_cast<int>(l.group_offsets.size())
                                     ? self->numbers_.of(self->to_model(addrs[0]) - l.group_offsets[0])
                                     : pcpu::no_chunk;
        if (id == pcpu::no_chunk) self->bug(where, "vmalloc areas that nobody has are freed");
        const pcpu::ChunkAreas areas(*self->pcpu_);
        const Vmap base{(self->numbers_.base(id) - vmalloc_start) / self->arena_.page()};
        const i64 mapped = k.machine().tally.vmalloc;
        k.pcpu_free_vm_areas(in_tree(where), base, areas.congruent());
        for (std::size_t i = 0; mapped != k.machine().tally.vmalloc && i < areas.offsets.size(); ++i)
            self->arena_.unmap_vmap(base + areas.offsets[i], areas.sizes[i]);
        self->numbers_.take_back(id);
    }
    static unsigned long vm_area_register_early(const char* where, unsigned long size, unsigned long align) {
        RealKernel& k = enter(where);
        const unsigned long offset = 0;
        const auto base = k.pcpu_get_vm_areas(
            in_tree(where), Areas(&offset, &size, 1).congruent(align / self->arena_.page()));
        if (!base) throw Panic{where, "no room in the vmalloc range"};
        return self->arena_.vmalloc() + base->value * self->arena_.page();
    }
    static void pmd_populate_kernel(const char* where, unsigned long pmd_idx, void* table) {
        RealKernel& k = enter(where);
        const auto p = self->arena_.frame_at(reinterpret_cast<unsigned long>(table));
        if (!p) self->bug(where, "a page table outside the machine's memory");
        k.machine().install_vmalloc_table(Vmap{pmd_idx * k.geometry().ptrs_per_pte}, *p);
        self->pmds_[pmd_idx] = 1;
    }

    // ---- flushes
    static void flush_cache_vmap(const char* where, unsigned long start, unsigned long end) {
        const auto [from, nr] = range(start, end);
        enter(where).flush_cache_vmap(in_tree(where), from, nr);
    }
    static void flush_cache_vunmap(const char* where, unsigned long start, unsigned long end) {
        const auto [from, nr] = range(start, end);
        enter(where).flush_cache_vunmap(in_tree(where), from, nr);
    }
    static void flush_tlb_kernel_range(const char* where, unsigned long start, unsigned long end) {
        const auto [from, nr] = range(start, end);
        enter(where).flush_tlb_vmalloc(in_tree(where), from, nr);
    }

    // ---- stores, locks, the rest
    static void memset(const char* where, void* to, int byte, unsigned long n) {
        RealKernel& k = enter(where);
        if (!byte) k.memset_zero(in_tree(where), self->to_model(reinterpret_cast<unsigned long>(to)), n);
    }
    static void memcpy(const char* where, void*, const void*, unsigned long) { enter(where); }
    static void lock(const char* where, mmodel_percpu_lock which, int acquire) {
        RealKernel& k = enter(where);
        const Lock l = which == MMODEL_PCPU_LOCK ? Lock::spin : Lock::mutex;
        acquire ? k.lock(in_tree(where), l) : k.unlock(in_tree(where), l);
    }
    static void schedule_work(const char*) { self->pcpu_->balance_scheduled = true; }
    static void warn(const char* where, const char*, int line, const char* condition) {
        if (!self->op_.is_again())
            self->warn( // which is right to do of what is not allocated
                where, line, condition);
    }
    __attribute__((noreturn)) static void bug(const char* where, const char*, int line,
                                              const char* condition) {
        self->bug(where, condition, line);
    }
    __attribute__((noreturn)) static void panic(const char* where, const char* format) {
        throw Panic{where, format};
    }

private:
    struct Areas {
        std::vector<u64> offsets, sizes;
        Areas(const unsigned long* o, const unsigned long* s, int nr) {
            for (int i = 0; i < nr; ++i)
                offsets.push_back(o[i] / self->arena_.page()), sizes.push_back(s[i] / self->arena_.page());
        }
        [[nodiscard]] Congruent congruent(u64 align) const {
            return {offsets, sizes, std::max<u64>(align, 1)};
        }
    };

    static constexpr Gfp may(unsigned gfp) {
        const auto bit = [gfp](unsigned has, u8 bits) { return gfp & has ? bits : u8{0}; };
        return {static_cast<u8>(bit(MMODEL_PERCPU_GFP_DIRECT_RECLAIM, gfp::direct_reclaim) |
                                bit(MMODEL_PERCPU_GFP_IO, gfp::io) | bit(MMODEL_PERCPU_GFP_FS, gfp::fs))};
    }
    // Nodes past the machine's are such without memory.
    static Nid node(int nid) {
        return Nid{static_cast<u8>(nid == MMODEL_PERCPU_NO_NODE ? int{self->config_.nr_nodes} : nid)};
    }
    static void* hand_out(Pfn p, int byte) {
        self->described_.push_back(p);
        self->arena_.lend(p, 1);
        self->arena_.fill_frame(p, static_cast<std::byte>(byte));
        return self->arena_.memory(p);
    }
    // A whole group's units at once, or a page of one.
    static void* alloc_unit_memory(RealKernel& k, u64 size, u64 align, int nid) {
        const u64 pages = size / self->arena_.page();
        if (self->boot_is_paged_) {
            const auto p = k.alloc_pages_node(Fn::pcpu_page_first_chunk, node(nid), false);
            return p ? hand_out(*p, 0) : nullptr;
        }
        const auto p = pcpu::pcpu_fc_alloc(k, node(nid).value, pages, align / self->arena_.page());
        if (!p) return nullptr;
        self->nr_embedded_frames_ += pages;
        self->arena_.lend(*p, pages);
        for (u64 i = 0; i < pages; ++i) self->arena_.fill_frame(*p + i, std::byte{0});
        return self->arena_.memory(*p);
    }
    static Pfn pfn_of(const char* where, const void* page) {
        if (!page) return no_pfn;
        const auto* at = static_cast<const std::byte*>(page);
        return self->checked(where,
                             static_cast<unsigned long>(at - self->mem_map_) / MMODEL_STRUCT_PAGE_SIZE);
    }
    static Vmap vmap(const char* where, unsigned long addr) {
        const auto v = self->arena_.vmap_at(addr);
        if (!v) self->bug(where, "an address outside the vmalloc range is mapped or unmapped");
        return *v;
    }
    // Whole pages, as far as they lie in the vmalloc range.
    static std::pair<Vmap, u64> range(unsigned long start, unsigned long end) {
        const Arena& a = self->arena_;
        start = std::clamp(start, a.vmalloc(), a.vmalloc_end());
        end = std::clamp(end, start, a.vmalloc_end());
        const u64 from = (start - a.vmalloc()) / self->arena_.page();
        return {Vmap{from}, (end - a.vmalloc() + self->arena_.page() - 1) / self->arena_.page() - from};
    }
};

mmodel_percpu_host make_percpu_host(PercpuDriver& driver) {
    self = &driver;
    mmodel_percpu_host h{};
    h.abi_version = MMODEL_PERCPU_ABI_VERSION;
    h.cpu_to_node = PercpuHost::cpu_to_node;
    h.cpu_distance = PercpuHost::cpu_distance;
    h.node_online = PercpuHost::node_online;
    h.alloc_pages_node = PercpuHost::alloc_pages_node;
    h.free_pages = PercpuHost::free_pages;
    h.alloc_object = PercpuHost::alloc_object;
    h.free_object = PercpuHost::free_object;
    h.scratch_alloc = PercpuHost::scratch_alloc;
    h.scratch_free = PercpuHost::scratch_free;
    h.memblock_alloc = PercpuHost::memblock_alloc;
    h.memblock_free = PercpuHost::memblock_free;
    h.vmap_pages_range_noflush = PercpuHost::vmap_pages_range_noflush;
    h.vunmap_range_noflush = PercpuHost::vunmap_range_noflush;
    h.vmalloc_to_pfn = PercpuHost::vmalloc_to_pfn;
    h.pcpu_get_vm_areas = PercpuHost::pcpu_get_vm_areas;
    h.pcpu_free_vm_areas = PercpuHost::pcpu_free_vm_areas;
    h.vm_area_register_early = PercpuHost::vm_area_register_early;
    h.pmd_populate_kernel = PercpuHost::pmd_populate_kernel;
    h.flush_cache_vmap = PercpuHost::flush_cache_vmap;
    h.flush_cache_vunmap = PercpuHost::flush_cache_vunmap;
    h.flush_tlb_kernel_range = PercpuHost::flush_tlb_kernel_range;
    h.memset = PercpuHost::memset;
    h.memcpy = PercpuHost::memcpy;
    h.lock = PercpuHost::lock;
    h.schedule_work = PercpuHost::schedule_work;
    h.warn = PercpuHost::warn;
    h.bug = PercpuHost::bug;
    h.panic = PercpuHost::panic;
    return h;
}

void forget_percpu_driver() { self = nullptr; }

} // namespace mmodel::bench
