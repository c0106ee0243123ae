// SPDX-License-Identifier: GPL-2.0 OR MIT
// Copies of the stand-in kernel tree of spec/linux/fixtures, to be broken.
#pragma once

#include <filesystem>
#include <string>

#include "props/fuzz/cli/command.hpp"

namespace mmodel::test {

inline const std::string stand_in_file = "mm/hugetlb_vmemmap.c";

// A copy in `dir` with `line` put before the first line of its file; its path.
inline std::string stand_in(const TempDir& dir, const std::string& line = "") {
    const std::filesystem::path tree = dir.path() / "tree";
    std::filesystem::copy(std::filesystem::path(MMODEL_FIXTURES_DIR) / "reuse_page", tree,
                          std::filesystem::copy_options::recursive);
    const std::string text = slurp(tree / stand_in_file);
    (void)dir.put("tree/" + stand_in_file, line + "\n" + text);
    return tree.string();
}

} // namespace mmodel::test
