// SPDX-License-Identifier: GPL-2.0 OR MIT
// What was found out once, kept by all that it depends on, so that it need not be found out again. An entry
// is a file below $XDG_CACHE_HOME/mmodel (else ~/.cache/mmodel), named by the hash of its key; it may be
// removed at any time. Whoever keeps something there leaves no more than max_cache_bytes behind: what was
// used the longest ago goes first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/cli/patch/git.hpp"
#include "fuzz/cli/say.hpp"

namespace mmodel::cli {

inline constexpr std::uintmax_t max_cache_bytes = 64u << 20;

class Cache {
public:
    // `git` hashes. Not `on`: nothing is kept, and nothing is there.
    Cache(const Git& git, bool on);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;
    // The name of a key: 40 hex digits or more.
    [[nodiscard]] std::string name_of(const std::string& key) const;
    // An entry that is damaged is said to be, and is none.
    [[nodiscard]] std::optional<Json> get(const std::string& name) const;
    // Where that cannot be done, says so once.
    void put(const std::string& name, const Json& what);

private:
    Git git_;
    std::filesystem::path dir_{}; // empty: none
    bool said_{}, is_fuller_{};
};

// What a report has that another run can use: all but the tree, which is the asker's. Nothing: it is of
// another version of this, or damaged.
[[nodiscard]] Json kept(const bench::Report& r);
[[nodiscard]] std::optional<bench::Report> report_kept(const Json& j, const bench::Tree& tree);

} // namespace mmodel::cli
