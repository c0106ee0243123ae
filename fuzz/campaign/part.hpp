// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a campaign keeps of one geometry.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/campaign/pool.hpp"
#include "fuzz/campaign/scenarios.hpp"
#include "spec/linux/host/runner.hpp"

namespace mmodel::bench {

// What drawn sequences have cost, in events: a third goes to those with large folios, however fast the
// machine is.
struct Cost {
    static constexpr u64 of_sequence = 200, of_struct_pages = 20'000; // a large folio's
    u64 all{}, large{};
    void add(u64 events, bool has_large) {
        const u64 n = events + (has_large ? of_struct_pages : of_sequence);
        all += n;
        if (has_large) large += n;
    }
};

// Operations of a kind; those that were put back.
struct Tried {
    u64 times{}, put_back{};
};

struct Part {
    Part(const Unit& u, Plan p) : unit(u), plan(std::move(p)) {}
    [[nodiscard]] bool has_sweeps() const { return on.swept < on.to_sweep; }

    Unit unit;
    Plan plan;
    OnGeometry on{};
    std::optional<std::deque<Failing>> faults{}; // of the scenario that is swept, those that are left
    u64 drawn{};
    std::size_t known_tried{};
    std::array<Tried, 256> tried{}; // by OpKind
    Cost cost{};
    Pool pool{};
    std::optional<Config> machine{}; // that was drawn
    std::map<std::string, std::unique_ptr<Runner>> runners{};
};

} // namespace mmodel::bench
