// SPDX-License-Identifier: GPL-2.0 OR MIT
// What of a compiled object runs: two texts that differ in comments only make the same.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

// A hash of the sections of an ELF object that are loaded, but for notes; empty: it is none.
[[nodiscard]] std::string code_of(const std::filesystem::path& object);

// The same of a tree's file once it is compiled for a geometry, numbers of lines and names of files left out.
[[nodiscard]] std::expected<std::string, bench::Problem> code_of(const bench::Tree& tree,
                                                                 const std::filesystem::path& work_dir,
                                                                 bench::Backend backend,
                                                                 std::string_view geometry);

} // namespace mmodel::cli
