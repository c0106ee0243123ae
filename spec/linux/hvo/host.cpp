// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/hvo/host.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {

namespace {

HvoDriver* self = nullptr; // the callbacks of the ABI carry no context: one driver a process

} // namespace

// The callbacks, by the names of struct mmodel_hvo_host.
struct HvoHost {
    static RealKernel& enter(const char* where) {
        RealKernel& k = self->enter(where);
        self->sync_pending();
        return k;
    }

    static Pte pte_of(unsigned long entry) {
        const Pfn p{entry >> self->config_.geometry.page_shift()};
        return entry & MMODEL_PRESENT ? Pte::map(p, (entry & MMODEL_RW) != 0) : Pte{};
    }

    static void* place(unsigned long addr) { return self->arena_.writable(addr); }
    static void put_pages(unsigned long addr, unsigned long nr, const void* page) {
        self->arena_.put_pages(addr, nr, static_cast<const std::byte*>(page));
    }

    static long alloc_pages_node(const char* where, int nid, unsigned int gfp, unsigned int order) {
        RealKernel& k = enter(where);
        if (order) self->bug(where, "a vmemmap page of higher order is allocated");
        const auto p =
            k.alloc_pages_node(in_tree(where), Nid{static_cast<u8>(nid)}, (gfp & MMODEL_GFP_THISNODE) != 0);
        if (!p) return -1;
        self->hand_out(*p, gfp & MMODEL_GFP_ZERO ? 0 : poison);
        return static_cast<long>(p->value);
    }
    static void free_pages(const char* where, unsigned long pfn, unsigned int) {
        enter(where).free_page(in_tree(where), self->checked(where, pfn));
        self->take_back(Pfn{pfn});
    }
    static void free_bootmem_page(const char* where, unsigned long pfn) {
        RealKernel& k = enter(where);
        self->unreserved_.push_back(Pfn{pfn});
        k.free_bootmem_page(in_tree(where), self->checked(where, pfn));
        self->take_back(Pfn{pfn});
    }
    static void split_page(const char* where, unsigned long pfn, unsigned int order) {
        enter(where).split_page(in_tree(where), self->checked(where, pfn), Order{static_cast<u8>(order)});
    }
    static int page_to_nid(unsigned long pfn) {
        return self->world_.machine().nid_of(self->checked("page_to_nid", pfn)).value;
    }

    static unsigned page_to_zone(unsigned long pfn) {
        return self->world_.machine().zone_of(self->checked("page_to_zone", pfn));
    }
    static void init_compound_tail(const char* where, void* page, unsigned order) {
        RealKernel& k = enter(where);
        const auto p = self->arena_.frame_at(reinterpret_cast<unsigned long>(page));
        if (p) k.init_compound_tail(in_tree(where), *p, Order{static_cast<u8>(order)});
    }
    static void cmpxchg_tail(const char* where, unsigned zone, unsigned order, unsigned long pfn, int first) {
        RealKernel& k = enter(where);
        const SharedTail t{static_cast<u8>(zone), static_cast<u8>(order), self->checked(where, pfn)};
        if (first) k.machine().write(t.pfn, self->describe_tails(t));
        if (k.cmpxchg_tail(in_tree(where), t) != (first != 0)) self->bug(where, "a zone's tails are gone");
    }

    static int update_fails(const char* where, unsigned long addr) {
        RealKernel& k = enter(where);
        const auto v = self->arena_.vpage_at(addr);
        if (!v) self->bug(where, "an address outside the vmemmap is updated");
        return k.update_fails(in_tree(where), *v);
    }
    // Another CPU was first. It has its page from where the file has its own, and no event of the file's is
    // its.
    static long is_overtaken(unsigned zone, unsigned order) {
        RealKernel& k = enter("cmpxchg");
        Machine& m = k.machine();
        if (!k.loses_race()) return -1;
        const auto p = m.alloc_page(Nid{static_cast<u8>(zone / 2)}, false);
        if (!p) return -1;
        self->hand_out(*p, 0);
        self->unit_->make_tails(self->arena_.frame(*p), order, zone);
        const SharedTail t{static_cast<u8>(zone), static_cast<u8>(order), *p};
        m.write(*p, self->describe_tails(t));
        m.publish_tail(t);
        return static_cast<long>(p->value);
    }
    static long memblock_alloc(const char* where, int nid) {
        RealKernel& k = enter(where);
        const auto p = k.memblock_alloc(in_tree(where), Nid{static_cast<u8>(nid)});
        if (!p) return -1;
        self->hand_out_reserved(*p);
        return static_cast<long>(p->value);
    }
    // More than one page: a folio that is nobody's any more, which the pool sees to.
    static void memblock_phys_free(const char* where, unsigned long pfn, unsigned long nr) {
        RealKernel& k = enter(where);
        if (nr > 1) return;
        k.memblock_phys_free(in_tree(where), self->checked(where, pfn));
        self->arena_.take_back(Pfn{pfn}, 1);
    }
    static void vmemmap_populate(unsigned long start, unsigned long end) {
        Machine& m = enter("vmemmap_populate").machine();
        const auto first = self->arena_.vpage_at(start), last = self->arena_.vpage_at(end - 1);
        if (!first || !last) self->bug("vmemmap_populate", "an address outside the vmemmap is populated");
        m.populate(*first, *last + 1);
        self->show_vmemmap(*first, *last + 1);
    }
    static int spans_zones(unsigned long pfn) {
        return std::ranges::find(self->spanning_, Pfn{pfn}) != self->spanning_.end();
    }

    static long pte_alloc_one_kernel(const char* where) {
        const auto p = enter(where).pte_alloc_one_kernel(in_tree(where));
        if (!p) return -1;
        self->hand_out(*p, 0);
        return static_cast<long>(p->value);
    }
    static void pte_free_kernel(const char* where, unsigned long table) {
        enter(where).pte_free_kernel(in_tree(where), self->checked(where, table));
        self->take_back(Pfn{table});
    }

    static void set_pte_at(const char* where, unsigned long, unsigned long table, unsigned int idx,
                           unsigned long entry) {
        RealKernel& k = enter(where);
        const PteRef ref{self->checked(where, table), idx};
        const Pte pte = pte_of(entry);
        if (pte.present()) self->checked(where, pte.pfn().value);
        const auto v = k.machine().installed_at(ref);
        if (v && pte.present() && k.machine().frame(pte.pfn()).nr_ptes == 0) self->sync_frame(pte.pfn(), *v);
        reinterpret_cast<unsigned long*>(self->arena_.frame(ref.table))[idx] = entry;
        self->arena_.stored(ref.table);
        k.set_pte_at(in_tree(where), ref, pte);
        if (v) self->arena_.map_page(*v, pte);
        if (v && pte.present()) self->arena_.watch(pte.pfn());
    }
    static void pmd_populate_kernel(const char* where, unsigned long pmd_idx, unsigned long table) {
        RealKernel& k = enter(where);
        k.pmd_populate_kernel(in_tree(where), pmd_idx, self->checked(where, table));
        self->arena_.install_table(pmd_idx, Pfn{table});
        self->arena_.watch(Pfn{table});
    }

    static void smp_wmb(const char* where) { enter(where).smp_wmb(in_tree(where)); }
    static void copy_page(const char* where, void* to, const void* from) {
        RealKernel& k = enter(where);
        const auto at = reinterpret_cast<unsigned long>(to), src = reinterpret_cast<unsigned long>(from);
        const auto dst = self->arena_.frame_at(at);
        if (!dst) store(where, to, self->arena_.page());
        self->arena_.copy(to, from, self->arena_.page());
        const auto v = self->arena_.vpage_at(src);
        const auto p = v ? k.machine().translate(*v).pfn() : self->arena_.frame_at(src).value_or(no_pfn);
        if (dst) k.copy_page(in_tree(where), *dst, self->checked(where, p.value));
    }
    static void store(const char* where, void* to, unsigned long n) {
        RealKernel& k = enter(where);
        const auto at = reinterpret_cast<unsigned long>(to);
        if (const auto p = self->arena_.frame_at(at))
            k.reset_struct_pages(in_tree(where), *p, static_cast<u8>(std::min(n / 64, 4ul)));
        if (const auto v = self->arena_.vpage_at(at)) {
            k.write_refcount(in_tree(where), *v);
            self->pending_ = {*v, where};
        }
    }

    static void flush_tlb_kernel_range(const char* where, unsigned long start, unsigned long end) {
        RealKernel& k = enter(where);
        const unsigned long base = self->arena_.vmemmap();
        auto page_of = [&](unsigned long a) {
            return Vpage{a <= base ? 0
                                   : std::min((a - base) / self->arena_.page(), self->arena_.nr_frames())};
        };
        k.flush_tlb_kernel_range(in_tree(where), page_of(start), page_of(end + self->arena_.page() - 1));
    }
    static void flush_tlb_all(const char* where) { enter(where).flush_tlb_all(in_tree(where)); }
    static void synchronize_rcu(const char* where) { enter(where).synchronize_rcu(in_tree(where)); }
    static void static_branch_add(const char* where, int n) { enter(where).static_branch(in_tree(where), n); }
    static void memmap_pages_add(const char* where, long n) {
        enter(where).memmap_pages_add(in_tree(where), n);
    }
    static void memmap_boot_pages_add(const char* where, long n) {
        enter(where).memmap_boot_pages_add(in_tree(where), n);
    }
    static void lock(const char* where, mmodel_lock which, int acquire) {
        const Lock l = which == MMODEL_PAGE_TABLE_LOCK ? Lock::page_table : Lock::mmap_read;
        RealKernel& k = enter(where);
        acquire ? k.lock(in_tree(where), l) : k.unlock(in_tree(where), l);
    }
    static void warn(const char* where, const char*, int line, const char* condition) {
        self->sync_pending();
        self->warn(where, line, condition);
    }
    __attribute__((noreturn)) static void bug(const char* where, const char*, int line,
                                              const char* condition) {
        self->bug(where, condition, line);
    }
};

mmodel_hvo_host make_hvo_host(HvoDriver& driver) {
    self = &driver;
    Arena& a = driver.arena_;
    return {.abi_version = MMODEL_HVO_ABI_VERSION,
            .page_shift = static_cast<unsigned>(driver.config_.geometry.page_shift()),
            .ptrs_per_pte = driver.config_.geometry.ptrs_per_pte,
            .vmemmap = a.vmemmap(),
            .direct_map = a.direct_map(),
            .nr_frames = a.nr_frames(),
            .pmds = a.pmds(),
            .place = HvoHost::place,
            .put_pages = HvoHost::put_pages,
            .alloc_pages_node = HvoHost::alloc_pages_node,
            .free_pages = HvoHost::free_pages,
            .free_bootmem_page = HvoHost::free_bootmem_page,
            .split_page = HvoHost::split_page,
            .page_to_nid = HvoHost::page_to_nid,
            .page_to_zone = HvoHost::page_to_zone,
            .init_compound_tail = HvoHost::init_compound_tail,
            .cmpxchg_tail = HvoHost::cmpxchg_tail,
            .memblock_alloc = HvoHost::memblock_alloc,
            .memblock_phys_free = HvoHost::memblock_phys_free,
            .vmemmap_populate = HvoHost::vmemmap_populate,
            .spans_zones = HvoHost::spans_zones,
            .update_fails = HvoHost::update_fails,
            .is_overtaken = HvoHost::is_overtaken,
            .pte_alloc_one_kernel = HvoHost::pte_alloc_one_kernel,
            .pte_free_kernel = HvoHost::pte_free_kernel,
            .set_pte_at = HvoHost::set_pte_at,
            .pmd_populate_kernel = HvoHost::pmd_populate_kernel,
            .smp_wmb = HvoHost::smp_wmb,
            .copy_page = HvoHost::copy_page,
            .store = HvoHost::store,
            .flush_tlb_kernel_range = HvoHost::flush_tlb_kernel_range,
            .flush_tlb_all = HvoHost::flush_tlb_all,
            .synchronize_rcu = HvoHost::synchronize_rcu,
            .static_branch_add = HvoHost::static_branch_add,
            .memmap_pages_add = HvoHost::memmap_pages_add,
            .memmap_boot_pages_add = HvoHost::memmap_boot_pages_add,
            .lock = HvoHost::lock,
            .warn = HvoHost::warn,
            .bug = HvoHost::bug};
}

void forget_hvo_driver() { self = nullptr; }

} // namespace mmodel::bench
