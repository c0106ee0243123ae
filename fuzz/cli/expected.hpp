// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known of a tree before it is checked, and who said so: lists of what is allowed, records, a base.
#pragma once

#include <expected>
#include <set>
#include <string>
#include <vector>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/say.hpp"

namespace mmodel::cli {

// For one tree's file: what a campaign is to expect, and where each of it comes from.
struct Expected {
    std::vector<bench::Known> known{};
    std::vector<std::string> said{}; // as long as `known`

    // What was found in the base, each with the trace that shows it.
    void add_base(const bench::Report& base, const std::string& dir);
};

class Sources {
public:
    // `allow`: see read_allowed(). `findings`: a directory of records, or empty.
    [[nodiscard]] static std::expected<Sources, std::string> read(const std::vector<std::string>& allow,
                                                                  const std::string& findings);
    [[nodiscard]] Expected of(const bench::Tree& tree) const;
    // What of it was found.
    void note_used(const bench::Report& r, const Expected& e) const;
    // On standard error: each line of what is allowed that nothing matched.
    void say_unused() const;

private:
    std::vector<Allowed> allowed_{};
    std::vector<Record> records_{};
    mutable std::set<std::string> used_{};
};

// A new file's report against its base's.
struct Against {
    std::string base;
    std::vector<bench::Identity> fixed{}; // found in the base only
    std::size_t unchanged{};

    Against(const bench::Report& old, const bench::Report& now, const std::string& dir);
    // "base": {"tree", "new", "fixed", "unchanged"}
    void put(Json& j, const bench::Report& now) const;
};
[[nodiscard]] std::size_t nr_new(const bench::Report& now);
void print_against(const bench::Report& now, const Against& a);
void print_fixed(const Against& a);

} // namespace mmodel::cli
