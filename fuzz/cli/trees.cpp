// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/trees.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/say.hpp"
#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/data_dir.hpp"
#include "spec/linux/host/drift.hpp"

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
                                                        bench::Backend backend, std::string_view geometry) {
    if (work.path().empty()) return std::unexpected(bench::Problem{work.why_not()});
    return bench::compile(tree, work.path() / std::to_string(fs::hash_value(tree.dir)), {}, {}, backend,
                          geometry);
}

} // namespace

std::expected<bench::Unit, bench::Problem> build_tree(const fs::path& dir, const WorkDir& work,
                                                      std::string_view file, bench::Backend backend,
                                                      std::string_view geometry) {
    const auto whole = open_tree(dir);
    if (!whole) return std::unexpected(whole.error());
    const auto tree = whole->judged_by(file);
    if (!tree) return std::unexpected(tree.error());
    return compile_file(*tree, work, geometry, backend);
}

std::expected<bench::Unit, bench::Problem> compile_file(const bench::Tree& tree, const WorkDir& work,
                                                        std::string_view geometry, bench::Backend backend) {
    say_cage_gaps();
    return compile_tree(tree, work, backend, geometry);
}

// ---- files, checked

std::expected<std::vector<std::string>, std::string> geometries_in(std::string_view list,
                                                                   bench::Backend backend) {
    const bool of_host_only = backend == bench::Backend::mmap;
    if (list.empty()) list = of_host_only ? "x86-64" : "x86-64,tiny512";
    const std::vector<std::string> known = bench::geometries();
    if (list == "all") return known;
    std::vector<std::string> out;
    for (std::string_view rest = list; !rest.empty();) {
        const std::string name(rest.substr(0, rest.find(',')));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        if (std::ranges::find(known, name) == known.end())
            return std::unexpected(fmt::format("--geometry: there is no '{}'; kernel files run on {}, or all",
                                               name, fmt::join(known, ", ")));
        if (of_host_only && name != "x86-64")
            return std::unexpected(
                fmt::format("--geometry: with --backend mmap pages are the host's: x86-64, not {}", name));
        if (std::ranges::find(out, name) == out.end()) out.push_back(name);
    }
    return out;
}

TreeChecks::TreeChecks(std::vector<bench::Tree> files, u64 seed, std::vector<std::string> geometries,
                       bench::Backend backend, bool stale, KnownOf known)
    : geometries_(std::move(geometries)), seed_(seed), stale_(stale), known_(std::move(known)) {
    for (bench::Tree& t : files) files_.push_back(std::make_unique<File>(std::move(t)));
    if (!files_.empty()) say_cage_gaps();
    start_compiling(backend);
}

TreeChecks::~TreeChecks() {
    const std::lock_guard hold(mutex_);
    jobs_.clear();
}

// All files for the first geometry, then for the next. What shares an object (percpu-vm and percpu) is one
// job: it is compiled once.
void TreeChecks::start_compiling(bench::Backend backend) {
    std::map<std::string, std::vector<std::function<void()>>> by_object;
    std::vector<std::string> order;
    for (const std::string& geometry : geometries_) {
        for (const auto& f : files_) {
            auto task =
                std::make_shared<std::packaged_task<Compiled()>>([&t = f->tree, this, backend, geometry] {
                    return compile_tree(t, work_, backend, geometry);
                });
            f->units.push_back(task->get_future().share());
            const auto file = std::ranges::find(f->tree.files, f->tree.name, &bench::KernelFile::name);
            const std::string object = fmt::format("{} {} {}", geometry, file->unit, f->tree.dir.string());
            if (!by_object.contains(object)) order.push_back(object);
            by_object[object].push_back([task] { (*task)(); });
        }
    }
    for (const std::string& object : order)
        jobs_.push_back([tasks = by_object[object]] {
            for (const auto& task : tasks) task();
        });
    for (const auto& f : files_) {
        const auto task = std::make_shared<std::packaged_task<std::vector<std::string>()>>(
            [&t = f->tree, this] { return bench::find_drift(t, work_.path() / t.name, {}); });
        f->drift = task->get_future().share();
        jobs_.push_back([task] { (*task)(); });
    }
    const std::size_t nr = std::min<std::size_t>(std::max(std::thread::hardware_concurrency(), 1u), 8);
    for (std::size_t i = 0; i < std::min(nr, jobs_.size()); ++i)
        threads_.emplace_back([this] {
            for (;;) {
                std::unique_lock hold(mutex_);
                if (jobs_.empty() || interrupted()) return;
                const auto job = std::move(jobs_.front());
                jobs_.pop_front();
                hold.unlock();
                job();
            }
        });
}

const TreeChecks::Compiled* TreeChecks::wait_for(const File& f, std::size_t geometry) {
    progress_.show(
        fmt::format("Linux {}, {}: compiling for {}", f.tree.version, f.tree.name, geometries_[geometry]));
    const auto& unit = f.units[geometry];
    while (unit.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
        if (interrupted()) return nullptr;
    return &unit.get();
}

const bench::Unit* TreeChecks::compiled(std::size_t i, std::string_view geometry) {
    const auto g = static_cast<std::size_t>(std::ranges::find(geometries_, geometry) - geometries_.begin());
    const Compiled* unit = wait_for(*files_[i], g);
    return unit && *unit ? &**unit : nullptr;
}

// Waits until a file is compiled for a geometry, and has its campaign go on with it.
void TreeChecks::take(File& f, std::size_t geometry) {
    const Compiled* unit = wait_for(f, geometry);
    if (!unit) {
        f.problem = bench::Problem{"interrupted"};
        return;
    }
    const Compiled& compiled = *unit;
    if (!compiled) {
        const bool is_known = f.campaign && !f.no_mmu.empty(); // the verdict says so
        if (!is_known && !f.problem) f.problem = compiled.error();
    } else if (f.campaign) {
        f.campaign->add(*compiled);
    } else {
        const auto tell = [this, &f](const std::string& text) {
            progress_.show(fmt::format("Linux {}, {}: {}", f.tree.version, f.tree.name, text));
        };
        f.no_mmu = compiled->no_mmu;
        f.campaign.emplace(*compiled,
                           bench::Options{.seed = seed_,
                                          .progress = tell,
                                          .stop = interrupted,
                                          .known = known_ ? known_(f.tree) : std::vector<bench::Known>{},
                                          .stale = stale_});
    }
}

void TreeChecks::run(const Budget& budget, bool sweeps) {
    sweep(budget);
    Turns turns(budget, sweeps ? 0 : size());
    while (const auto turn = goes_on() ? turns.next() : std::nullopt) draw(turn->part, turn->seconds);
    end_progress();
}

void TreeChecks::sweep(const Budget& budget) {
    std::size_t left = geometries_.size() * files_.size();
    for (std::size_t g = 0; g < geometries_.size(); ++g)
        for (const auto& f : files_) {
            take(*f, g);
            if (f->campaign) f->campaign->sweep(budget.share(left));
            --left;
        }
}

void TreeChecks::draw(std::size_t i, double seconds) {
    if (auto& c = files_[i]->campaign) c->draw(seconds);
}

bool TreeChecks::goes_on() const {
    return std::ranges::any_of(files_, [](const auto& f) { return f->campaign && f->campaign->can_go_on(); });
}

std::expected<bench::Report, bench::Problem> TreeChecks::report(std::size_t i) const {
    const File& f = *files_[i];
    if (!f.campaign) return std::unexpected(f.problem.value_or(bench::Problem{"interrupted"}));
    auto r = f.campaign->report();
    if (r && r->trouble.empty() && f.problem) r->trouble = f.problem->what;
    if (r && f.drift.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
        r->warnings = f.drift.get();
    if (r)
        if (const auto odd = bench::version_drift(r->tree.hvo, r->tree.version); !odd.empty())
            r->warnings.push_back(odd);
    return r;
}

namespace {

const std::expected<std::vector<Unreachable>, std::string>& unreachable() {
    static const auto list = read_unreachable(bench::data_dir("findings") / "unreachable");
    return list;
}

} // namespace

std::optional<std::string> unreachable_problem() {
    return unreachable() ? std::nullopt : std::optional(unreachable().error());
}

Covered covered(const bench::Report& r) {
    return unreachable() ? covered(r, *unreachable()) : covered(r, std::span<const Unreachable>{});
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
    if (const Covered c = covered(r); c.is_measured()) v.percent = c.percent();
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
    for (const auto& entry : fs::directory_iterator(bench::data_dir("trees"), ec))
        if (fs::exists(entry.path() / "Makefile", ec) && fs::is_directory(entry.path() / "mm", ec))
            out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

} // namespace mmodel::cli
