// SPDX-License-Identifier: GPL-2.0 OR MIT
// Copies of Debian's Linux 6.12 with something edited: a mistake, or what is none.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "props/skip.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel {

inline const std::filesystem::path real_tree = std::filesystem::path(MMODEL_TREES_DIR) / "linux-6.12";

struct TextEdit {
    const char* from; // a regular expression that matches once or more
    const char* to;
};

// The tree with edits in one of the files of its mm/; each changes something.
inline std::filesystem::path edited_copy(const char* file, const std::vector<TextEdit>& edits,
                                         const std::filesystem::path& tree = real_tree) {
    namespace fs = std::filesystem;
    const fs::path dir = test_work_dir() / "broken";
    fs::remove_all(dir);
    fs::copy(tree, dir, fs::copy_options::recursive);
    std::string text = *bench::slurp(dir / "mm" / file);
    for (const TextEdit& e : edits) {
        const std::string edited = std::regex_replace(text, std::regex(e.from), e.to);
        INFO(e.from);
        REQUIRE(edited != text);
        text = edited;
    }
    std::ofstream(dir / "mm" / file, std::ios::binary) << text;
    return dir;
}

inline std::filesystem::path broken_tree(const char* file, const char* from, const char* to,
                                         const std::filesystem::path& tree = real_tree) {
    return edited_copy(file, {{from, to}}, tree);
}

// Without the tree there is nothing to break; where CI is set that is a failure.
inline bool there_is_nothing_to_break() {
    if (std::filesystem::exists(real_tree)) return false;
    if (std::getenv("CI")) FAIL(real_tree << " is not there; ./dev trees makes it");
    skip(real_tree.string() + " is not there; ./dev trees makes it");
    return true;
}

} // namespace mmodel
