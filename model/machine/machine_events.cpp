// SPDX-License-Identifier: GPL-2.0 OR MIT
// What changes a machine: allocators, page table, TLBs, memory blocks.
#include <algorithm>

#include "model/machine/machine.hpp"

namespace mmodel {

// ---- allocators

template <class F>
bool Machine::any_area(Nid nid, F&& f) const {
    if (f(Area{nid.value})) return true;
    for (u8 b = 0; b < max_hot_blocks; ++b)
        if (hot_[b].present && hot_[b].nid == nid && f(static_cast<Area>(config_.nr_nodes + b))) return true;
    return false;
}

u64 Machine::nr_lowmem_pages(Nid nid) const {
    u64 n = 0;
    any_area(nid, [&](Area a) {
        n += buddy_.nr_free_pages(a);
        return false;
    });
    return n;
}

u64 Machine::nr_free_highmem_pages(Nid nid) const { return buddy_.nr_free_pages(highmem_area(nid.value)); }

u64 Machine::nr_free_or_held_pages(Nid nid) const {
    return nr_lowmem_pages(nid) + nr_free_highmem_pages(nid);
}

u64 Machine::nr_free_pages(Nid nid) const {
    const u64 n = nr_lowmem_pages(nid);
    return n - std::min(n, pressure_[nid.value]);
}

std::optional<Pfn> Machine::take_from_node(Nid nid, Order order, bool contig) {
    std::optional<Pfn> p;
    if (nr_free_pages(nid) < u64{1} << order.value) return p;
    any_area(nid, [&](Area a) {
        p = contig ? buddy_.alloc_contig(a, order) : buddy_.alloc(a, order);
        return p.has_value();
    });
    return p;
}

std::optional<Pfn> Machine::take_block(Nid nid, Order order, bool this_node) {
    if (order.value > geometry().max_order) return std::nullopt;
    auto p = nid.value < config_.nr_nodes ? take_from_node(nid, order, false) : std::nullopt;
    for (u8 n = 0; !p && !this_node && n < config_.nr_nodes; ++n)
        if (n != nid.value) p = take_from_node(Nid{n}, order, false);
    return p;
}

std::optional<Pfn> Machine::take_contig(Nid nid, Order order) {
    return take_from_node(nid, order, order.value > geometry().max_order);
}

std::optional<Pfn> Machine::take_in_block(u8 block, Order order) {
    if (!hot_[block].present || nr_free_pages(hot_[block].nid) < u64{1} << order.value) return std::nullopt;
    const Area a = static_cast<Area>(config_.nr_nodes + block);
    return order.value > geometry().max_order ? buddy_.alloc_contig(a, order) : buddy_.alloc(a, order);
}

void Machine::give_block(Pfn p, Order order) { buddy_.free(area_of(p), p, order); }

void Machine::give_range(Pfn start, u64 nr) {
    while (nr) {
        u8 o = 0;
        while (o < geometry().max_order && start.value % (u64{2} << o) == 0 && nr >= u64{2} << o) ++o;
        give_block(start, Order{o});
        start = start + (u64{1} << o);
        nr -= u64{1} << o;
    }
}

std::optional<Pfn> Machine::alloc_page(Nid nid, bool this_node) {
    return detach(take_block(nid, Order{0}, this_node));
}

std::optional<Pfn> Machine::detach(std::optional<Pfn> p) {
    if (p) frames_.modify(p->value, [&](Frame& f) { set_owner(*p, f, Owner::detached); });
    return p;
}

std::optional<Pfn> Machine::alloc_this_page(Pfn p) {
    return buddy_.alloc_exactly(area_of(p), p) ? detach(p) : std::nullopt;
}

std::optional<Pfn> Machine::alloc_this_table(Pfn p) {
    if (!buddy_.alloc_exactly(area_of(p), p)) return std::nullopt;
    frames_.modify(p.value, [&](Frame& f) { set_owner(p, f, Owner::page_table); });
    return p;
}

// A zone list: the node's highmem, its other memory, then the other nodes' in order.
std::optional<Pfn> Machine::alloc_highmem_page(Nid nid, bool this_node) {
    auto from = [&](Nid n) -> std::optional<Pfn> {
        if (n.value >= config_.nr_nodes) return std::nullopt;
        if (config_.highmem_frames)
            if (const auto p = buddy_.alloc(highmem_area(n.value), Order{0})) return p;
        return take_from_node(n, Order{0}, false);
    };
    auto p = from(nid);
    for (u8 n = 0; !p && !this_node && n < config_.nr_nodes; ++n)
        if (n != nid.value) p = from(Nid{n});
    return detach(p);
}

// Keeps the tally while a frame changes hands.
void Machine::set_owner(Pfn p, Frame& f, Owner owner) {
    auto count = [&](Owner o, i64 n) {
        if (o == Owner::detached) tally.detached += n;
        if (o == Owner::page_table) tally.tables += n, tally.private_tables += n;
        if (o == Owner::vmalloc) tally.vmalloc += n;
        if (o == Owner::shared_tail) tally.shared_tails += n;
        if (o == Owner::memblock) tally.memblock += n;
        if (o == Owner::vmemmap) (is_boot_memory(p) ? tally.vmemmap_boot : tally.vmemmap_buddy) += n;
    };
    count(f.owner, -1);
    count(owner, 1);
    f.owner = owner;
}

// A detached frame goes back to the buddy; nothing is known of its contents any more.
void Machine::release(Pfn p) {
    frames_.modify(p.value, [&](Frame& f) {
        set_owner(p, f, Owner::other);
        f.released = boot_vpage(p).has_value();
        f.installed = 0;
    });
    contents_.set(p.value, Contents{});
    if (tags_[p.value].value) tags_.set(p.value, {});
    std::erase(unordered_, p); // the allocator's lock has ordered what was stored
    give_block(p, Order{0});
}

void Machine::free_page(Pfn p) {
    if (frame(p).owner == Owner::detached) release(p);
}

void Machine::free_bootmem_page(Pfn p) { free_page(p); }

void Machine::split_page(Pfn p) {
    if (const auto v = boot_vpage(p)) split_.set(pmd_idx(*v), Mark{1});
}

// ---- page table

std::optional<Pfn> Machine::alloc_table(Nid nid) {
    const auto p = take_block(nid, Order{0}, false);
    if (p) frames_.modify(p->value, [&](Frame& f) { set_owner(*p, f, Owner::page_table); });
    return p;
}

void Machine::free_table(Pfn table) {
    if (frame(table).owner != Owner::page_table || frame(table).installed) return;
    for (const auto& [i, p] : entries_of(table)) ptes_.set(i, Pte{});
    release(table);
}

std::vector<std::pair<u64, Pte>> Machine::entries_of(Pfn table) const {
    std::vector<std::pair<u64, Pte>> entries;
    const u64 base = table.value << pmd_shift_;
    ptes_.for_each(base, base + (u64{1} << pmd_shift_),
                   [&](u64 i, const Pte& p) { entries.emplace_back(i, p); });
    return entries;
}

// An entry of an installed table more or less maps this frame: that decides who has the frame. `stale`: TLBs
// may hold what the entry was.
void Machine::count_pte(Pfn p, int delta, bool stale) {
    frames_.modify(p.value, [&](Frame& f) {
        f.nr_ptes += static_cast<u32>(delta);
        f.nr_stale += stale;
        if (delta > 0 && f.owner == Owner::other && boot_vpage(p) && !f.released)
            f.owner = Owner::vmemmap; // was the leaf's
        if (delta > 0 && f.owner == Owner::detached) set_owner(p, f, Owner::vmemmap);
        if (f.nr_ptes == 0 && f.owner == Owner::vmemmap) set_owner(p, f, Owner::detached);
    });
}

void Machine::set_pte(PteRef r, Pte pte) {
    const u64 i = r.table.value << pmd_shift_ | r.idx;
    const auto v = installed_at(r);
    Pte old;
    ptes_.modify(i, [&](Pte& p) { old = std::exchange(p, pte); });
    if (old == pte) return;
    if (!v) return note_store(r.table); // nobody walks it yet: what it maps counts once it is installed
    const bool stale = old.present() && add_stale(*v, old);
    if (pte.present()) count_pte(pte.pfn(), 1, false);
    if (old.present()) count_pte(old.pfn(), -1, stale);
    if (pte.present()) settle(pte.pfn(), *v);
}

void Machine::publish_tail(const SharedTail& t) {
    shared_tails_.push_back(t);
    frames_.modify(t.pfn.value, [&](Frame& f) { set_owner(t.pfn, f, Owner::shared_tail); });
}

void Machine::install_table(u64 idx, Pfn table) {
    if (!absent_[idx].set) stale_leaf_.set(idx, Mark{1});
    pmds_.set(idx, Pte::map(table, true));
    frames_.modify(table.value, [&](Frame& f) {
        f.installed = idx + 1;
        --tally.private_tables;
    });
    for (const auto& [i, p] : entries_of(table)) count_pte(p.pfn(), 1, false);
}

void Machine::note_store(Pfn p) {
    if (!is_unordered(p)) unordered_.push_back(p);
}

bool Machine::is_unordered(Pfn p) const { return std::ranges::find(unordered_, p) != unordered_.end(); }

void Machine::set_lock(Lock l, bool held) { lock_depth_[static_cast<u8>(l)] += held ? 1 : -1; }

// ---- TLB

// Whether it is one more than before: the caller counts it in its frame.
bool Machine::add_stale(Vpage v, Pte pte) {
    bool added = false;
    stale_.modify(v.value, [&](StaleSet& s) {
        if (std::ranges::find(s.pte, pte) != s.pte.end()) return;
        if (const Pte oldest = s.pte.back(); oldest.present())
            frames_.modify(oldest.pfn().value, [](Frame& f) { --f.nr_stale; });
        std::shift_right(s.pte.begin(), s.pte.end(), 1);
        s.pte.front() = pte;
        added = true;
    });
    return added;
}

void Machine::drop_stale(Vpage v) {
    const StaleSet s = stale_[v.value];
    for (const Pte& p : s.pte)
        if (p.present()) frames_.modify(p.pfn().value, [](Frame& f) { --f.nr_stale; });
    stale_.set(v.value, StaleSet{});
}

void Machine::flush_tlb(Vpage start, Vpage end) {
    if (start >= end) return;
    std::vector<u64> hit;
    stale_leaf_.for_each(pmd_idx(start), pmd_idx(end - 1) + 1, [&](u64 i, const Mark&) { hit.push_back(i); });
    for (u64 i : hit) stale_leaf_.set(i, Mark{});
    hit.clear();
    stale_.for_each(start.value, end.value, [&](u64 v, const StaleSet&) { hit.push_back(v); });
    for (u64 v : hit) drop_stale(Vpage{v});
}

void Machine::flush_tlb_all() {
    flush_tlb(Vpage{0}, geometry().vpage_of(Pfn{config_.nr_frames()}) + 1);
    vmalloc_.flush_tlb(Vmap{0}, Vmap{vmalloc_.nr_pages()});
}

// ---- the vmalloc range

// Frames that were taken for it become the range's while an entry maps them, and are their taker's again
// after.
void Machine::set_vmalloc_pte(Vmap v, Pte pte) {
    const Pte old = vmalloc_.set_pte(v, pte);
    if (old == pte) return;
    if (pte.present())
        frames_.modify(pte.pfn().value, [&](Frame& f) {
            ++f.nr_ptes;
            if (f.owner == Owner::detached) set_owner(pte.pfn(), f, Owner::vmalloc);
        });
    if (old.present())
        frames_.modify(old.pfn().value, [&](Frame& f) {
            if (--f.nr_ptes == 0 && f.owner == Owner::vmalloc) set_owner(old.pfn(), f, Owner::detached);
        });
}

void Machine::install_vmalloc_table(Vmap v, Pfn table) {
    vmalloc_.set_table(v, table);
    frames_.modify(table.value, [&](Frame& f) {
        f.installed = ~u64{0};
        --tally.private_tables;
    });
}

// ---- memory blocks

void Machine::add_block(u8 b, Nid nid, Pfn vmemmap, bool self_hosted) {
    hot_[b] = {.present = true, .self_hosted = self_hosted, .nid = nid, .vmemmap = vmemmap};
    const u64 n = config_.vmemmap_frames(config_.hot_block_frames);
    const Pfn start = config_.hot_block_start(b);
    std::vector<u64> reused; // they may have been vmemmap before
    frames_.for_each(vmemmap.value, vmemmap.value + n, [&](u64 i, const Frame&) { reused.push_back(i); });
    for (u64 i : reused) frames_.set(i, Frame{});
    buddy_.add_untouched(static_cast<Area>(config_.nr_nodes + b), self_hosted ? start + n : start,
                         start + config_.hot_block_frames);
    tally.vmemmap_buddy += static_cast<i64>(n);
    counters.memmap += static_cast<i64>(n);
}

// ---- before the page allocator is up

bool Machine::is_as_at_boot(u64 idx) const {
    const auto head = pmd(idx).kind == Pmd::Kind::leaf ? leaf_head(idx) : std::nullopt;
    return head && is_boot_memory(*head) && !stale_leaf_[idx].set;
}

void Machine::unpopulate(u64 idx) {
    const Pfn head = *leaf_head(idx);
    absent_.set(idx, Mark{1});
    for (u64 i = 0; i < u64{1} << pmd_shift_; ++i)
        frames_.modify((head + i).value, [&](Frame& f) { set_owner(head + i, f, Owner::memblock); });
    tally.vmemmap_boot -= i64{1} << pmd_shift_;
}

std::optional<Pfn> Machine::alloc_memblock(Nid nid) {
    const u64 start = config_.node_start(nid.value).value;
    std::optional<Pfn> found;
    frames_.for_each(start, start + config_.vmemmap_frames(config_.frames_per_node),
                     [&](u64 i, const Frame& f) {
                         if (!found && f.owner == Owner::memblock) found = Pfn{i};
                     });
    return detach(found);
}

void Machine::free_memblock(Pfn p) {
    frames_.modify(p.value, [&](Frame& f) { set_owner(p, f, Owner::memblock); });
}

// A leaf, where nothing is under the PMD and memblock has all that boot had there; else base pages.
void Machine::populate(Vpage start, Vpage end) {
    const u64 ptrs = u64{1} << pmd_shift_;
    for (u64 idx = pmd_idx(start); idx <= pmd_idx(end - 1); ++idx) {
        if (!absent_[idx].set || pmds_[idx].present()) continue;
        absent_.set(idx, Mark{});
        const Pfn head = *leaf_head(idx);
        u64 nr_free = 0;
        for (u64 i = 0; i < ptrs; ++i) nr_free += frame(head + i).owner == Owner::memblock;
        absent_.set(idx, Mark{nr_free != ptrs});
        for (u64 i = 0; i < ptrs && nr_free == ptrs; ++i)
            frames_.modify((head + i).value, [&](Frame& f) { set_owner(head + i, f, Owner::other); });
        if (nr_free == ptrs) tally.vmemmap_boot += static_cast<i64>(ptrs);
    }
    for (Vpage v = start; v < end; ++v) {
        const Nid nid = nid_of(Pfn{v.value * geometry().struct_pages_per_page()});
        if (pmd(pmd_idx(v)).kind == Pmd::Kind::none)
            if (const auto table = alloc_table(nid)) install_table(pmd_idx(v), *table);
        if (translate(v).present()) continue;
        if (const auto page = alloc_memblock(nid)) set_pte(pte_ref(v), Pte::map(*page, true));
    }
}

void Machine::init_struct_pages(Vpage v) {
    const Pfn p = translate(v).pfn();
    const bool as_booted = !frame(p).released && boot_vpage(p) == v;
    contents_.set(p.value, as_booted ? Contents{} : Contents::fresh(v));
}

} // namespace mmodel
