// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a campaign against a kernel tree's file runs: sequences whose last operation is swept with failing
// allocations, then random ones. What the findings of spec/linux/findings need is among the sequences, so
// that whether they are found does not depend on chance or on how fast the machine is.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/ops/generate.hpp"

namespace mmodel::bench {

// A sequence whose last operation is swept: each of its allocations is failed in turn, then pairs of them.
struct Scenario {
    std::string config;
    std::vector<Op> ops;
};

// A folio whose every operation takes long.
[[nodiscard]] bool is_large(const Geometry& g, u8 size);
// The allocations to fail in a scenario's last operation, which made so many of them when none failed.
struct Failing {
    Faults allocs{}, updates{};
};
[[nodiscard]] std::deque<Failing> faults_of(const Geometry& g, const Scenario& s, u32 nr_allocs,
                                            u32 nr_updates);

struct Plan {
    std::vector<Scenario> scenarios;
    std::vector<std::string> random_configs; // sequences are drawn for these in turn
    Mix mix;
    std::size_t random_length;
};

// For a file by its name: "hugetlb_vmemmap", "percpu-vm", "percpu"; on one of bench::geometries().
[[nodiscard]] Plan plan_for(std::string_view file, const std::string& geometry);

// The parts of it.
[[nodiscard]] std::vector<std::string> percpu_configs(const std::string& geometry);
[[nodiscard]] std::vector<Scenario> percpu_scenarios(const std::string& geometry);
[[nodiscard]] std::vector<Scenario> percpu_vm_scenarios(const std::string& geometry);

} // namespace mmodel::bench
