// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/trees.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
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

// Into a directory of its tree's: two trees may be of one version.
std::expected<bench::Unit, bench::Problem> compile_tree(const bench::Tree& tree, const WorkDir& work,
                                                        bench::Backend backend) {
    if (work.path().empty()) return std::unexpected(bench::Problem{work.why_not()});
    say_cage_gaps();
    return bench::compile(tree, work.path() / std::to_string(fs::hash_value(tree.dir)), {}, {}, backend);
}

} // namespace

std::expected<bench::Unit, bench::Problem> build_tree(const fs::path& dir, const WorkDir& work,
                                                      std::string_view file, bench::Backend backend) {
    const auto whole = open_tree(dir);
    if (!whole) return std::unexpected(whole.error());
    const auto tree = whole->judged_by(file);
    if (!tree) return std::unexpected(tree.error());
    return compile_tree(*tree, work, backend);
}

// ---- files, checked

TreeChecks::TreeChecks(std::vector<bench::Tree> files, u64 seed, bench::Backend backend,
                       const KnownOf& known) {
    for (bench::Tree& t : files) {
        if (interrupted()) return;
        progress_.show(fmt::format("Linux {}, {}: compiling", t.version, t.name));
        files_.push_back(std::make_unique<File>(std::move(t), compile_tree(t, work_, backend)));
        File& f = *files_.back();
        if (!f.unit) continue;
        const auto tell = [this, &f](const std::string& text) {
            progress_.show(fmt::format("Linux {}, {}: {}", f.tree.version, f.tree.name, text));
        };
        f.campaign.emplace(*f.unit,
                           bench::Options{.seed = seed,
                                          .progress = tell,
                                          .stop = interrupted,
                                          .known = known ? known(f.tree) : std::vector<bench::Known>{}});
    }
}

void TreeChecks::sweep(const Budget& budget) {
    for (std::size_t i = 0; i < files_.size() && !interrupted(); ++i)
        if (auto& c = files_[i]->campaign) c->sweep(budget.share(files_.size() - i));
}

void TreeChecks::draw(std::size_t i, double seconds) {
    if (auto& c = files_[i]->campaign) c->draw(seconds);
}

bool TreeChecks::goes_on() const {
    return std::ranges::any_of(files_, [](const auto& f) {
        if (!f->campaign) return false;
        const auto r = f->campaign->report();
        return r && r->trouble.empty();
    });
}

std::expected<bench::Report, bench::Problem> TreeChecks::report(std::size_t i) const {
    const File& f = *files_[i];
    if (!f.unit) return std::unexpected(f.unit.error());
    return f.campaign->report();
}

Standing standing_of(const bench::Report& r, Counting counting) {
    Standing v;
    std::set<spec::Inv> violated;
    for (const bench::Finding& f : r.findings) {
        if (f.known && !counting.known)
            ++v.known;
        else if (r.is_difference(f) && !counting.differences)
            ++v.differs;
        else
            violated.insert(f.violation.inv);
    }
    v.violated = violated.size();
    if (r.is_whole()) return v;
    v.reach = r.sequences ? Reach::in_part : Reach::nothing;
    v.reached = fmt::format("{} of {} swept", r.swept, plural(r.to_sweep, "scenario"));
    v.why = !r.trouble.empty() ? r.trouble : interrupted() ? "interrupted" : "time was up";
    return v;
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
        if (fs::exists(entry.path() / "Makefile", ec) && fs::is_directory(entry.path() / "mm", ec))
            out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

} // namespace mmodel::cli
