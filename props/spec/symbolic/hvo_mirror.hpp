// SPDX-License-Identifier: GPL-2.0 OR MIT
// A world's machine as spec/symbolic/hvo_machine.hpp has it: every cell is a number.
#pragma once

#include <optional>

#include "model/world.hpp"
#include "spec/symbolic/hvo_machine.hpp"

namespace mmodel::symbolic {

class HvoMirror {
public:
    // For an operation that turns the one world into the other, and adds no memory. Needs: one node.
    HvoMirror(const World& before, const World& after);

    [[nodiscard]] const HvoShape& shape() const { return shape_; }
    // What boot mapped for vmemmap page v is frame v; others come behind these.
    [[nodiscard]] Pfn frame(Pfn real) const { return Pfn{ours_[real.value]}; }
    // Every cell of it is overwritten. `slots`: those of the folios that have no compound page.
    [[nodiscard]] HvoState state(HvoState s, ContentsCodes& codes, const Machine& m,
                                 const hvo::Pool& slots) const;
    // Throws Differs unless every cell, and what is only there while an operation runs, is as in `real`.
    void compare(ContentsCodes& codes, const HvoMachine& m, const Machine& real,
                 const hvo::Pool& slots) const;
    // The same of the questions that judges and algorithms ask of a frame.
    void compare_answers(const HvoMachine& m, const Machine& real, Pfn p) const;

private:
    [[nodiscard]] HvoState::Kind kind(const Machine& m, u64 pmd) const;
    [[nodiscard]] HvoState::Place place(const Machine& m, Pfn p) const;
    void mirror_pmd(HvoState& s, const Machine& m, u64 pmd) const;
    void compare_stale(const HvoMachine& m, const Machine& real) const;
    void compare_private_tables(const HvoMachine& m, const Machine& real) const;

    HvoShape shape_;
    std::vector<u64> ours_;                 // by real frame
    std::vector<std::optional<Pfn>> reals_; // by ours
    std::vector<bool> is_folios_;           // by real frame: memory of a folio, that no cell speaks of
};

} // namespace mmodel::symbolic
