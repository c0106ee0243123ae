// SPDX-License-Identifier: GPL-2.0 OR MIT
// Copies of the stand-in kernel tree of spec/linux/fixtures, to be broken.
#pragma once

#include <catch2/catch.hpp>

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

inline constexpr const char* wild = "#define MMODEL_BREAK_WILD";
inline constexpr const char* optimise_once =
    "mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\noptimise folio=0\n";

// The command judges nothing, ends with `status` and says why.
inline void check_refused(const Args& args, int status, const std::string& says, const Around& around = {}) {
    const Said s = run_mmodel(args, around);
    INFO(s.err);
    CHECK(s.status == status);
    CHECK(s.out.empty());
    CHECK(s.err.starts_with("mmodel: "));
    CHECK(has(s.err, says));
}

} // namespace mmodel::test
