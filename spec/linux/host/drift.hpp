// SPDX-License-Identifier: GPL-2.0 OR MIT
// Constants that the shims hold as well as the tree's own headers, where the tree has those: the compiler is
// asked whether they are the same. What differs is a warning, for then the file is run with other numbers
// than in its kernel.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mmodel::bench {

struct HeldConstant {
    std::string_view file;   // of KernelFile: whose shims hold it
    std::string_view header; // of the tree
    std::string_view name;
};
[[nodiscard]] std::vector<HeldConstant> held_constants(std::string_view file);

// The preprocessor's lines of a header, but for what it includes.
[[nodiscard]] std::string preprocessor_lines(std::string_view header);

// A text that compiles, after the shims, where the header gives these constants the values that the shims do.
[[nodiscard]] std::string drift_probe(std::string_view header_text,
                                      const std::vector<HeldConstant>& constants);

// Those of them that a compiler's messages about the probe name.
[[nodiscard]] std::vector<std::string> drifted(std::string_view messages,
                                               const std::vector<HeldConstant>& constants);

// Where a version says another generation than the HVO file is of: a sentence. Empty: it may be so.
struct HvoOffers;
[[nodiscard]] std::string version_drift(const HvoOffers& file, const std::string& version);

struct Tree;
struct CompileLimits;
// What differs in a tree, for the file that is judged: a sentence each. Headers that the tree lacks are not
// asked about. Implemented beside compile(), whose compiler and limits it has.
[[nodiscard]] std::vector<std::string> find_drift(const Tree& tree, const std::filesystem::path& work_dir,
                                                  const CompileLimits& limits);

} // namespace mmodel::bench
