// SPDX-License-Identifier: GPL-2.0 OR MIT
// How much of a kernel tree's file ran: its branches, without those that nothing can reach on this bench,
// which are listed once, with a reason:
//
//     mm/percpu.c pcpu_setup_first_chunk | PCPU_SETUP_BUG_ON | what no architecture hands over
//
// a file, a function, a piece of the line's text (* for every line of the function), and why.
#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "fuzz/campaign/campaign.hpp"

namespace mmodel::cli {

struct Unreachable {
    std::string file, function, text, reason;
    std::string said; // "FILE: line 3"
};
// An error names file and line.
[[nodiscard]] std::expected<std::vector<Unreachable>, std::string>
read_unreachable(const std::filesystem::path& path);

struct Covered {
    u64 ran{}, reachable{}, unreachable{};
    std::vector<bench::Branch> never{};        // that can be reached
    std::vector<const Unreachable*> but_ran{}; // lines of the list all of whose branches ran
    [[nodiscard]] bool is_measured() const { return reachable != 0; }
    [[nodiscard]] u64 percent() const { return reachable ? ran * 100 / reachable : 0; }
};
[[nodiscard]] Covered covered(const bench::Report& r, std::span<const Unreachable> list);

// Less than this is said not to be the whole file.
inline constexpr u64 percent_of_a_file = 90;

} // namespace mmodel::cli
