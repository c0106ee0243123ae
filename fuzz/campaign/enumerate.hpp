// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every world that a small set of operations can reach, breadth first, each step under the specification. Two
// worlds are the same only if == says so; the hash only finds candidates.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/ops/trace.hpp"
#include "spec/judge/check.hpp"

namespace mmodel {

// A sequence that breaks an invariant.
struct Broken {
    spec::Violation violation{};
    Trace trace{};
    u64 seen{1}; // how often this invariant was broken
};

// The operations to combine, without faults: every allocation of each is failed in turn.
struct Alphabet {
    std::string name{}; // "small and gigantic folio, walker", for people
    Config config{};
    std::vector<Op> ops{};
};

// The alphabets of `mmodel run`: what it takes to reach every line of model/hvo on four-entry tables.
[[nodiscard]] std::vector<Alphabet> tiny_alphabets();

struct Limits {
    double seconds{10};
    u64 states{200'000};                                   // each kept whole, at about 4 KiB
    std::function<bool()> stop{};                          // asked now and then
    std::function<void(u64 states, u64 steps)> progress{}; // told now and then
};

struct Enumerated {
    u64 states{}, steps{}, events{};
    u32 depth{};          // every sequence of up to so many operations was run; closed: of any number
    bool closed{};        // no state is left whose operations were not tried
    std::string cut_by{}; // not closed: which limit ended it, "states", "time" or "interrupt"
    double seconds{};
    std::vector<Broken> broken{}; // one for each invariant; no shorter sequence over the alphabet shows it
};

[[nodiscard]] Enumerated enumerate(const Alphabet& alphabet, const Limits& limits);

} // namespace mmodel
