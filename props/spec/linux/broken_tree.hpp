// SPDX-License-Identifier: GPL-2.0 OR MIT
// Copies of Debian's Linux 6.12 with something in them broken.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include <catch2/catch.hpp>

#include "props/skip.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel {

inline const std::filesystem::path real_tree = std::filesystem::path(MMODEL_TREES_DIR) / "linux-6.12";

// The tree with an edit in one of the files of its mm/: a regular expression, which matches once or more, and
// what each match becomes.
inline std::filesystem::path broken_tree(const char* file_name, const char* from, const char* to,
                                         const std::filesystem::path& tree = real_tree) {
    namespace fs = std::filesystem;
    const fs::path dir = test_work_dir() / "broken";
    fs::remove_all(dir);
    fs::copy(tree, dir, fs::copy_options::recursive);
    const fs::path file = dir / "mm" / file_name;
    const std::string text = *bench::slurp(file);
    const std::string broken = std::regex_replace(text, std::regex(from), to);
    REQUIRE(broken != text);
    std::ofstream(file, std::ios::binary) << broken;
    return dir;
}

// Without the tree there is nothing to break; where CI is set that is a failure.
inline bool there_is_nothing_to_break() {
    if (std::filesystem::exists(real_tree)) return false;
    if (std::getenv("CI")) FAIL(real_tree << " is not there; ./dev trees makes it");
    skip(real_tree.string() + " is not there; ./dev trees makes it");
    return true;
}

} // namespace mmodel
