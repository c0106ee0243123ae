// SPDX-License-Identifier: GPL-2.0 OR MIT
// A state at rest as formulas: what invariant.hpp asks of it, and how it is shown.
#include <algorithm>
#include <numeric>

#include "spec/symbolic/hvo_machine.hpp"

namespace mmodel::symbolic {
namespace {

Terms named(z3::context& c, const std::string& name, u64 nr, unsigned bits) {
    Terms out;
    for (u64 i = 0; i < nr; ++i) {
        const std::string n = name + std::to_string(i);
        out.push_back(bits ? c.bv_const(n.c_str(), bits) : c.bool_const(n.c_str()));
    }
    return out;
}

unsigned bits_for(u64 n) { return static_cast<unsigned>(std::bit_width(n)); }

} // namespace

Contents initialised(const HvoShape& s, const hvo::Folio& f, u64 v) {
    Contents out{.kind = Contents::Kind::copy, .subject = f.head.value};
    if (Vpage{v} != s.geometry.vpage_of(f.head)) return out;
    out.slots[0] = slot::head;
    for (u8 j = 1; j < s.geometry.nr_used_subpage; ++j) out.slots[j] = static_cast<u8>(slot::meta + j);
    return out;
}

ContentsCodes::ContentsCodes(const HvoShape& s) : nr_vpages_(s.nr_vpages()) {
    all_.push_back(Contents::junk());
    for (u64 v = 0; v < s.nr_vpages(); ++v) all_.push_back(Contents::fresh(Vpage{v}));
    for (const hvo::Folio& f : s.folios) {
        Contents head = initialised(s, f, s.geometry.vpage_of(f.head).value);
        head.optimised = true;
        all_.push_back(head);
    }
}

u64 ContentsCodes::of(const Contents& c) {
    const auto it = std::ranges::find(all_, c);
    if (it != all_.end()) return static_cast<u64>(it - all_.begin());
    all_.push_back(c);
    return all_.size() - 1;
}

HvoState::HvoState(z3::context& ctx, const HvoShape& s, const ContentsCodes& cc)
    : c(ctx), shape(s), codes(cc), bits(bits_for(s.nr_frames())), leaf(named(c, "leaf", s.nr_pmds, 0)),
      split(named(c, "split", s.nr_pmds, 0)), table_of(named(c, "table", s.nr_pmds, bits)),
      kind(named(c, "kind", s.nr_pmds, 2)), frame_of(named(c, "pte", s.nr_vpages(), bits)),
      writable(named(c, "rw", s.nr_vpages(), 0)), place(named(c, "place", s.nr_frames(), 3)),
      released(named(c, "released", s.nr_frames(), 0)), contents(named(c, "contents", s.nr_frames(), 8)),
      slot(named(c, "slot", s.folios.size(), 2)), key(c.bv_const("key", 8)),
      memmap_drift(c.bv_const("memmap_drift", 8)), boot_drift(c.bv_const("memmap_boot_drift", 8)),
      enabled(c.bool_const("enabled")), walker_inside(c.bool_const("walker_inside")),
      walker_may(c.bool_const("walker_may_write")),
      walker_at(c.bv_const("walker_at", bits_for(s.nr_vpages()))), stale(c.bool_val(false)),
      unordered(c.bool_val(false)) {}

HvoState HvoState::booted(z3::context& c, const HvoShape& s, const ContentsCodes& codes) {
    HvoState b(c, s, codes);
    const Term yes = c.bool_val(true), no = c.bool_val(false);
    for (u64 p = 0; p < s.nr_pmds; ++p) b.leaf[p] = yes, b.split[p] = no;
    for (u64 f = 0; f < s.nr_frames(); ++f) {
        b.place[f] = number(c, f < s.nr_vpages() ? vmemmap : free, 3);
        b.released[f] = no;
        if (f < s.nr_vpages()) b.contents[f] = number(c, ContentsCodes::fresh(f), 8);
    }
    for (Term& t : b.slot) t = number(c, none, 2);
    b.key = b.memmap_drift = b.boot_drift = Count(number(c, 0, 8));
    b.walker_inside = b.walker_may = no;
    return b;
}

std::vector<u64> HvoState::vpages() const {
    std::vector<u64> out(shape.nr_vpages());
    std::iota(out.begin(), out.end(), u64{0});
    return out;
}
std::vector<u64> HvoState::frames() const {
    std::vector<u64> out(shape.nr_frames());
    std::iota(out.begin(), out.end(), u64{0});
    return out;
}
std::vector<int> HvoState::folios() const {
    std::vector<int> out(shape.folios.size());
    std::iota(out.begin(), out.end(), 0);
    return out;
}
u64 HvoState::start(int k) const {
    return shape.geometry.vpage_of(shape.folios[static_cast<std::size_t>(k)].head).value;
}
u64 HvoState::end(int k) const {
    return start(k) + shape.geometry.vmemmap_pages(shape.folios[static_cast<std::size_t>(k)].order);
}
int HvoState::folio_at(u64 v) const {
    for (const int k : folios())
        if (v >= start(k) && v < end(k)) return k;
    return -1;
}

Term HvoState::has_table_of_its_own(u64 p) const {
    Term out = select(place, table_of[p]) == number(c, table, 3);
    for (u64 q = 0; q < nr_pmds(); ++q)
        if (q != p) out = out && (leaf[q] || table_of[q] != table_of[p]);
    return out;
}

Term HvoState::leaf_is_as_booted(u64 p) const {
    Term out = c.bool_val(true);
    const u64 ptrs = shape.geometry.ptrs_per_pte;
    for (u64 f = p * ptrs; f < (p + 1) * ptrs; ++f) out = out && !released[f];
    return out;
}

Term HvoState::is_optimised(int k) const {
    Term out = c.bool_val(false);
    if (k < 0) return out;
    const Term code = select(contents, frame(start(k)));
    for (u64 i = 0; i < codes.size(); ++i)
        if (codes[i].optimised) out = out || code == number(c, i, 8);
    return out;
}

Term HvoState::maps_vmemmap_frame(u64 v) const { return select(place, frame(v)) == number(c, vmemmap, 3); }

Term HvoState::is_alone(u64 v, u64 lo, u64 hi) const {
    Term out = c.bool_val(true);
    for (const u64 w : vpages())
        if (w < lo || w >= hi) out = out && frame(w) != frame(v);
    return out;
}

Term HvoState::is_settled(u64 v) const {
    return select(contents, frame(v)) == number(c, ContentsCodes::fresh(v), 8);
}

Term HvoState::walker_may_write(u64 v) const {
    return walker_inside && walker_may && walker_at == number(c, v, walker_at.get_sort().bv_size());
}

Term HvoState::reads_flagged_head(int k) const {
    return select(contents, frame(start(k))) == number(c, codes.flagged_head(k), 8);
}

Term HvoState::is_mapped(u64 f) const {
    Term out = c.bool_val(false);
    for (const u64 v : vpages()) out = out || frame(v) == number(c, f, bits);
    return out;
}

Term HvoState::is_installed(u64 f) const {
    Term out = c.bool_val(false);
    for (u64 p = 0; p < nr_pmds(); ++p) out = out || (!leaf[p] && table_of[p] == number(c, f, bits));
    return out;
}

Term HvoState::is_reserved(u64 f) const {
    if (f >= shape.nr_vpages()) return c.bool_val(false);
    return !is(kind, pmd_of(f), hot) && !released[f];
}

Term HvoState::key_counts_optimised() const {
    Term sum = number(c, 0, 8);
    for (const int k : folios()) sum = sum + z3::ite(is_optimised(k), number(c, 1, 8), number(c, 0, 8));
    return key.term() == sum;
}

Term HvoState::well_formed() const {
    Term out = c.bool_val(true);
    auto below = [&](const Terms& cells, u64 n) {
        for (const Term& t : cells) out = out && z3::ult(t, number(c, n, t.get_sort().bv_size()));
    };
    below(table_of, shape.nr_frames());
    below(frame_of, shape.nr_frames());
    below(kind, 3);
    below(place, 5);
    below(contents, codes.flagged_head(static_cast<int>(shape.folios.size())));
    below(slot, 3);
    below({walker_at}, shape.nr_vpages());
    // The page allocator hands out folios that lie in one memory block.
    for (const int k : folios())
        for (u64 v = start(k); v < end(k); ++v) out = out && kind[pmd_of(v)] == kind[pmd_of(start(k))];
    return out;
}

std::string HvoState::show(const z3::model& m) const {
    static const char* const kinds[] = {"boot", "hot", "self-hosted"};
    static const char* const places[] = {"elsewhere", "vmemmap", "table", "nobody's", "free"};
    static const char* const slots[] = {"no folio", "lru", "hugetlb"};
    auto n = [&](const Term& t) { return m.eval(t, true).get_numeral_uint64(); };
    auto yes = [&](const Term& t) { return m.eval(t, true).is_true(); };
    std::string out;
    for (u64 p = 0; p < nr_pmds(); ++p) {
        out += "    PMD " + std::to_string(p) + " (" + kinds[n(kind[p]) % 3] + "): ";
        out += yes(leaf[p]) ? "leaf" : "table in pfn " + std::to_string(n(table_of[p]));
        for (const u64 v : vpages())
            if (pmd_of(v) == p)
                out += (v % shape.geometry.ptrs_per_pte ? ", " : "; vmemmap ") + std::to_string(v) +
                       " -> pfn " + std::to_string(n(frame(v))) + (yes(is_writable(v)) ? " rw" : " ro");
        out += "\n";
    }
    for (const int k : folios())
        out += "    folio " + std::to_string(k) + " (vmemmap " + std::to_string(start(k)) + ".." +
               std::to_string(end(k)) + "): " + slots[n(slot[static_cast<std::size_t>(k)]) % 3] +
               (yes(is_optimised(k)) ? ", optimised\n" : "\n");
    for (u64 at = 0; at < 5; ++at) {
        std::string list;
        for (const u64 f : frames())
            if (n(place[f]) == at) list += " " + std::to_string(f) + (yes(is_reserved(f)) ? "*" : "");
        if (!list.empty()) out += std::string("    frames ") + places[at] + ":" + list + "\n";
    }
    out += "    static key " + std::to_string(n(key.term())) + "; optimising is " +
           (yes(enabled) ? "on" : "off");
    if (yes(walker_inside))
        out += "; a walker is at vmemmap " + std::to_string(n(walker_at)) +
               (yes(walker_may) ? ", may write" : "");
    return out + "   (*: reserved)\n";
}

} // namespace mmodel::symbolic
