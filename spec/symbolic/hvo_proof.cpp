// SPDX-License-Identifier: GPL-2.0 OR MIT
// The proofs of HVO: what driver.hpp has to know of it, and over which folios.
#include "spec/inductive/invariant.hpp"
#include "spec/judge/hvo_outcome.hpp"
#include "spec/symbolic/driver.hpp"
#include "spec/symbolic/hvo_watch.hpp"
#include "spec/symbolic/steps.hpp"

namespace mmodel::symbolic {

namespace {

using K = Kernel<HvoWatch, HvoMachine, AnyFaults>;

hvo::Folio folio_at(const Geometry& g, u64 vpage, u8 size) {
    return {Pfn{vpage * g.struct_pages_per_page()}, g.folio_order[size]};
}

// Tables of `ptrs` entries; pages and struct pages as on "tiny".
Geometry tiny(u32 ptrs, std::array<u8, max_hstates> orders) {
    Geometry g = parse_config("tiny")->geometry;
    g.ptrs_per_pte = ptrs;
    g.folio_order = orders;
    return g;
}

const HvoShape& three() {
    static const HvoShape s = [] {
        const Geometry g = tiny(4, {3});
        return HvoShape{"three small folios over 2 PMDs",
                        g,
                        2,
                        {folio_at(g, 0, 0), folio_at(g, 2, 0), folio_at(g, 4, 0)},
                        {0, 0, 0},
                        6,
                        {0b101, 0b011}};
    }();
    return s;
}

// Every folio has PMDs of its own: a split may fail when PTEs have changed already.
const HvoShape& gigantic() {
    static const HvoShape s = [] {
        const Geometry g = tiny(2, {3, 4});
        return HvoShape{"a gigantic folio over 2 PMDs", g, 2, {folio_at(g, 0, 1)}, {1}, 5, {0b1}};
    }();
    return s;
}

const HvoShape& two() {
    static const HvoShape s = [] {
        const Geometry g = tiny(4, {3});
        return HvoShape{
            "two small folios in one PMD", g, 1, {folio_at(g, 0, 0), folio_at(g, 2, 0)}, {0, 0}, 4, {0b11}};
    }();
    return s;
}

const HvoShape& larger() {
    static const HvoShape s = [] {
        const Geometry g = tiny(4, {3, 5});
        return HvoShape{"two small folios and a gigantic one over 3 PMDs",
                        g,
                        3,
                        {folio_at(g, 0, 0), folio_at(g, 2, 0), folio_at(g, 4, 1)},
                        {0, 0, 1},
                        10,
                        {0b011}};
    }();
    return s;
}

// The operations of a shape.
std::vector<Step> steps(const HvoShape& s) {
    std::vector<Step> out;
    auto add = [&](std::string name, Op op) { out.push_back({std::move(name), op}); };
    for (u8 k = 0; k < s.folios.size(); ++k) {
        const std::string of = " folio=" + std::to_string(k);
        add("optimise" + of, {.kind = OpKind::optimise, .folio = k});
        add("restore" + of, {.kind = OpKind::restore, .folio = k});
        add("alloc_folio" + of, {.kind = OpKind::alloc_folio, .folio = k, .size = s.sizes[k]});
        add("free_folio" + of, {.kind = OpKind::free_folio, .folio = k});
        add("alloc_lru" + of, {.kind = OpKind::alloc_lru, .folio = k, .size = s.sizes[k]});
        add("free_lru" + of, {.kind = OpKind::free_lru, .folio = k});
        const u32 per = static_cast<u32>(s.geometry.struct_pages_per_page());
        for (u32 page = 0; page < 1u << s.folios[k].order; page += per)
            add("walker_enter" + of + " page=" + std::to_string(page),
                {.kind = OpKind::walker_enter, .folio = k, .page = page});
    }
    for (const u16 mask : s.lists) {
        std::string of = " folios=";
        for (u8 k = 0; k < s.folios.size(); ++k)
            if (mask >> k & 1) of += (of.back() == '=' ? "" : ",") + std::to_string(k);
        add("optimise_list" + of, {.kind = OpKind::optimise_list, .folios = mask});
        add("restore_list" + of, {.kind = OpKind::restore_list, .folios = mask});
    }
    add("walker_try_get", {.kind = OpKind::walker_try_get});
    add("walker_leave", {.kind = OpKind::walker_leave});
    add("sysctl", {.kind = OpKind::sysctl});
    add("take_pages", {.kind = OpKind::take_pages});
    add("give_pages", {.kind = OpKind::give_pages});
    return out;
}

u16 slots_named(const HvoShape& s, const Op& op) {
    const u32 f = fields_of(op.kind);
    u16 out = f & f_folios ? op.folios : 0;
    if (f & f_folio) out |= static_cast<u16>(1 << op.folio);
    return out & static_cast<u16>((1 << s.folios.size()) - 1);
}

std::vector<u8> slots_in(u16 mask) {
    std::vector<u8> out;
    for (u8 k = 0; k < max_folios; ++k)
        if (mask >> k & 1) out.push_back(k);
    return out;
}

// Somebody else takes a free frame, or gives back one that he had.
void environment(Paths& paths, HvoMachine& m, u64 from, u64 to) {
    const Term x = m.now.c.bv_const(paths.fresh("frame").c_str(), m.now.bits);
    paths.assume(z3::ult(x, number(m.now.c, m.now.shape.nr_frames(), m.now.bits)) &&
                 select(m.now.place, x) == number(m.now.c, from, 3));
    store(m.now.place, x, number(m.now.c, to, 3));
}

Outcome run(Paths& paths, HvoMachine& m, hvo::Pool& pool, K& k, const Op& op) {
    if (op.kind == OpKind::sysctl) return m.now.enabled = m.now.c.bool_const("switched"), Outcome{};
    if (op.kind == OpKind::take_pages)
        return environment(paths, m, HvoState::free, HvoState::other), Outcome{};
    if (op.kind == OpKind::give_pages)
        return environment(paths, m, HvoState::other, HvoState::free), Outcome{};
    return run_on_folios(m, pool, k, op);
}

// What the outcome promises of one folio; `i`: the how manieth of the operation's it is.
template <class Say>
void judge_folio(const HvoState& was, const HvoState& now, bool enabled, const Op& op, const Outcome& o,
                 bool alloc_failed, int f, u64 i, Say&& say) {
    const Term before = was.is_optimised(f), after = now.is_optimised(f);
    Term as_before = was.c.bool_val(true);
    switch (spec::promise_of(hvo_op(op.kind))) {
    case spec::Promise::optimise:
        return spec::judge_optimised_folio(
            before, after, was.c.bool_val(enabled) && !was.is_self_hosted(was.pmd_of(was.start(f))),
            alloc_failed, say);
    case spec::Promise::restore:
        for (u64 v = was.start(f); v < was.end(f); ++v) as_before = as_before && was.frame(v) == now.frame(v);
        return spec::judge_restored_folio(before, after, as_before, o.err, say);
    case spec::Promise::restore_list: return spec::judge_listed_folio(before, after, i < o.moved, say);
    case spec::Promise::none: return;
    }
}

std::vector<Claim> promises(const HvoState& was, const HvoMachine& m, const hvo::Pool& pool, const Op& op,
                            const Outcome& o, bool alloc_failed) {
    std::vector<Claim> out;
    auto say = [&](spec::Inv inv, const Term& t, const auto&) {
        out.push_back({t.simplify(), std::string(spec::fact(inv).name), "outcome"});
    };
    if (o.disabled) return out;
    if (op.kind == OpKind::restore || op.kind == OpKind::restore_list || op.kind == OpKind::free_folio)
        say(spec::Inv::outcome_is_what_the_operation_promises,
            was.c.bool_val(o.err == Errno::ok || alloc_failed), "");
    u64 i = 0;
    for (const int f : slots_in(slots_named(was.shape, op)))
        judge_folio(was, m.now, pool.enabled, op, o, alloc_failed, f, i++, say);
    return out;
}

class HvoRoom {
public:
    using Shape = HvoShape;
    using State = HvoState;

    HvoRoom(z3::context& c, const HvoShape& s) : c_(c), shape_(s), codes_(s) {}

    [[nodiscard]] HvoState any() const { return HvoState(c_, shape_, codes_); }
    [[nodiscard]] HvoState booted() const { return HvoState::booted(c_, shape_, codes_); }
    template <class Say>
    static void invariant(const HvoState& s, Say&& say) {
        hvo_invariant<Term>(s, say);
    }
    [[nodiscard]] std::vector<Step> steps() const { return symbolic::steps(shape_); }
    Ended<HvoState> run(Paths& paths, const HvoState& before, const Step& step);
    [[nodiscard]] std::vector<std::pair<std::string, Term>> probes(const HvoState& s) const;

private:
    z3::context& c_;
    const HvoShape& shape_;
    ContentsCodes codes_;
};

Ended<HvoState> HvoRoom::run(Paths& paths, const HvoState& before, const Step& step) {
    const u16 known = slots_named(shape_, step.op);
    HvoMachine m(paths, shape_, before, codes_);
    std::vector<spec::OwnVmemmap> subjects;
    for (const u8 k : slots_in(known)) subjects.push_back({Vpage{before.start(k)}, Vpage{before.end(k)}});
    HvoWatch watch(std::move(subjects));
    K k(m, watch, AnyFaults{&paths});
    hvo::Pool pool;
    for (const u8 i : slots_in(known))
        pool.slots[i] = {m.slot_state(i), From::buddy, shape_.sizes[i], shape_.folios[i].head};
    if (step.op.kind == OpKind::optimise || step.op.kind == OpKind::optimise_list)
        pool.enabled = paths.decide(m.now.enabled);
    const Outcome o = symbolic::run(paths, m, pool, k, step.op);
    m.end(pool, known);
    return {m.now, watch, promises(before, m, pool, step.op, o, k.nr_failed_allocs() > 0), o};
}

std::vector<std::pair<std::string, Term>> HvoRoom::probes(const HvoState& s) const {
    Term all = c_.bool_val(true), none = all, strangers = c_.bool_val(false);
    for (const int k : s.folios()) {
        all = all && s.is_optimised(k);
        none = none && !s.is_optimised(k) && s.is_hugetlb(k) && !s.is_leaf(s.pmd_of(s.start(k)));
        for (u64 v = s.start(k); v < s.end(k); ++v)
            strangers = strangers ||
                        (s.is_optimised(k) && s.frame_of[v] == number(c_, shape_.nr_frames() - 1, s.bits));
    }
    return {{"every folio optimised", all},
            {"every folio plain, under tables", none},
            {"one optimised in a frame from elsewhere", strangers},
            {"a walker that may write", s.walker_inside && s.walker_may},
            {"self-hosted and optimised side by side",
             shape_.nr_pmds < 3 || shape_.folios.size() < 2
                 ? c_.bool_val(true)
                 : s.is_self_hosted(shape_.nr_pmds - 1) && s.is_optimised(0)}};
}

void add(std::vector<Theorem>& out, const std::string& name, const HvoShape& s, bool is_long) {
    add_states<HvoRoom>(out, "hvo_" + name, is_long, s);
    // optimise_list has by far the most paths.
    const Part step{"_step", "every operation but optimise_list keeps the discipline and the invariant",
                    is_long, [](const Step& x) { return x.op.kind != OpKind::optimise_list; }};
    const Part list{"_list", "... and optimise_list", is_long || s.nr_pmds > 1,
                    [](const Step& x) { return x.op.kind == OpKind::optimise_list; }};
    for (const Part& part : {step, list}) add_steps<HvoRoom>(out, "hvo_" + name, part, s);
}

} // namespace

void add_hvo_theorems(std::vector<Theorem>& out) {
    add(out, "two", two(), false);
    add(out, "gigantic", gigantic(), false);
    add(out, "three", three(), true);
    add_states<HvoRoom>(out, "hvo_larger", false, larger()); // its steps were not seen to end in half an hour
}

} // namespace mmodel::symbolic
