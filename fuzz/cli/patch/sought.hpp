// SPDX-License-Identifier: GPL-2.0 OR MIT
// One finding that is looked for in other texts of its file: a record, a trace, an invariant.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/campaign/input.hpp"

namespace mmodel::cli {

struct Sought {
    std::optional<spec::Inv> inv{};      // any way in which it breaks,
    std::optional<OpKind> op{};          // ... in operations of this kind;
    std::vector<bench::Identity> ways{}; // or one of these
    std::optional<Trace> trace{};        // that shows it

    [[nodiscard]] bool is(const bench::Identity& found, const bench::Tree& tree) const;
    // A bench::KernelFile's name; empty: any.
    [[nodiscard]] std::string file() const;
};

// A record's or a trace's path, an invariant's name or a whole identity.
[[nodiscard]] std::expected<Sought, Failure> read_sought(const std::string& what);

// Whether a compiled file shows it by its trace, or by what comes on the way.
[[nodiscard]] std::expected<bool, bench::Problem> shows_by_trace(bench::Unit unit, const Sought& sought);

} // namespace mmodel::cli
