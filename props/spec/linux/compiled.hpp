// SPDX-License-Identifier: GPL-2.0 OR MIT
// A tree's file, compiled into the test's own directory; and the closed spaces, for tiny512.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "props/spec/linux/work_dir.hpp"
#include "spec/explore/space.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel {

struct HowCompiled {
    std::string_view file = "hugetlb_vmemmap"; // one of bench::KernelFile's names
    std::string_view geometry = "tiny512";
    std::vector<std::string> breaks{}; // of a stand-in
};

inline bench::Unit compiled(const std::filesystem::path& dir, const HowCompiled& how = {}) {
    const auto whole = bench::open_tree(dir);
    REQUIRE(whole.has_value());
    const auto tree = whole->judged_by(how.file);
    REQUIRE(tree.has_value());
    auto unit = bench::compile(*tree, test_work_dir(), how.breaks, {}, bench::default_backend, how.geometry);
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    return *unit;
}

inline explore::Space tiny_space(std::string_view name,
                                 const std::vector<explore::Space>& all = explore::default_spaces()) {
    const auto s = std::ranges::find(all, name, &explore::Space::name);
    REQUIRE(s != all.end());
    return explore::on_tiny512(*s);
}

} // namespace mmodel
