// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known of a tree before it is checked, and who said so: lists of what is allowed, records, a base.
#pragma once

#include <expected>
#include <functional>
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
};

// What was found, each with the sequence that shows it: what another text is tried with first.
[[nodiscard]] std::vector<bench::Known> as_known(const bench::Report& r);

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

// A file's report against that of the text before it.
struct Against {
    std::vector<bench::Identity> fixed{};
    std::size_t unchanged{};
    // In sequences in which the text before breaks earlier: nobody can tell whether they are new. And the
    // other way round.
    std::size_t uncovered{}, hidden{};

    // "2 new, 0 fixed, 3 unchanged", and what of the other two there is
    [[nodiscard]] std::string words(std::size_t nr_new) const;
    // "fixed", "unchanged", "uncovered", "hidden"
    void put(Json& j) const;
};

// Who shows what only the other text's run came across, by the same sequence.
struct Replays {
    struct Before {
        bench::Shown shown;
        std::string who;
    };
    std::function<Before(const bench::Finding&)> before;
    std::function<bench::Shown(const bench::Finding&)> after;
};
// What is new: neither known nor found in the text before (which is called `name`), nor shown by it. All
// else is marked as known in `now`, and `expected` says of whom. What is fixed: `now` does not show it.
[[nodiscard]] Against compare(bench::Report& now, Expected& expected, const bench::Report& was,
                              const std::string& name, const Replays& replays);

[[nodiscard]] std::size_t nr_new(const bench::Report& now);

} // namespace mmodel::cli
