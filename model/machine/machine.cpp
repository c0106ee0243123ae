// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/machine.hpp"

#include <algorithm>

namespace mmodel {

Machine::Machine(const Config& c)
    : config_(c), pmd_shift_(c.geometry.pmd_order().value), frames_(c.nr_frames()), contents_(c.nr_frames()),
      ptes_(c.nr_frames() << pmd_shift_),
      pmds_((c.geometry.vpage_of(Pfn{c.nr_frames()}).value >> pmd_shift_) + 1),
      stale_(c.geometry.vpage_of(Pfn{c.nr_frames()}).value + 1),
      stale_leaf_((c.geometry.vpage_of(Pfn{c.nr_frames()}).value >> pmd_shift_) + 1),
      absent_((c.geometry.vpage_of(Pfn{c.nr_frames()}).value >> pmd_shift_) + 1),
      split_((c.geometry.vpage_of(Pfn{c.nr_frames()}).value >> pmd_shift_) + 1), buddy_(c),
      vmalloc_(c.vmalloc_pages, pmd_shift_), tags_(c.nr_frames()), online_(u64{1} << c.boot_cpu()) {
    const u64 boot = u64{c.boot_gigantic} << c.geometry.folio_order[c.geometry.nr_hstates() - 1];
    const u64 vmemmap = c.vmemmap_frames(c.frames_per_node);
    for (u8 n = 0; n < c.nr_nodes; ++n) {
        const Pfn start = c.node_start(n);
        buddy_.add_untouched(n, start + vmemmap, c.highmem_start(n) - boot);
        if (c.highmem_frames)
            buddy_.add_untouched(highmem_area(n), c.highmem_start(n), start + c.frames_per_node);
    }
    tally.vmemmap_boot = counters.memmap_boot = static_cast<i64>(vmemmap * c.nr_nodes);
}

// ---- what is where

Nid Machine::nid_of(Pfn p) const {
    const Area a = area_of(p);
    if (a < config_.nr_nodes) return Nid{a};
    return p < config_.hot_start() ? Nid{node_at(p)} : hot_[a - config_.nr_nodes].nid;
}

bool Machine::is_free(Pfn p) const { return is_populated(p) && buddy_.is_free(area_of(p), p); }

FreeRun Machine::free_run_from(Pfn p) const {
    const Area a = area_of(p);
    if (is_populated(p)) return buddy_.run_from(a, p);
    const u64 block = (p - config_.hot_start()) / config_.hot_block_frames;
    return {false, config_.hot_start() + (block + 1) * config_.hot_block_frames};
}

std::optional<Pfn> Machine::first_detached() const {
    std::optional<Pfn> found;
    frames_.for_each(0, config_.nr_frames(), [&](u64 i, const Frame& f) {
        if (!found && f.owner == Owner::detached) found = Pfn{i};
    });
    return found;
}

std::optional<Pfn> Machine::shared_tail(u8 zone, u8 order) const {
    for (const SharedTail& t : shared_tails_)
        if (t.zone == zone && t.order == order) return t.pfn;
    return std::nullopt;
}

// ---- struct pages

const Compound* Machine::compound_at(Vpage v) const {
    for (const Compound& c : compounds_) {
        if (!c.order) continue;
        const Vpage start = geometry().vpage_of(c.head);
        if (v >= start && v < start + geometry().vmemmap_pages(c.order) &&
            geometry().optimizable_pages(c.order) > 0)
            return &c;
    }
    return nullptr;
}

Contents Machine::freshly_initialised(Vpage v) const {
    Contents out{.kind = Contents::Kind::copy};
    const Compound* c = compound_at(v);
    if (!c) {
        out.slots.fill(slot::plain);
        out.rest = slot::plain;
        return out;
    }
    out.subject = c->head.value;
    if (v != geometry().vpage_of(c->head)) return out; // every slot a tail
    out.slots[0] = slot::head;
    for (u8 j = 1; j < geometry().nr_used_subpage; ++j) out.slots[j] = static_cast<u8>(slot::meta + j);
    return out;
}

Contents Machine::read(Pfn p) const {
    const Contents c = as_kept(p);
    return c.kind == Contents::Kind::fresh ? freshly_initialised(Vpage{c.subject}) : c;
}

void Machine::write(Pfn p, const Contents& c) { contents_.set(p.value, c); }

void Machine::settle(Pfn p, Vpage v) {
    const Contents& c = contents_[p.value];
    if (c.kind != Contents::Kind::copy || c != freshly_initialised(v)) return;
    const bool as_booted = !frame(p).released && boot_vpage(p) == v;
    contents_.set(p.value, as_booted ? Contents{} : Contents::fresh(v));
}

u64 Machine::hash() const {
    u64 h = frames_.hash();
    for (u64 x :
         {contents_.hash(), ptes_.hash(), pmds_.hash(), stale_.hash(), stale_leaf_.hash(), split_.hash(),
          buddy_.hash(), static_cast<u64>(counters.static_key), static_cast<u64>(counters.memmap),
          static_cast<u64>(counters.memmap_boot), static_cast<u64>(tally.detached),
          static_cast<u64>(tally.objects), vmalloc_.hash(), tags_.hash(), online_,
          u64{lock_depth_[2]} << 24 | u64{lock_depth_[3]} << 16 | u64{lock_depth_[0]} << 8 | lock_depth_[1]})
        h = hash_combine(h, x);
    for (const Compound& c : compounds_) h = hash_combine(h, c.head.value << 8 | c.order);
    for (const HotBlock& b : hot_)
        h = hash_combine(h,
                         b.vmemmap.value << 8 | u64{b.nid.value} << 2 | u64{b.self_hosted} << 1 | b.present);
    for (const Walker& w : walkers) h = hash_combine(h, w.page.value << 2 | u64{w.may_write} << 1 | w.inside);
    for (u64 p : pressure_) h = hash_combine(h, p);
    for (Pfn p : unordered_) h = hash_combine(h, p.value);
    for (const SharedTail& t : shared_tails_)
        h = hash_combine(h, t.pfn.value << 16 | u64{t.zone} << 8 | t.order);
    return absent_.hash() ? hash_combine(h, absent_.hash()) : h;
}

} // namespace mmodel
