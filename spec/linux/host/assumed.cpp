// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/assumed.hpp"

#include <set>

#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "CONFIG_";

void add_options(std::set<std::string>& out, std::string_view text, std::string_view behind = "") {
    const std::string start = std::string(behind) + std::string(prefix);
    for (auto at = text.find(start); at != text.npos; at = text.find(start, at + 1))
        out.emplace(leading_word(text.substr(at + behind.size())));
}

} // namespace

std::vector<std::string> options_assumed(const Tree& tree) {
    std::set<std::string> named, defined;
    const bool is_hvo = tree.name == "hugetlb_vmemmap";
    for (const char* file : {"mm/hugetlb_vmemmap.c", "mm/hugetlb_vmemmap.h", "mm/percpu.c", "mm/percpu-vm.c",
                             "mm/percpu-internal.h"})
        if (std::string_view(file).starts_with("mm/hugetlb") == is_hvo)
            if (const auto text = slurp(tree.dir / file)) add_options(named, *text);
    std::error_code ec;
    const fs::path shims = (default_shim_dir() / tree.judged().unit).parent_path();
    for (const auto& entry : fs::directory_iterator(shims, ec))
        if (const auto text = slurp(entry.path())) add_options(defined, *text, "define ");
    std::vector<std::string> out;
    for (const std::string& option : named) out.push_back(option + (defined.contains(option) ? "=y" : "=n"));
    return out;
}

} // namespace mmodel::bench
