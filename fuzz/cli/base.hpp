// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel linux --base: an older tree, run with the same seed, that a tree is compared with.
#pragma once

#include <expected>
#include <memory>
#include <optional>

#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/linux.hpp"

namespace mmodel::cli {

class Base {
public:
    // Without --base: one that knows nothing. Begins to compile. What of it cannot be judged is said; those
    // files are judged without it. Fails where the directory is none of a kernel tree. `sources` outlives it.
    [[nodiscard]] static std::expected<Base, Failure> open(const LinuxOptions& o,
                                                           const std::vector<bench::Tree>& files,
                                                           const std::vector<std::string>& geometries,
                                                           const Sources& sources);
    void check(const LinuxOptions& o, const Budget& budget);
    // What was found in it, each with the trace that shows it, is tried first on the new file.
    [[nodiscard]] std::vector<bench::Known> hints_for(const bench::Tree& tree) const;
    // Of file `nr` of `checks`, which `now` is the report of. Nothing where there is no base to compare with.
    [[nodiscard]] std::optional<Against> compare(bench::Report& now, Expected& expected, TreeChecks& checks,
                                                 std::size_t nr);
    // exit_environment once some of it could not be judged.
    [[nodiscard]] int status() const { return status_; }

private:
    void cannot(const std::string& why);
    [[nodiscard]] std::optional<std::size_t> index_of(const std::string& name) const;

    std::string dir_{};
    std::unique_ptr<TreeChecks> checks_{};
    int status_{exit_holds};
};

} // namespace mmodel::cli
