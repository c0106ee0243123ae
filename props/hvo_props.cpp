// SPDX-License-Identifier: GPL-2.0 OR MIT
// Random sequences on the model, under the whole specification.
#include <array>
#include <catch2/catch.hpp>
#include <utility>

#include "props/example.hpp"
#include "props/prop.hpp"
#include "props/reach.hpp"
#include "spec/sabotage/advance.hpp"

namespace mmodel {
namespace {

// How many folios were compared, and how many of them had been optimised and then restored.
struct Compared {
    u64 all{}, restored{};
};

// The same operations on two worlds, on one of them without every optimise. What a folio's reader sees must
// not depend on whether somebody optimised and restored it on the way, whatever allocations failed: the
// contents of struct pages are equal wherever a folio is plain in both. Folios that lie elsewhere in one of
// them, because memory ran out or was taken differently, are not compared.
class Twins {
public:
    Twins(const Trace& t, Compared& n)
        : with_(t.config), without_(t.config), sabotage_(sabotage_of(t)), n_(n) {}

    // False if a folio that was optimised before reads differently.
    bool run(const Op& op) {
        with_ = step(with_, op, sabotage_).next;
        if (op.kind != OpKind::optimise && op.kind != OpKind::optimise_list)
            without_ = step(without_, op).next;
        bool same = true;
        for (u8 i = 0; i < max_folios; ++i) {
            const bool is_hugetlb = with_.pool().slots[i].state == hvo::SlotState::hugetlb;
            const bool optimised = is_hugetlb && is_optimised(with_, i);
            had_been_[i] = is_hugetlb && (had_been_[i] || optimised);
            if (std::exchange(was_[i], optimised) && is_there(i) && !optimised) same &= compare(i);
        }
        return same;
    }

    // The same of all folios that are plain.
    bool compare_all() {
        bool same = true;
        for (u8 i = 0; i < max_folios; ++i)
            if (is_there(i) && !is_optimised(with_, i)) same &= compare(i);
        return same;
    }

private:
    [[nodiscard]] bool is_there(u8 i) const {
        return with_.pool().slots[i].state == hvo::SlotState::hugetlb &&
               with_.pool().slots[i] == without_.pool().slots[i];
    }
    bool compare(u8 i) {
        ++n_.all;
        n_.restored += had_been_[i];
        return seen(with_, i).contents == seen(without_, i).contents;
    }

    World with_, without_;
    Sabotage sabotage_;
    Compared& n_;
    std::array<bool, max_folios> was_{}, had_been_{}; // optimised, since it was taken
};

// Compares each folio when it is restored, those that are left when all are restored in the end, and then all
// that are plain.
Judge judge_identity(Compared& n) {
    return [&n](const Trace& t) -> Verdict {
        const u64 before = n.restored;
        Twins twins(t, n);
        bool same = true;
        for (const Op& op : t.ops) same &= twins.run(op);
        for (u8 i = 0; i < max_folios; ++i) same &= twins.run({.kind = OpKind::restore, .folio = i});
        same &= twins.compare_all();
        if (!same)
            return Broken{"identity", "A folio that was optimised and restored reads as one that never was."};
        return n.restored == before ? Verdict::says_nothing() : Verdict{};
    };
}

// With folios from the start: nine such traces in ten restore one that lies where its twin does.
rc::Gen<Trace> gen_with_folios(const std::string& geometry, const Mix& mix) {
    std::vector<Op> folios;
    for (u8 i = 0; i < 4; ++i) folios.push_back({.kind = OpKind::alloc_folio, .folio = i});
    return with_first(gen_trace(config_of(geometry), mix, 10, 60), folios);
}

constexpr Mix small{.gigantic_percent = 20, .max_fault = 12};
// Tables of a gigantic folio's split come early; pages of its restore are thousands.
constexpr Mix gigantic{.nr_folios = 2, .gigantic_percent = 100, .fault_percent = 60, .max_fault = 14};

} // namespace

TEST_CASE(
    "every sequence on the tiny machine satisfies the specification, and every frame is where it should be",
    "[times]") {
    prop("spec and audit, tiny", 1'500, gen_trace(config_of("tiny"), small, 1, 60), judge_spec_and_audit);
    prop("spec and audit, tiny boot=1", 500, gen_trace(config_of("tiny boot=1"), small, 1, 60),
         judge_spec_and_audit);
    prop("spec and audit, tiny nodes=2 boot=1", 500,
         gen_trace(config_of("tiny nodes=2 boot=1"), small, 1, 60), judge_spec_and_audit);
    prop("spec and audit, tiny memory=16K", 500, gen_trace(config_of("tiny memory=16K"), small, 1, 60),
         judge_spec_and_audit);
}

TEST_CASE("every sequence on the tiny machine satisfies the specification", "[times]") {
    prop("spec, tiny", 6'000, gen_trace(config_of("tiny"), small, 1, 80), judge_spec);
    prop("spec, tiny nodes=2", 6'000, gen_trace(config_of("tiny nodes=2"), small, 1, 80), judge_spec);
}

TEST_CASE("every sequence on x86-64 satisfies the specification", "[times]") {
    prop("spec, x86-64", 400, gen_trace(config_of("x86-64"), {}, 1, 80), judge_spec);
    prop("spec, x86-64 nodes=2 boot=1", 300, gen_trace(config_of("x86-64 nodes=2 boot=1"), {}, 1, 80),
         judge_spec);
    prop("spec, x86-64 gigantic", 150, gen_trace(config_of("x86-64 boot=1"), gigantic, 1, 40), judge_spec);
}

TEST_CASE("every sequence on arm64 satisfies the specification", "[times]") {
    prop("spec, arm64-4k", 150, gen_trace(config_of("arm64-4k"), {}, 1, 60), judge_spec);
    prop("spec, arm64-16k", 150, gen_trace(config_of("arm64-16k"), {}, 1, 60), judge_spec);
    prop("spec, arm64-64k", 100, gen_trace(config_of("arm64-64k"), {}, 1, 60), judge_spec);
}

TEST_CASE("a folio that was optimised and restored reads as one that never was, whatever allocations failed",
          "[times]") {
    const auto identity = [](const std::string& geometry, int cases, const Mix& mix) {
        Compared n;
        prop("identity, " + geometry, {cases, 20}, gen_with_folios(geometry, mix), judge_identity(n));
        UNSCOPED_INFO(geometry << ": " << n.restored << " of " << n.all << " folios had been restored");
        CHECK(2 * n.restored > n.all);
    };
    identity("tiny", 2'000, small);
    identity("x86-64", 100, {});
}

TEST_CASE("a restore that leaves struct pages as they were is found, and printed in two lines") {
    for (const char* sabotage : {"no_reset", "no_copy"}) {
        Compared n;
        const auto gen = with_break(gen_with_folios("tiny", small), sabotage);
        const auto r = check_traces("identity", {.seed = 1, .budget = 300}, gen, judge_identity(n));
        INFO(r.report);
        REQUIRE(r.least);
        CHECK(r.least->ops.size() == 2);
    }
}

TEST_CASE("every drawn trace reads back from its text and from its bytes", "[times]") {
    for (const char* geometry :
         {"tiny", "tiny nodes=2 boot=1", "x86-64", "x86-64 nodes=2 boot=1", "arm64-16k"})
        prop(std::string("formats, ") + geometry, 400, gen_trace(config_of(geometry), {}, 0, 80),
             judge_formats);
}

// ---- reach: what the sequences above are there for really happens

namespace {

// Counts, by name, the paths that operations take.
class Reach {
public:
    Paths nr{};

    void start() {}
    void run(World& w, const Op& op) {
        op_ = op;
        restored_ptes_ = flushes_ = live_ptes_ = 0;
        no_head_ = starved_ = false;
        const Ran ran = advance(w, op, *this);
        const bool optimises = op.kind == OpKind::optimise || op.kind == OpKind::optimise_list;
        const bool failed = ran.outcome.err == Errno::nomem;
        nr["operations"] += !ran.outcome.disabled;
        nr["rollback of PTEs"] += optimises && restored_ptes_ > 0;
        nr["second try of a list"] += op.kind == OpKind::optimise_list && flushes_ > 2;
        nr["restore fails"] += op.kind == OpKind::restore && failed;
        nr["list restore fails half-way"] +=
            op.kind == OpKind::restore_list && failed && ran.outcome.moved > 0;
        nr["free fails"] += op.kind == OpKind::free_folio && failed;
        nr["self-hosted is refused"] += ran.outcome.err == Errno::notsupp;
        nr["old head is kept"] +=
            op.kind == OpKind::optimise && no_head_ && ran.outcome.err == Errno::ok && live_ptes_ > 0;
        nr["out of memory by pressure"] += starved_;
        if (op.kind == OpKind::optimise && ran.outcome.err == Errno::ok && live_ptes_ > 0)
            nr["boot memory folio is optimised"] += w.pool().slots[op.folio].from == From::boot,
                nr["hot-added folio is optimised"] += w.pool().slots[op.folio].from == From::hot;
    }

    void before(const Machine& m, const Event& e) {
        if (e.kind != EventKind::synchronize_rcu) return;
        for (const Walker& w : m.walkers) {
            nr["walker inside during a grace period"] += w.inside;
            nr["... that may write"] += w.inside && w.may_write;
        }
    }

    void after(const Machine&, const Event& e) {
        const bool live = e.kind == EventKind::set_pte_at && e.is_live();
        live_ptes_ += live;
        restored_ptes_ += live && e.where == Fn::vmemmap_restore_pte;
        flushes_ += e.kind == EventKind::flush_tlb_all;
        const bool alloc = e.kind == EventKind::alloc_pages_node || e.kind == EventKind::pte_alloc_one_kernel;
        no_head_ |= alloc && !e.ok && e.where == Fn::vmemmap_remap_free;
        starved_ |= alloc && !e.ok && !op_.fail.any();
    }

private:
    Op op_{};
    u64 restored_ptes_{}, flushes_{}, live_ptes_{};
    bool no_head_{}, starved_{};
};

} // namespace

// Each bound is about half of what the generator reaches today.
TEST_CASE("tiny sequences reach every path of the model") {
    require_reached(reached<Reach>("tiny nodes=2 boot=1", small, 5'000),
                    {{"operations", 50'000},
                     {"rollback of PTEs", 80},
                     {"second try of a list", 13},
                     {"restore fails", 500},
                     {"list restore fails half-way", 20},
                     {"free fails", 250},
                     {"self-hosted is refused", 100},
                     {"old head is kept", 500},
                     {"out of memory by pressure", 8},
                     {"boot memory folio is optimised", 600},
                     {"hot-added folio is optimised", 50},
                     {"walker inside during a grace period", 1'400},
                     {"... that may write", 300}});
    require_reached(reached<Reach>("tiny", small, 5'000), {{"operations", 50'000},
                                                           {"rollback of PTEs", 45},
                                                           {"second try of a list", 13},
                                                           {"restore fails", 400},
                                                           {"list restore fails half-way", 25},
                                                           {"free fails", 200},
                                                           {"self-hosted is refused", 200},
                                                           {"old head is kept", 400},
                                                           {"out of memory by pressure", 180},
                                                           {"hot-added folio is optimised", 80},
                                                           {"walker inside during a grace period", 1'200},
                                                           {"... that may write", 280}});
}

TEST_CASE("x86-64 sequences reach every path of the model") {
    require_reached(reached<Reach>("x86-64", {}, 500), {{"operations", 5'000},
                                                        {"rollback of PTEs", 8},
                                                        {"restore fails", 80},
                                                        {"list restore fails half-way", 8},
                                                        {"free fails", 50},
                                                        {"self-hosted is refused", 30},
                                                        {"old head is kept", 30},
                                                        {"out of memory by pressure", 30},
                                                        {"hot-added folio is optimised", 7},
                                                        {"walker inside during a grace period", 110},
                                                        {"... that may write", 20}});
    require_reached(reached<Reach>("x86-64 boot=1", gigantic, 300), {{"operations", 3'500},
                                                                     {"rollback of PTEs", 75},
                                                                     {"second try of a list", 6},
                                                                     {"restore fails", 150},
                                                                     {"free fails", 90},
                                                                     {"old head is kept", 30},
                                                                     {"out of memory by pressure", 50},
                                                                     {"boot memory folio is optimised", 30}});
}

} // namespace mmodel
