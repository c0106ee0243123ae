// SPDX-License-Identifier: GPL-2.0 OR MIT
// The operations' calls, made of a kernel file. Part of driver.cpp, which alone includes it.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "model/hvo/operations.hpp"
#include "spec/linux/hvo/readers.hpp"

namespace mmodel::bench {

inline Errno errno_of(long ret) {
    for (const Errno e : {Errno::ok, Errno::again, Errno::nomem, Errno::busy, Errno::notsupp})
        if (ret == -static_cast<long>(e)) return e;
    return Errno::inval;
}

// The calls under test, as the real file makes them (the members of hvo::ModelCalls). A tree without calls
// for lists gets its folios one by one, as its mm/hugetlb.c would do it.
struct RealHvoCalls {
    HvoDriver& d;

    void prep(hvo::Folio f) { d.unit_->prep_hugetlb(f.order, f.head.value); }
    void dissolve(hvo::Folio f) { d.unit_->dissolve(f.order, f.head.value); }
    void use_as_lru(hvo::Folio f, bool on) {
        const u64 end = f.head.value + (u64{1} << f.order);
        d.unit_->init_plain(f.head.value, end, 0, 0);
        if (on) d.unit_->set_refcount(f.head.value, end, 1);
    }
    void hot_added(Pfn start, Pfn end, Pfn vmemmap, bool self_hosted) {
        const Machine& m = d.world_.machine();
        const Vpage last = m.geometry().vpage_of(end - 1);
        for (u64 i = m.pmd_idx(m.geometry().vpage_of(start)); i <= m.pmd_idx(last); ++i)
            d.arena_.map_leaf(m, i);
        d.unit_->init_plain(start.value, end.value, 0, 0);
        if (self_hosted)
            d.unit_->init_plain(vmemmap.value, vmemmap.value + (last - m.geometry().vpage_of(start)) + 1, 1,
                                1);
    }
    Errno optimise(hvo::Folio f, bool enabled) {
        // 6.1 leaves it to its callers not to ask twice.
        if (!std::strcmp(d.unit_->shape, "page") && d.unit_->test_optimised(f.head.value)) return Errno::ok;
        d.unit_->set_enabled(enabled);
        const HvoDriver::Reading reading(d, {&f, 1});
        d.unit_->optimise(f.order, f.head.value);
        return Errno::ok;
    }
    Errno restore(hvo::Folio f) {
        const HvoDriver::Reading reading(d, {&f, 1});
        return errno_of(d.unit_->restore(f.order, f.head.value));
    }
    void optimise_list(std::span<const hvo::Folio> folios, bool enabled) {
        if (!d.unit_->optimise_list) {
            for (const hvo::Folio& f : folios) optimise(f, enabled);
            return;
        }
        const auto pfns = heads(folios);
        d.unit_->set_enabled(enabled);
        const HvoDriver::Reading reading(d, folios);
        d.unit_->optimise_list(folios.front().order, pfns.data(), static_cast<unsigned>(folios.size()));
    }
    bool has_boot() const { return d.unit_->boot_early != nullptr; }
    // At first nothing is mapped there, and of the struct pages that boot made nothing is left.
    void show_vmemmap(hvo::Folio f) {
        const Machine& m = d.world_.machine();
        const Vpage start = m.geometry().vpage_of(f.head), end = start + m.geometry().vmemmap_pages(f.order);
        for (Vpage v = start; v < end && !m.translate(v).present(); ++v) {
            d.scribbled_.push_back(v);
            const Pfn was = Pfn{d.boot_.machine().translate(v).pfn()};
            if (m.frame(was).owner == Owner::memblock) d.arena_.take_back(was, 1);
        }
        d.show_vmemmap(start, end);
    }
    bool boot_early(hvo::Folio f, bool enabled) {
        d.unit_->set_enabled(enabled);
        d.arena_.lend(f.head, 1);
        return d.unit_->boot_early(d.world_.machine().nid_of(f.head).value, f.order, f.head.value);
    }
    u16 boot_late(const hvo::Pool& pool, u16 early, u16 spanning) {
        if (!d.unit_->boot_late) return 0;
        d.spanning_.clear();
        for (const hvo::Folio& f : hvo::folios_of(pool, d.config_.geometry, spanning))
            d.spanning_.push_back(f.head);
        d.unit_->set_enabled(pool.enabled);
        for (u8 n = 0; n < d.config_.nr_nodes; ++n) boot_late_on(n, pool, early);
        return spanning;
    }
    void prep_boot(hvo::Folio f, bool optimised) {
        optimised ? d.unit_->prep_boot(f.order, f.head.value) : prep(f);
    }
    void boot_up(std::span<const hvo::Folio> folios, bool enabled) {
        const auto pfns = heads(folios);
        d.unit_->set_enabled(enabled);
        d.unit_->boot_up(folios.front().order, pfns.data(), static_cast<unsigned>(folios.size()));
    }
    void is_freed(Pfn p) {
        d.unreserved_.push_back(p);
        d.take_back(p);
    }
    hvo::RestoreFolios restore_list(std::span<const hvo::Folio> folios) {
        return d.unit_->restore_list ? restore_as_list(folios) : restore_singly(folios);
    }

private:
    void boot_late_on(u8 nid, const hvo::Pool& pool, u16 early) {
        std::vector<hvo::Folio> folios = hvo::folios_of(pool, d.config_.geometry, early);
        std::erase_if(folios, [&](const auto& f) { return d.world_.machine().nid_of(f.head).value != nid; });
        if (folios.empty()) return;
        const auto pfns = heads(folios);
        std::array<int, max_folios> on_list{};
        d.unit_->boot_late(nid, pfns.data(), static_cast<unsigned>(folios.size()), on_list.data());
        for (std::size_t i = 0; i < folios.size(); ++i)
            if (on_list[i] < 2 &&
                on_list[i] == (std::ranges::find(d.spanning_, folios[i].head) != d.spanning_.end()))
                d.monitor_->fail(
                    spec::Inv::outcome_is_what_the_operation_promises, nullptr,
                    "a boot folio is on the list although it spans two zones, or not although it does "
                    "not",
                    {.way = spec::Way::on_no_list});
    }
    static std::array<unsigned long, max_folios> heads(std::span<const hvo::Folio> folios) {
        std::array<unsigned long, max_folios> out{};
        std::ranges::transform(folios, out.begin(), [](const hvo::Folio& f) { return f.head.value; });
        return out;
    }
    hvo::RestoreFolios restore_as_list(std::span<const hvo::Folio> folios) {
        const auto pfns = heads(folios);
        std::array<int, max_folios> done{};
        const HvoDriver::Reading reading(d, folios);
        const long ret = d.unit_->restore_list(folios.front().order, pfns.data(),
                                               static_cast<unsigned>(folios.size()), done.data());
        hvo::RestoreFolios out{.err = errno_of(std::min(ret, 0l)),
                               .restored = ret > 0 ? static_cast<u64>(ret) : 0};
        while (out.moved < folios.size() && done[out.moved] == 1) ++out.moved;
        if (std::any_of(done.begin() + static_cast<long>(out.moved),
                        done.begin() + static_cast<long>(folios.size()), [](int x) { return x != 0; }))
            d.monitor_->fail(spec::Inv::outcome_is_what_the_operation_promises, nullptr,
                             "a folio is on neither list, or on the wrong one",
                             {.way = spec::Way::on_no_list});
        return out;
    }
    hvo::RestoreFolios restore_singly(std::span<const hvo::Folio> folios) {
        hvo::RestoreFolios out;
        for (const hvo::Folio& f : folios) {
            const bool was = d.unit_->test_optimised(f.head.value);
            out.err = restore(f);
            if (out.err != Errno::ok) break;
            out.restored += was;
            ++out.moved;
        }
        return out;
    }
};

} // namespace mmodel::bench
