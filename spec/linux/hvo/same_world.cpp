// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/hvo/same_world.hpp"

namespace mmodel::bench {
namespace {

std::string num(u64 n) { return std::to_string(n); }

const char* name(Owner o) {
    switch (o) {
    case Owner::other: return "free or somebody else's";
    case Owner::vmemmap: return "the vmemmap's";
    case Owner::page_table: return "a page table";
    case Owner::detached: return "nobody's";
    case Owner::vmalloc: return "the vmalloc range's";
    case Owner::shared_tail: return "a zone's";
    case Owner::memblock: return "memblock's";
    }
    return "";
}

std::string in_words(Pte p) {
    if (!p.present()) return "nothing";
    return "pfn " + num(p.pfn().value) + (p.writable() ? " read-write" : " read-only");
}

Difference counters(const Machine& r, const Machine& m) {
    if (auto d = differ("the static key", r.counters.static_key, m.counters.static_key)) return d;
    if (auto d = differ("nr_memmap_pages", r.counters.memmap, m.counters.memmap)) return d;
    return differ("nr_memmap_boot_pages", r.counters.memmap_boot, m.counters.memmap_boot);
}

Difference folios(const hvo::Pool& r, const hvo::Pool& m) {
    for (std::size_t i = 0; i < r.slots.size(); ++i)
        if (!(r.slots[i] == m.slots[i])) return "folio slot " + num(i) + " is not as the model's";
    return std::nullopt;
}

// Of one vmemmap page: what it maps, and what a reader finds there.
Difference page(const Machine& r, const Machine& m, Vpage v) {
    const Pte real = r.translate(v), model = m.translate(v);
    const std::string of = "vmemmap page " + num(v.value);
    if (real != model) return of + " maps " + in_words(real) + ", the model's maps " + in_words(model);
    if (real.present() && r.read(real.pfn()) != m.read(model.pfn()))
        return of + " does not contain what the model's does";
    return std::nullopt;
}

Difference pages(const Machine& r, const Machine& m) {
    const u64 end = r.geometry().vpage_of(Pfn{r.config().nr_frames() - 1}).value + 1;
    for (Vpage v{0}; v.value < end; v = v + 1) {
        if (v.value % r.geometry().ptrs_per_pte == 0 && r.pmd(r.pmd_idx(v)) != m.pmd(m.pmd_idx(v)))
            return "PMD " + num(r.pmd_idx(v)) + " is not as the model's";
        if (auto d = page(r, m, v)) return d;
    }
    return std::nullopt;
}

Difference frames(const Machine& r, const Machine& m) {
    Difference out;
    Machine::diff(
        r, m,
        [&](Pfn p, const Frame& a, const Frame& b) {
            if (!out)
                out = "pfn " + num(p.value) + " is " + name(a.owner) + ", mapped " + num(a.nr_ptes) +
                      " times; the model's is " + name(b.owner) + ", mapped " + num(b.nr_ptes) + " times";
        },
        [](PteRef, const Pte&, const Pte&) {},
        [&](Pfn p, const Contents&, const Contents&) {
            if (!out) out = "pfn " + num(p.value) + " does not contain what the model's does";
        });
    return out;
}

Difference memory(const Machine& r, const Machine& m) {
    for (u8 n = 0; n < r.config().nr_nodes; ++n)
        if (auto d =
                differ("the number of free pages of node " + num(n),
                       static_cast<i64>(r.nr_free_pages(Nid{n})), static_cast<i64>(m.nr_free_pages(Nid{n}))))
            return d;
    if (!(r.buddy() == m.buddy())) return "other pages are free than in the model";
    return differ("the number of page tables", r.tally.tables, m.tally.tables);
}

} // namespace

Difference first_difference(const World& real, const World& model) {
    if (real == model) return std::nullopt;
    const Machine &r = real.machine(), &m = model.machine();
    if (auto d = counters(r, m)) return d;
    if (auto d = folios(real.pool(), model.pool())) return d;
    if (auto d = pages(r, m)) return d;
    if (auto d = frames(r, m)) return d;
    if (auto d = memory(r, m)) return d;
    if (r.walkers != m.walkers) return "a walker is not where the model's is";
    return "TLBs, locks or stores are not as the model's";
}

} // namespace mmodel::bench
