// SPDX-License-Identifier: GPL-2.0 OR MIT
// Watches one operation and judges it: every event as it happens, the machine at rest, the outcome. It does
// not know who is driving: the model and the real kernel file are judged by the same lines.
#pragma once

#include <vector>

#include "model/hvo/boot_operations.hpp"
#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/judge/invariant.hpp"
#include "spec/judge/percpu_judge.hpp"

namespace mmodel::spec {

// What a kernel tree does not have is not asked of it.
struct Scope {
    bool memmap_counters{true}; // nr_memmap_pages and nr_memmap_boot_pages exist (6.11)
    // Tails are a page that a zone's folios share, not the folio's head page again (7.1). There are no fake
    // heads, so there is no key to count; that no walker writes where it may not is asked of the walker, not
    // of a grace period.
    bool shared_tail{};
    // Updates of PTEs and PMDs may fail (later than 7.3): who cannot roll back leaves some PTEs of a folio
    // on the page of tails and others not, with the flag set.
    bool updates_may_fail{};
    // What is promised of TLBs, so that no CPU comes to use an old translation. Not asked where one does use
    // it, and what comes of that is judged instead.
    bool promises_to_tlbs{true};
    [[nodiscard]] Scope asking_tlbs(bool on) const {
        Scope s = *this;
        s.promises_to_tlbs = on;
        return s;
    }
};

// Thrown by a monitor that stops at the first violation; never leaves checked_advance().
struct Violated {
    Violation violation;
};

// An operation may cause this many events; more is an operation that does not end.
inline constexpr u64 max_events = 16'000'000;

// Stop: throw at the first violation. Collect: note the first of each kind (invariant, way, function, event),
// count the places where it is so, and let the operation run to its end, as code must that cannot be unwound.
enum class OnViolation : u8 { stop, collect };

class Monitor {
public:
    // Before the operation runs. Keeps what the judgement after it needs, not the world.
    Monitor(const World& before, const Op& op, Scope scope = {},
            OnViolation on_violation = OnViolation::stop);

    void before(const Machine& m, const Event& e);
    void after(const Machine& m, const Event& e);
    // After the operation: at rest and refinement.
    void finish(const World& after, const Ran& ran);
    // For one of several operations that ran at the same time (spec/tasks), instead of finish(): what
    // holds of an operation's own when it returns, and of all of them once the last has returned.
    void finish_own(const World& w);
    void finish_at_rest(const World& after);

    [[nodiscard]] u64 nr_events() const { return nr_events_; }
    // What was collected, in the order it happened.
    [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
    // Whether something was broken that this scope does not judge.
    [[nodiscard]] bool broke_a_promise() const { return broke_a_promise_; }
    // A violation that somebody else saw during this operation (a fault, a BUG).
    void fail(Inv inv, const Event* e, std::string detail, const Wrong& wrong = {});
    // ... in a kernel function, at no event; or by a check of the kernel's own.
    void fail_in(const char* where, Inv inv, std::string detail, std::string condition = {});
    // The check behind the warning that was the latest event.
    void name_condition(std::string condition);

private:
    struct Subject { // a folio that the operation is about
        hvo::Folio folio;
        Vpage start, end; // its vmemmap
        bool was_optimised;
        bool was_partial;                // ... but for some of its pages
        bool eligible;                   // may be optimised: enabled, a size that can be, not self-hosted
        u64 nr_changes{}, nr_in_a_row{}; // live PTEs that changed: all; the latest ones, by one function
        const char* by{};                // ... whose name is this
    };

    [[nodiscard]] static std::vector<u8> slots_of(const World& w, const Op& op);
    void add_subject(const World& w, const hvo::Folio& f, bool optimised);
    // What the rules of discipline.hpp see: the machine, and the operation's folios.
    class View;
    void add(Violation v, const Wrong& wrong);
    // The folio whose live PTE an event changes, if it does and it is one of the operation's.
    [[nodiscard]] Subject* changed_by(const Event& e);
    // The PTE that is about to change, as one of those that this function changes of the folio.
    [[nodiscard]] static Wrong change_of(const Subject& s);
    void begin_change(const Event& e);
    void end_change(const Event& e);
    // A vmemmap page as one of the folio's.
    [[nodiscard]] static Wrong page_of(const Subject& s, Vpage v, Way way);
    void judge_leaks(const Machine& m);

    // At rest.
    void judge_rest(const World& w);
    void judge_conservation(const World& w);
    void judge_subject(const Machine& m, const Subject& s);
    void judge_optimised(const Machine& m, const Subject& s);
    void judge_plain(const Machine& m, const Subject& s);
    // ... where tails are shared by a zone.
    void judge_shared_tails(const Machine& m);
    void judge_shared(const Machine& m, const Subject& s);
    void judge_partial(const Machine& m, const Subject& s);
    [[nodiscard]] bool may_be_partial(const Subject& s) const;
    [[nodiscard]] i64 nr_saved(const Machine& m, const Subject& s) const;

    // Refinement.
    [[nodiscard]] auto say_of(const Subject& s);
    void judge_outcome(const World& w, const Ran& ran);
    void judge_optimise(const World& w, const Ran& ran);
    void judge_restore(const World& w, const Ran& ran);
    void judge_restore_list(const World& w, const Ran& ran);

    Op op_;
    Scope scope_;
    OnViolation on_violation_;
    std::vector<Violation> violations_;
    std::vector<u64> groups_; // of the places of each violation
    std::vector<Subject> subjects_;
    PercpuJudge percpu_;
    Tally tally_before_;
    u64 nr_events_{};
    u64 nr_live_pte_changes_{};
    u64 nr_failed_updates_{};
    u64 nr_pages_taken_{};           // of the page allocator, tables among them
    std::optional<Pfn> first_taken_; // of these
    bool broke_a_promise_{};
};

// The folios an operation names, as they are now.
[[nodiscard]] std::vector<u8> slots_of(const Op& op);

} // namespace mmodel::spec
