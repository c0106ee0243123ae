// SPDX-License-Identifier: GPL-2.0 OR MIT
// One operation on the model, or on the model with a break in it. Without a break it is model/'s own code
// that runs.
#pragma once

#include "model/step.hpp"
#include "spec/sabotage/broken.hpp"

namespace mmodel {

template <class Watch>
class AnyWatchOf final : public AnyWatch {
public:
    AnyWatchOf(Watch& w, Sabotage s) : AnyWatch(s, watch_picks), watch_(w) {}
    void before(const Machine& m, const Event& e) override { watch_.before(m, e); }
    void after(const Machine& m, const Event& e) override { watch_.after(m, e); }
    std::optional<Pfn> pick_frame(const Machine& m) override {
        if constexpr (watch_picks)
            return watch_.pick_frame(m);
        else
            return std::nullopt;
    }

private:
    static constexpr bool watch_picks = requires(Watch w, const Machine& m) { w.pick_frame(m); };
    Watch& watch_;
};

template <class Watch>
Ran run(State& s, pcpu::Pcpu* p, const Op& op, Watch& watch, Sabotage sabotage) {
    if (sabotage == Sabotage::none) return run(s, p, op, watch);
    AnyWatchOf<Watch> any(watch, sabotage);
    return run_broken(s, p, op, any);
}

template <class Watch>
Ran advance(World& w, const Op& op, Watch& watch, Sabotage sabotage) {
    if (sabotage == Sabotage::none) return advance(w, op, watch);
    State& s = w.own();
    return run(s, begin_operation(s, op), op, watch, sabotage);
}

[[nodiscard]] inline Step step(const World& w, const Op& op, Sabotage sabotage) {
    World next = w;
    NoWatch none;
    const Ran ran = advance(next, op, none, sabotage);
    return {std::move(next), ran};
}

} // namespace mmodel
