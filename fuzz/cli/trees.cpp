// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/trees.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/say.hpp"
#include "spec/linux/host/cage.hpp"

namespace mmodel::cli {

namespace fs = std::filesystem;

WorkDir::WorkDir() {
    const char* asked = std::getenv("TMPDIR"); // the compiler goes by it, too
    const fs::path base = asked && *asked ? asked : "/tmp";
    std::string name = (base / "mmodel-XXXXXX").string();
    if (mkdtemp(name.data()))
        path_ = name;
    else
        why_not_ = fmt::format(
            "{}: no directory can be made there for the compiled kernel file: {} (TMPDIR names another)",
            base.string(), std::strerror(errno));
}

WorkDir::~WorkDir() {
    std::error_code ec;
    if (!path_.empty()) fs::remove_all(path_, ec);
}

std::expected<bench::Tree, bench::Problem> open_tree(const fs::path& dir) {
    std::error_code ec;
    if (!fs::exists(dir, ec))
        return std::unexpected(
            bench::Problem{fmt::format("'{}': there is no such directory", dir.string()), true});
    if (!fs::is_directory(dir, ec))
        return std::unexpected(bench::Problem{fmt::format("'{}' is not a directory", dir.string()), true});
    return bench::open_tree(dir);
}

namespace {

// Once: what of the protection from a tree's code this host lacks.
void say_cage_gaps() {
    static bool said = false;
    if (std::exchange(said, true)) return;
    for (const std::string& gap : bench::cage_gaps()) say("caution: " + gap);
}

} // namespace

std::expected<bench::Unit, bench::Problem> build_tree(const fs::path& dir, const WorkDir& work,
                                                      std::string_view file, bench::Backend backend) {
    const auto whole = open_tree(dir);
    if (!whole) return std::unexpected(whole.error());
    const auto tree = whole->judged_by(file);
    if (!tree) return std::unexpected(tree.error());
    if (work.path().empty()) return std::unexpected(bench::Problem{work.why_not()});
    say_cage_gaps();
    return bench::compile(*tree, work.path(), {}, {}, backend);
}

// The compiled file is gone again when this returns.
std::expected<bench::Report, bench::Problem> check_tree(const fs::path& dir, double seconds, u64 seed,
                                                        std::string_view file, bench::Backend backend) {
    const WorkDir work;
    const auto unit = build_tree(dir, work, file, backend);
    if (!unit) return std::unexpected(unit.error());
    Progress progress;
    const auto tell = [&](const std::string& text) {
        progress.show(fmt::format("Linux {}, {}: {}", unit->tree.version, file, text));
    };
    return bench::run_tree(*unit, {.seconds = seconds, .seed = seed, .progress = tell, .stop = interrupted});
}

std::vector<fs::path> default_trees() {
    std::vector<fs::path> out;
    if (const char* listed = std::getenv("MMODEL_TREES")) {
        std::string_view rest = listed;
        for (bool more = true; more;) {
            const auto colon = rest.find(':');
            if (const auto one = rest.substr(0, colon); !one.empty()) out.emplace_back(one);
            more = colon != rest.npos;
            if (more) rest.remove_prefix(colon + 1);
        }
        return out;
    }
    std::error_code ec;
    const fs::path exe = fs::read_symlink("/proc/self/exe", ec); // build/<preset>/bin/mmodel
    const fs::path trees = exe.parent_path().parent_path().parent_path() / "trees";
    for (const auto& entry : fs::directory_iterator(trees, ec))
        if (fs::exists(entry.path() / "Makefile", ec) &&
            fs::exists(entry.path() / "mm/hugetlb_vmemmap.c", ec))
            out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

} // namespace mmodel::cli
