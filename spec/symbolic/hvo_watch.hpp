// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the rules of spec/judge/discipline.hpp see of HVO's machine of formulas.
#pragma once

#include <algorithm>

#include "spec/symbolic/hvo_machine.hpp"
#include "spec/symbolic/watch.hpp"

namespace mmodel::symbolic {

struct HvoFormulas {
    static constexpr bool has_vmemmap = true, has_vmalloc = false;
    using Frame = Term;

    const HvoMachine& m;
    const std::vector<spec::OwnVmemmap>& subjects;

    [[nodiscard]] Term truth(bool b) const { return m.now.c.bool_val(b); }
    [[nodiscard]] bool is_never(const Term& t) const { return t.simplify().is_false(); }
    [[nodiscard]] const Config& config() const { return m.config(); }
    [[nodiscard]] const Geometry& geometry() const { return m.geometry(); }
    [[nodiscard]] const spec::OwnVmemmap* subject_of(Vpage v) const {
        const auto it = std::ranges::find_if(subjects, [&](auto& s) { return v >= s.start && v < s.end; });
        return it == subjects.end() ? nullptr : &*it;
    }
    // Others have not changed.
    [[nodiscard]] const std::vector<spec::OwnVmemmap>& folios() const { return subjects; }

    [[nodiscard]] Term is_mapped(Pfn p) const { return m.is_mapped(p); }
    [[nodiscard]] Term is_detached(Pfn p) const {
        return m.at(m.now.place, p) == number(m.now.c, HvoState::detached, 3);
    }
    [[nodiscard]] Term may_be_cached(Pfn p) const { return m.may_be_cached(p); }
    [[nodiscard]] Term is_reserved(Pfn p) const { return m.reserved(p); }
    [[nodiscard]] Term is_under_unsplit_block(Pfn p) const { return m.is_under_unsplit_block(p); }
    [[nodiscard]] Term is_unordered(Pfn p) const { return m.is_unordered(p); }
    [[nodiscard]] bool is_locked(Lock l) const { return m.is_locked(l); }
    [[nodiscard]] Term is_leaf(u64 pmd) const { return m.now.leaf[pmd]; }
    [[nodiscard]] Term translates_as_the_leaf(Pfn table, u32 i, u64 pmd) const {
        const Pte e = m.entries(table)[i];
        if (!e.present() || !e.writable()) return truth(false);
        return m.frame(e.pfn()) == number(m.now.c, pmd * geometry().ptrs_per_pte + i, m.now.bits);
    }
    [[nodiscard]] Term is_self_hosted(Vpage v) const { return m.now.is_self_hosted(m.now.pmd_of(v.value)); }
    [[nodiscard]] Term maps(Vpage v, Pfn p) const { return m.frame(p) == frame_at(v); }
    [[nodiscard]] Term maps_another(Vpage v, Pfn p) const { return !maps(v, p); }
    [[nodiscard]] Term walker_may_write(Vpage v) const { return m.now.walker_may_write(v.value); }
    [[nodiscard]] Term is_writable(Vpage v) const { return m.now.is_writable(v.value); }
    template <class F>
    void for_each_stale(Vpage v, F&& f) const {
        if (m.is_leaf_stale(m.now.pmd_of(v.value)))
            f(truth(true), number(m.now.c, v.value, m.now.bits), truth(true));
        for (const auto& s : m.stale())
            if (s.v == v.value) f(s.when, s.frame, s.writable);
    }
    [[nodiscard]] Term frame(Pfn p) const { return m.frame(p); }
    [[nodiscard]] Term frame_at(Vpage v) const { return m.now.frame(v.value); }
    [[nodiscard]] Term is_flagged(const Term& f) const {
        return contains(
            f, [&](const Contents& c) { return c.optimised ? std::optional(truth(true)) : std::nullopt; });
    }
    [[nodiscard]] Term is_key_zero() const { return m.now.key.term() == 0; }
    [[nodiscard]] Term is_key_natural() const { return m.now.key.term() >= 0; }
    [[nodiscard]] Term reads_well(Vpage v, const Term& f) const {
        const Term key = m.now.key.term() > 0;
        return contains(f, [&](const Contents& c) {
            switch (reading(v, c)) {
            case spec::Reading::right: return std::optional(truth(true));
            case spec::Reading::right_with_key: return std::optional(key);
            case spec::Reading::junk:
            case spec::Reading::of_another:
            case spec::Reading::of_another_order:
            case spec::Reading::not_a_tail:
            case spec::Reading::last_not_tails:
            case spec::Reading::not_the_head:
            case spec::Reading::first_not_a_tail: break;
            }
            return std::optional<Term>();
        });
    }

    // The model's design shares none.
    [[nodiscard]] bool shares_tails() const { return false; }
    [[nodiscard]] static bool populates() { return false; }
    [[nodiscard]] static bool was_populated_optimised(const spec::OwnVmemmap&) { return false; }
    [[nodiscard]] Term is_shared_tail(Pfn) const { return truth(false); }
    [[nodiscard]] Term is_tail_of(Vpage, Pfn) const { return truth(false); }
    [[nodiscard]] Term reads_as_tails(Pfn, Order) const { return truth(false); }

private:
    // The frame holds one of the contents of which that holds.
    template <class Holds>
    [[nodiscard]] Term contains(const Term& f, Holds&& holds) const {
        const Term code = select(m.now.contents, f);
        Term out = truth(false);
        for (u64 i = 0; i < m.codes().size(); ++i)
            if (const std::optional<Term> when = holds(m.codes()[i]))
                out = out || (code == number(m.now.c, i, 8) && *when);
        return out;
    }
    // Fresh contents are those of whoever has the page: the folio, or somebody else.
    [[nodiscard]] spec::Reading reading(Vpage v, Contents found) const {
        const int k = m.now.folio_at(v.value);
        const hvo::Folio& f = m.now.shape.folios[static_cast<std::size_t>(k)];
        if (found.kind == Contents::Kind::fresh) {
            if (m.now.folio_at(found.subject) != k) return spec::Reading::of_another;
            found = initialised(m.now.shape, f, found.subject);
        }
        return spec::reading(geometry(), f, v, found);
    }
};

using HvoWatch = Watch<HvoMachine, HvoFormulas, std::vector<spec::OwnVmemmap>>;

} // namespace mmodel::symbolic
