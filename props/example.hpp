// SPDX-License-Identifier: GPL-2.0 OR MIT
// What examples are written with: worlds made from a few lines of a trace, operations that must satisfy the
// specification.
#pragma once

#include <string>
#include <vector>

#include "fuzz/ops/trace.hpp"
#include "model/step.hpp"
#include "spec/judge/check.hpp"

namespace mmodel {

// From the text of a geometry line or of operations; a Catch failure if it is not one.
[[nodiscard]] Config config_of(const std::string& text);
[[nodiscard]] Trace trace_of(const std::string& text); // without the "mmodel trace 1" line
[[nodiscard]] Op op_of(const Config& c, const std::string& line);

// What an operation did to a world.
struct Did {
    Outcome outcome{};
    i64 memmap{}, memmap_boot{}, static_key{}; // counters: after minus before
    i64 free{};                                // free pages of all nodes, likewise
    u32 nr_allocs{}, nr_failed_allocs{};
    std::vector<Event> events{};

    [[nodiscard]] u64 count(EventKind k) const;
    [[nodiscard]] u64 live_ptes(Fn where) const; // PTEs of installed tables set by that function
};

// Runs the operation on the world, in place, under the specification; a violation is a Catch failure.
Did run(World& w, const std::string& line);
Did run(World& w, const Op& op);

// The world after these operations, each of which must be enabled and satisfy the specification.
[[nodiscard]] World after(const std::string& text);

// What a reader of the folio's struct pages sees, page by page: frame, permission, contents.
struct Seen {
    std::vector<Contents> contents{};
    std::vector<Pte> ptes{};
    bool operator==(const Seen&) const = default;
};
[[nodiscard]] Seen seen(const World& w, u8 slot);
[[nodiscard]] bool is_optimised(const World& w, u8 slot);
[[nodiscard]] i64 nr_free(const World& w);

} // namespace mmodel
