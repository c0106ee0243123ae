// SPDX-License-Identifier: GPL-2.0 OR MIT
// Whose operations a graph is made of: the model's, or those of a kernel tree's own file (spec/linux). Both
// run on a machine of the model's, cause the same events, and are judged by the same specification.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/explore/key.hpp"
#include "spec/judge/invariant.hpp"
#include "spec/sabotage/sabotage.hpp"

namespace mmodel::explore {

// Sees the events of an operation, and says which frames it gets (nothing: there is none). May throw
// spec::Violated, which ends the operation.
class Observer {
public:
    virtual void after(const Machine& m, const Event& e) = 0;
    virtual std::optional<Pfn> pick_frame(const Machine& m) = 0;
    // Whether it sees what comes after a violation, too.
    [[nodiscard]] virtual bool goes_past() const { return false; }

protected:
    ~Observer() = default;
};

// What came of an operation. If it broke something it need not have come to its end, and where the subject
// stands then is nobody's business.
struct Attempt {
    Ran ran{};
    std::vector<spec::Violation> violations{}; // in order
    std::vector<std::optional<u32>> known{};   // by the same order: which of the subject's known findings it
                                               // is; empty: it knows none
    bool sound{};                              // it came to its end, and the machine is as it should be
    [[nodiscard]] std::optional<u32> known_as(std::size_t i) const {
        return i < known.size() ? known[i] : std::nullopt;
    }
    [[nodiscard]] bool is_known() const;
};

// Stands in one state at a time, first as booted; states at rest that are kept have numbers from 0 on.
class Subject {
public:
    Subject() = default;
    virtual ~Subject() = default;
    Subject(const Subject&) = delete;
    Subject& operator=(const Subject&) = delete;

    // From where it stands. Without an observer the page allocator chooses frames.
    [[nodiscard]] virtual Attempt run(const Op& op, Observer* observer) = 0;
    // Where it stands, also while an operation runs.
    [[nodiscard]] virtual const State& now() = 0;

    // ---- at rest
    // Forgets what no operation reads, and says what it is: worlds with equal keys do the same.
    [[nodiscard]] virtual const World& settle() = 0;
    [[nodiscard]] virtual std::string key(const Space& space, Symmetry symmetry) = 0; // needs: settle()
    virtual void keep() = 0;                                                          // under the next number
    virtual void load(u32 idx) = 0;
    virtual void drop(u32 idx) = 0; // it is never loaded again
    // Told of each state before operations are run from it, with the way there from boot.
    virtual void expands(const std::vector<Op>&) {}
};

// The model's own code; `sabotage`: with that break in it; `judged`: by the specification.
class ModelSubject final : public Subject {
public:
    ModelSubject(World boot, Sabotage sabotage, bool judged)
        : now_(std::move(boot)), sabotage_(sabotage), judged_(judged) {}

    [[nodiscard]] Attempt run(const Op& op, Observer* observer) override;
    [[nodiscard]] const State& now() override { return now_.own(); }
    [[nodiscard]] const World& settle() override;
    [[nodiscard]] std::string key(const Space& space, Symmetry symmetry) override;
    void keep() override { kept_.emplace_back(now_); }
    void load(u32 idx) override { now_ = *kept_[idx]; }
    void drop(u32 idx) override { kept_[idx].reset(); }

private:
    World now_;
    Sabotage sabotage_;
    bool judged_;
    std::deque<std::optional<World>> kept_{};
};

} // namespace mmodel::explore
