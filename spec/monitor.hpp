// SPDX-License-Identifier: GPL-2.0 OR MIT
// Watches one operation and judges it: every event as it happens, the machine at rest, the outcome. It does not know who
// is driving: the model and the real kernel file are judged by the same lines.
#pragma once

#include <span>
#include <vector>

#include "model/world.hpp"
#include "spec/invariant.hpp"

namespace mmodel::spec {

// What a kernel tree does not have is not asked of it.
struct Scope {
    bool memmap_counters{true};   // nr_memmap_pages and nr_memmap_boot_pages exist (6.11)
};

// Thrown by the monitor's hooks; never leaves checked_step() or the driver of spec/linux.
struct Violated {
    Violation violation;
};

class Monitor {
public:
    // Before the operation runs. Keeps what the judgement after it needs, not the world.
    Monitor(const World& before, const Op& op, Scope scope = {});

    void before(const Machine& m, const Event& e);
    void after(const Machine& m, const Event& e);
    // After the operation: at rest and refinement. Throws Violated.
    void finish(const World& after, const Ran& ran);

    [[nodiscard]] u64 nr_events() const { return nr_events_; }

private:
    struct Subject {          // a folio that the operation is about
        hvo::Folio folio;
        Vpage start, end;     // its vmemmap
        bool was_optimised;
        bool eligible;        // may be optimised: enabled, a size that can be, not self-hosted
    };

    [[noreturn]] void fail(Inv inv, const Event* e, std::string detail) const;
    void require(bool holds, Inv inv, const Event& e, const char* detail) const {
        if (!holds) [[unlikely]] fail(inv, &e, detail);
    }
    [[nodiscard]] const Subject* subject_of(Vpage v) const;

    // Discipline, by event.
    void judge_free(const Machine& m, const Event& e) const;
    void judge_install(const Machine& m, const Event& e) const;
    void judge_set_pte(const Machine& m, const Event& e) const;
    void judge_remap(const Machine& m, const Event& e, const Subject& s) const;
    void judge_store(const Machine& m, const Event& e) const;
    void judge_optimised_flag(const Machine& m, Vpage head, const Event& e) const;
    void judge_compound_heads(const Machine& m, const Event& e) const;
    void judge_reader(const Machine& m, Vpage v, Pfn p, const Event* e) const;

    // At rest.
    void judge_rest(const World& w) const;
    void judge_conservation(const World& w) const;
    void judge_subject(const Machine& m, const Subject& s) const;
    void judge_optimised(const Machine& m, const Subject& s) const;
    void judge_plain(const Machine& m, const Subject& s) const;

    // Refinement.
    void judge_outcome(const World& w, const Ran& ran) const;
    void judge_optimise(const World& w, const Ran& ran) const;
    void judge_restore(const World& w, const Ran& ran) const;
    void judge_restore_list(const World& w, const Ran& ran) const;

    Op op_;
    Scope scope_;
    std::vector<Subject> subjects_;
    Tally tally_before_;
    u64 nr_events_{};
    u64 nr_live_pte_changes_{};
};

// The folios an operation names, as they are now.
[[nodiscard]] std::vector<u8> slots_of(const Op& op);

}  // namespace mmodel::spec
