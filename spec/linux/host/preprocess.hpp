// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the compiler gets to see of a tree's file.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

// Preprocessed as compile() has it compiled, shims and all; numbers of lines, names of files, empty lines and
// blanks around a line are left out. Two texts of which that is the same become the same code: they differ in
// comments at most.
[[nodiscard]] std::expected<std::string, Problem> preprocess(const Tree& tree,
                                                             const std::filesystem::path& work_dir,
                                                             Backend backend, std::string_view geometry);

} // namespace mmodel::bench
