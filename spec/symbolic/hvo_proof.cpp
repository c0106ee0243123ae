// SPDX-License-Identifier: GPL-2.0 OR MIT
// One step of HVO: from every state that satisfies the invariant, every operation, on every path, with any
// allocations failing, keeps the discipline at every event and ends in a state that satisfies it again.
#include <functional>

#include "spec/inductive/invariant.hpp"
#include "spec/symbolic/hvo_watch.hpp"
#include "spec/symbolic/steps.hpp"

namespace mmodel::symbolic {

namespace {

using K = Kernel<HvoWatch, HvoMachine, AnyFaults>;
using spec::Inv;

std::vector<Claim> invariant(const HvoState& s) {
    std::vector<Claim> out;
    hvo_invariant<Term>(
        s, [&](const char* name, const Term& holds) { out.push_back({holds.simplify(), name, "at rest"}); });
    return out;
}

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

// The operations of a shape, each a name and how it is run.
struct Step {
    std::string name;
    Op op;
};

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

std::vector<int> slots_in(u16 mask) {
    std::vector<int> out;
    for (int k = 0; k < 16; ++k)
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

// spec/judge/hvo_outcome.cpp: what the outcome promises of each folio.
void judge_outcome(const HvoState& was, const HvoMachine& m, const hvo::Pool& pool, const Op& op,
                   const Outcome& o, const K& k, std::vector<Claim>& out) {
    const bool failed = o.err != Errno::ok, wanted = k.nr_failed_allocs() > 0;
    auto say = [&](Inv inv, const Term& t) {
        out.push_back({t.simplify(), std::string(spec::fact(inv).name), "outcome"});
    };
    z3::context& c = was.c;
    u64 i = 0;
    for (const int f : slots_in(slots_named(was.shape, op))) {
        const Term before = was.is_optimised(f), now = m.now.is_optimised(f);
        const Term eligible = c.bool_val(pool.enabled) && !was.is_self_hosted(was.pmd_of(was.start(f)));
        switch (hvo_op(op.kind)) {
        case HvoOp::optimise:
        case HvoOp::optimise_list:
            say(Inv::outcome_is_what_the_operation_promises, !before || now);
            say(Inv::outcome_is_what_the_operation_promises, before || !now || eligible);
            say(Inv::outcome_is_what_the_operation_promises, now || !eligible || c.bool_val(wanted));
            break;
        case HvoOp::restore:
        case HvoOp::free_folio:
            say(Inv::outcome_is_what_the_operation_promises, c.bool_val(!failed || wanted));
            say(Inv::failed_operation_is_rolled_back, failed ? before == now : !now);
            for (u64 v = was.start(f); failed && v < was.end(f); ++v)
                say(Inv::failed_operation_is_rolled_back, was.frame(v) == m.now.frame(v));
            break;
        case HvoOp::restore_list:
            say(Inv::outcome_is_what_the_operation_promises,
                now == (i++ < o.moved ? c.bool_val(false) : before));
            say(Inv::outcome_is_what_the_operation_promises, c.bool_val(!failed || wanted));
            break;
        case HvoOp::alloc_folio:
        case HvoOp::sysctl:
        case HvoOp::alloc_lru:
        case HvoOp::free_lru:
        case HvoOp::walker_enter:
        case HvoOp::walker_try_get:
        case HvoOp::walker_leave:
        case HvoOp::hot_add:
        case HvoOp::take_pages:
        case HvoOp::give_pages: break; // nothing under test
        }
    }
}

// The proof of one operation.
void prove_step(z3::context& c, const HvoShape& s, ContentsCodes& codes, const Step& step, Paths& paths,
                Result& out) {
    const HvoState before(c, s, codes);
    const u16 known = slots_named(s, step.op);
    const auto assumed = invariant(before);
    const Refuter refuter(assumed);
    paths.each(before.well_formed() && all_hold(c, assumed), [&] {
        HvoMachine m(paths, s, before, codes);
        HvoWatch watch(slots_in(known));
        K k(m, watch, AnyFaults{&paths});
        hvo::Pool pool;
        for (const int i : slots_in(known))
            pool.slots[static_cast<std::size_t>(i)] = {m.slot_state(static_cast<u8>(i)), From::buddy,
                                                       s.sizes[static_cast<std::size_t>(i)],
                                                       s.folios[static_cast<std::size_t>(i)].head};
        if (step.op.kind == OpKind::optimise || step.op.kind == OpKind::optimise_list)
            pool.enabled = paths.decide(m.now.enabled);
        const Outcome o = run(paths, m, pool, k, step.op);
        m.end(pool, known);
        std::vector<Claim> claims = watch.claims();
        for (Claim& x : invariant(m.now)) claims.push_back(std::move(x));
        if (!o.disabled) judge_outcome(before, m, pool, step.op, o, k, claims);
        const auto model = refuter.refute(paths, claims);
        if (!model) return;
        const Claim* broken = first_broken(claims, *model);
        out.proved = false;
        out.broken = broken ? broken->name : "?";
        out.example = "  before:\n" + before.show(*model) + "  " + step.name;
        for (const std::string& n : paths.notes()) out.example += ", " + n;
        out.example += o.disabled ? " is disabled\n"
                                  : std::string(" returns ") + name(o.err) + "\n" + watch.show(*model);
        out.example += "  broken: " + out.broken + " (" + (broken ? broken->where : "") + ")\n  after:\n" +
                       m.now.show(*model);
        paths.stop();
    });
}

using ShapeOf = const HvoShape& (*)();

// optimise_list has by far the most paths: a theorem of its own.
template <ShapeOf shape, bool lists>
Result prove_steps(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    ContentsCodes codes(shape());
    for (const Step& step : steps(shape())) {
        if ((step.op.kind == OpKind::optimise_list) != lists) continue;
        Paths paths(c);
        prove_step(c, shape(), codes, step, paths, out);
        out.nr_paths += paths.nr_paths();
        out.nr_checks += paths.nr_checks();
        if (!out.proved) break;
    }
    out.seconds = watch.seconds();
    return out;
}

// Boot leaves a state that satisfies the invariant, wherever each PMD's memory came from.
template <ShapeOf shape>
Result prove_init(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    const ContentsCodes codes(shape());
    const HvoState boot = HvoState::booted(c, shape(), codes);
    const auto claims = invariant(boot);
    Paths paths(c);
    paths.each(boot.well_formed(), [&] {
        const auto model = paths.refute(all_hold(c, claims));
        if (!model) return;
        out.proved = false;
        out.broken = first_broken(claims, *model)->name;
        out.example = "  at boot:\n" + boot.show(*model);
    });
    out.nr_paths = paths.nr_paths(), out.nr_checks = paths.nr_checks(), out.seconds = watch.seconds();
    return out;
}

// The invariant holds in states of every kind: it is not empty.
template <ShapeOf shape>
Result prove_inhabited(const Theorem&) {
    const Stopwatch watch;
    Result out;
    z3::context c;
    const ContentsCodes codes(shape());
    const HvoState s(c, shape(), codes);
    const Term base = s.well_formed() && all_hold(c, invariant(s));
    Term all = c.bool_val(true), none = c.bool_val(true), strangers = c.bool_val(false);
    for (const int k : s.folios()) {
        all = all && s.is_optimised(k);
        none = none && !s.is_optimised(k) && s.is_hugetlb(k) && !s.is_leaf(s.pmd_of(s.start(k)));
        for (u64 v = s.start(k); v < s.end(k); ++v)
            strangers = strangers ||
                        (s.is_optimised(k) && s.frame_of[v] == number(c, shape().nr_frames() - 1, s.bits));
    }
    const std::pair<const char*, Term> probes[] = {
        {"every folio optimised", all},
        {"every folio plain, under tables", none},
        {"one optimised in a frame from elsewhere", strangers},
        {"a walker that may write", s.walker_inside && s.walker_may},
        {"self-hosted and optimised side by side",
         shape().nr_pmds < 3 || shape().folios.size() < 2
             ? c.bool_val(true)
             : s.is_self_hosted(shape().nr_pmds - 1) && s.is_optimised(0)},
    };
    Paths paths(c);
    paths.each(base, [&] {
        for (const auto& [name, probe] : probes)
            if (paths.holds(!probe)) out.proved = false, out.broken = std::string("no state has ") + name;
    });
    if (!paths.nr_paths()) out.proved = false, out.broken = "no state satisfies the invariant";
    out.nr_paths = paths.nr_paths(), out.nr_checks = paths.nr_checks(), out.seconds = watch.seconds();
    return out;
}

// What the invariant is at boot, and which states it allows.
template <ShapeOf shape>
void add_states(std::vector<Theorem>& out, const std::string& name, bool is_long) {
    const std::string of = std::string(" (") + shape().name + ")";
    out.push_back({"hvo_" + name + "_init", is_long, prove_init<shape>, "boot satisfies the invariant" + of});
    out.push_back({"hvo_" + name + "_inhabited", is_long, prove_inhabited<shape>,
                   "states of every kind satisfy it" + of});
}

template <ShapeOf shape>
void add(std::vector<Theorem>& out, const std::string& name, bool is_long) {
    const std::string of = std::string(" (") + shape().name + ")";
    add_states<shape>(out, name, is_long);
    out.push_back({"hvo_" + name + "_step", is_long, prove_steps<shape, false>,
                   "every operation but optimise_list keeps the discipline and the invariant" + of, true});
    out.push_back({"hvo_" + name + "_list", is_long || shape().nr_pmds > 1, prove_steps<shape, true>,
                   "... and optimise_list" + of, true});
}

} // namespace

void add_hvo_theorems(std::vector<Theorem>& out) {
    add<two>(out, "two", false);
    add<gigantic>(out, "gigantic", false);
    add<three>(out, "three", true);
    add_states<larger>(out, "larger", false); // its steps were not seen to end in half an hour
}

} // namespace mmodel::symbolic
