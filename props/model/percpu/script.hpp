// SPDX-License-Identifier: GPL-2.0 OR MIT
// What an operation did to a chunk, as one line of text that an example can write down.
#pragma once

#include <map>
#include <string>

#include "props/example.hpp"

namespace mmodel {

// Pages of the vmalloc range are told by their distance from the chunk's base; frames by "@" and where in the
// chunk they were mapped before the operation, else by letters in the order they come. Locks are left out.
class Script {
public:
    Script(const World& before, pcpu::ChunkId id) {
        const pcpu::Pcpu& p = before.pcpu();
        base_ = (p.chunks[id].base_addr - vmalloc_start) / p.page_bytes();
        const Vmalloc& v = before.machine().vmalloc();
        for (u64 i = 0; base_ + i < v.nr_pages() && i < 4096; ++i)
            if (const Pte pte = v.pte(Vmap{base_ + i}); pte.present())
                names_[pte.pfn().value] = "@" + std::to_string(i);
    }

    std::string of(const Did& d) {
        std::string out;
        for (const Event& e : d.events)
            if (const std::string line = of(e); !line.empty()) out += (out.empty() ? "" : "; ") + line;
        return out;
    }

private:
    std::string of(const Event& e) {
        const std::string or_fails = e.ok ? "" : " fails";
        switch (e.kind) {
        case EventKind::kzalloc: return "kzalloc" + or_fails;
        case EventKind::kfree: return "kfree " + std::to_string(e.nr_objects());
        case EventKind::alloc_pages_node:
            return "alloc " + std::to_string(e.nid.value) + (e.ok ? " " + name(e.pfn) : or_fails);
        case EventKind::pte_alloc_one_kernel: return "table" + or_fails;
        case EventKind::vmalloc_pte:
            return e.pte.present() ? "map " + page(e.vmap) + " " + name(e.pte.pfn())
                                   : "unmap " + page(e.vmap);
        case EventKind::set_page_tag: return "tag " + name(e.pfn);
        case EventKind::free_page: return "free " + name(e.pfn);
        case EventKind::flush_tlb_vmalloc: return "tlb " + pages(e);
        case EventKind::flush_cache_vmap: return "cache+ " + pages(e);
        case EventKind::flush_cache_vunmap: return "cache- " + pages(e);
        case EventKind::pcpu_get_vm_areas: return "reserve" + or_fails;
        case EventKind::pcpu_free_vm_areas: return "release";
        case EventKind::memset_zero: return "zero " + std::to_string(e.nr_bytes());
        case EventKind::lock:
        case EventKind::unlock: return "";
        case EventKind::free_bootmem_page:
        case EventKind::split_page:
        case EventKind::pte_free_kernel:
        case EventKind::set_pte_at:
        case EventKind::pmd_populate_kernel:
        case EventKind::smp_wmb:
        case EventKind::copy_page:
        case EventKind::reset_struct_pages:
        case EventKind::init_compound_tail:
        case EventKind::cmpxchg_tail:
        case EventKind::memblock_alloc:
        case EventKind::memblock_phys_free:
        case EventKind::update_fails:
        case EventKind::store:
        case EventKind::flush_tlb_kernel_range:
        case EventKind::flush_tlb_all:
        case EventKind::synchronize_rcu:
        case EventKind::static_branch:
        case EventKind::memmap_pages_add:
        case EventKind::memmap_boot_pages_add:
        case EventKind::warn: return std::string(mmodel::name(e.kind));
        }
        return {};
    }
    [[nodiscard]] std::string page(Vmap v) const { return std::to_string(static_cast<i64>(v.value - base_)); }
    [[nodiscard]] std::string pages(const Event& e) const {
        return page(e.vmap) + "+" + std::to_string(e.nr_pages());
    }
    std::string name(Pfn p) {
        auto [it, is_new] = names_.try_emplace(p.value);
        if (is_new) it->second = std::string(1, next_++);
        return it->second;
    }

    u64 base_{};
    char next_{'a'};
    std::map<u64, std::string> names_;
};

} // namespace mmodel
