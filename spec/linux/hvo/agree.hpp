// SPDX-License-Identifier: GPL-2.0 OR MIT
// The same operation, from the same state, with the same allocations failing, by mm/hugetlb_vmemmap.c and by
// the model: the events that each causes, one by one, what it returns, and the world that it leaves.
// Deviations that are known by name pass; the rest is a difference.
#pragma once

#include <vector>

#include "model/outcome.hpp"
#include "model/world.hpp"
#include "spec/linux/host/deviation.hpp"
#include "spec/linux/host/differ.hpp"
#include "spec/linux/host/real_driver.hpp"

namespace mmodel::bench {

class Agreement final : public Listener {
public:
    explicit Agreement(DeviationSet allowed) : allowed_(allowed) {}

    // Before the file's operation. Returns false, and compares nothing, for one that calls nothing of the
    // file.
    // `picked`: not the page allocator but somebody else chooses the file's frames; the model gets the same.
    bool begin(const World& before, const Op& op, bool picked = false);
    // The file's next event.
    void see(const Event& e) override;
    // After the file's operation: runs the model, and says what differs first.
    [[nodiscard]] Difference finish(const World& after, const Ran& ran);
    // The deviations that this operation showed.
    [[nodiscard]] const DeviationSet& shown() const { return shown_; }

private:
    struct Follower;

    // ---- while the model runs
    void follow(const Event& models);
    [[nodiscard]] std::optional<Pfn> next_frame() const;
    [[nodiscard]] const Event* next() const { return next_ < events_.size() ? &events_[next_] : nullptr; }
    bool show(Deviation d);
    void pass_early_keys(const Event& models);
    bool passes_key(const Event& models);
    bool passes_grace_period(const Event& models);

    [[nodiscard]] Difference compare_results(const Ran& real, Outcome model) const;

    DeviationSet allowed_, shown_;
    std::optional<World> models_world_; // before the operation, then after it
    Op op_{};
    std::vector<Event> events_; // the file's
    std::size_t next_{};        // of them: as far as the model's agree
    i64 lowered_{};             // how often the file lowered the key for what the model does at once
    bool first_is_optimised_{}; // of the list
    bool picked_{};
    Ran model_ran_{};
};

} // namespace mmodel::bench
