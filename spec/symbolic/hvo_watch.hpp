// SPDX-License-Identifier: GPL-2.0 OR MIT
// The discipline of spec/judge/hvo_discipline.cpp, judge by judge, as formulas: collected while a path runs,
// proved when it has ended.
#pragma once

#include "spec/symbolic/hvo_machine.hpp"
#include "spec/symbolic/proof.hpp"

namespace mmodel::symbolic {

class HvoWatch {
public:
    // The folios that the operation is about.
    explicit HvoWatch(std::vector<int> subjects) : subjects_(std::move(subjects)) {}

    void before(const HvoMachine& m, const Event& e);
    void after(const HvoMachine& m, const Event& e);
    [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
    // The events of the path, frames as this model has them.
    [[nodiscard]] std::string show(const z3::model& model) const;
    void require(const Term& holds, spec::Inv inv, const Event& e) {
        claims_.push_back({holds.simplify(), std::string(spec::fact(inv).name), name(e.where)});
    }

private:
    [[nodiscard]] int subject_of(const HvoMachine& m, u64 v) const;
    void judge_free(const HvoMachine& m, const Event& e);
    void judge_install(const HvoMachine& m, const Event& e);
    void judge_set_pte(const HvoMachine& m, const Event& e);
    void judge_remap(const HvoMachine& m, const Event& e);
    void judge_store(const HvoMachine& m, const Event& e);
    void judge_flag(const HvoMachine& m, u64 head, const Event& e);
    void judge_compound_heads(const HvoMachine& m, const Event& e);
    [[nodiscard]] Term reads_well(const HvoMachine& m, u64 v, const Term& frame) const;

    struct Seen {
        Event event;
        Term pfn, from, mapped;
    };
    std::vector<int> subjects_;
    std::vector<Claim> claims_;
    std::vector<Seen> seen_;
};

} // namespace mmodel::symbolic
