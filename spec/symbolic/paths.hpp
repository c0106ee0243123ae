// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs code whose conditions are formulas, once for every path that some input takes: a condition is asked of
// Z3, and where both answers are possible the code runs again for the other one. Depth first; a path is the
// list of its answers, and the solver holds their conjunction.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <z3++.h>

#include "model/machine/types.hpp"

namespace mmodel::symbolic {

// Thrown to leave a path that no input takes.
struct Infeasible {};

class Paths {
public:
    explicit Paths(z3::context& c) : solver_(c, "QF_BV") {}

    // Runs `code` on every path of the inputs that satisfy `base`.
    template <class Code>
    void each(const z3::expr& base, Code&& code) {
        solver_.push();
        solver_.add(base);
        if (check()) do {
                position_ = nr_fresh_ = 0;
                notes_.clear();
                try {
                    code();
                    ++nr_paths_;
                } catch (const Infeasible&) {
                }
            } while (next());
        while (!taken_.empty()) drop();
        solver_.pop();
    }

    // Whether a condition holds on this path; both paths are taken if both are possible.
    bool decide(const z3::expr& condition);
    // A value that the term has on this path; all of them are taken.
    u64 pick(const z3::expr& term);
    // Either.
    bool flip() { return position_ < taken_.size() ? taken_[position_++].value : choose_freely(); }
    // Only inputs for which it holds go on.
    void assume(const z3::expr& condition);
    // A name for the next unknown of this path.
    std::string fresh(const char* of) { return std::string(of) + std::to_string(nr_fresh_++); }

    // An input of this path for which the claim is false.
    [[nodiscard]] std::optional<z3::model> refute(const z3::expr& claim);
    [[nodiscard]] bool holds(const z3::expr& claim) { return !refute(claim).has_value(); }

    void note(std::string what) { notes_.push_back(std::move(what)); }
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    [[nodiscard]] u64 nr_paths() const { return nr_paths_; }
    [[nodiscard]] u64 nr_checks() const { return nr_checks_; }
    void stop() { stopped_ = true; }

private:
    struct Answer {
        u64 value{};
        bool more{};   // the other answer is possible too
        bool pushed{}; // the solver has a level for it
        z3::expr condition;
    };

    bool check();
    bool choose_freely();
    bool next();
    void drop() {
        if (taken_.back().pushed) solver_.pop();
        taken_.pop_back();
    }

    z3::solver solver_;
    std::vector<Answer> taken_;
    std::vector<std::string> notes_;
    std::optional<z3::model> model_; // of the path so far
    std::size_t position_{};
    u64 nr_fresh_{}, nr_paths_{}, nr_checks_{};
    bool stopped_{};
};

inline bool Paths::check() {
    ++nr_checks_;
    const z3::check_result r = solver_.check();
    if (r == z3::unknown) throw z3::exception("Z3 does not know");
    if (r == z3::sat) model_ = solver_.get_model();
    return r == z3::sat;
}

inline bool Paths::decide(const z3::expr& condition) {
    const z3::expr c = condition.simplify();
    if (c.is_true() || c.is_false()) return c.is_true();
    if (position_ < taken_.size()) return taken_[position_++].value;
    const bool here = model_->eval(c, true).is_true();
    const z3::model kept = *model_;
    solver_.push();
    solver_.add(here ? !c : c);
    const bool more = check();
    solver_.pop();
    model_ = kept;
    if (more) {
        solver_.push();
        solver_.add(here ? c : !c);
    }
    taken_.push_back({here, more, more, c});
    ++position_;
    return here;
}

inline u64 Paths::pick(const z3::expr& term) {
    const z3::expr t = term.simplify();
    for (;;) {
        u64 v = 0;
        if (t.is_numeral()) return t.get_numeral_uint64();
        if (position_ < taken_.size()) {
            v = taken_[position_++].value;
        } else {
            v = model_->eval(t, true).get_numeral_uint64();
            taken_.push_back({v, false, false, t});
            ++position_;
        }
        if (decide(t == t.ctx().bv_val(static_cast<std::uint64_t>(v), t.get_sort().bv_size()))) return v;
    }
}

inline bool Paths::choose_freely() {
    taken_.push_back({1, true, false, solver_.ctx().bool_val(true)});
    ++position_;
    return true;
}

inline void Paths::assume(const z3::expr& condition) {
    if (position_ < taken_.size()) {
        ++position_;
        return;
    }
    solver_.push();
    solver_.add(condition);
    taken_.push_back({1, false, true, condition});
    ++position_;
    if (!model_->eval(condition, true).is_true() && !check()) throw Infeasible{};
}

// The next path: the last answer that can be another one, is.
inline bool Paths::next() {
    while (!stopped_ && !taken_.empty()) {
        if (!taken_.back().more) {
            drop();
            continue;
        }
        Answer a = taken_.back();
        drop();
        a.value = !a.value;
        a.more = false;
        a.pushed = true;
        solver_.push();
        // A free choice says nothing about the inputs.
        if (!a.condition.is_true()) solver_.add(a.value ? a.condition : !a.condition);
        taken_.push_back(a);
        if (check()) return true;
        drop();
    }
    return false;
}

inline std::optional<z3::model> Paths::refute(const z3::expr& claim) {
    if (claim.is_true()) return std::nullopt;
    const auto kept = model_;
    solver_.push();
    solver_.add(!claim);
    std::optional<z3::model> found;
    if (check()) found = model_;
    solver_.pop();
    model_ = kept;
    return found;
}

} // namespace mmodel::symbolic
