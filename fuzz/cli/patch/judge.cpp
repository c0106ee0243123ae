// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/judge.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/patch/object.hpp"
#include "spec/linux/host/preprocess.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

// A program as it is on the disk now.
std::string stamp(const fs::path& program) {
    std::error_code ec;
    const fs::path real = fs::canonical(program, ec);
    return fmt::format("{} {} {}\n", real.string(), fs::file_size(real, ec),
                       fs::last_write_time(real, ec).time_since_epoch().count());
}

std::string text_of_all(const fs::path& dir) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (const auto& entry : fs::recursive_directory_iterator(dir, ec))
        if (entry.is_regular_file(ec)) files.push_back(entry.path());
    std::ranges::sort(files);
    std::string out;
    for (const fs::path& f : files) out += f.string() + "\n" + bench::slurp(f).value_or("") + "\n";
    return out;
}

std::string around_all(const JudgeOptions& o) {
    const std::vector<std::string> cc = bench::compiler_words();
    return fmt::format(
        "mmodel {} {}{} {}{}\n{} {} {} {}\n", MMODEL_VERSION, stamp("/proc/self/exe"), fmt::join(cc, " "),
        cc.empty() ? "" : stamp(cc.front()), bench::fnv1a(text_of_all(bench::default_shim_dir())),
        o.backend == bench::Backend::mmu ? "mmu" : "mmap", fmt::join(o.geometries, ","), o.stale, o.seed);
}

std::string unit_name(Judge::Id id, std::string_view file, std::string_view geometry) {
    return fmt::format("{} {} {}", id, file, geometry);
}

Texts without_makefile(Texts t) {
    t.erase("Makefile");
    return t;
}

// What a file is compiled from; a name of its own that nobody else has counts for each.
Texts texts_for(const Texts& all, const std::string& file) {
    Texts out;
    for (const auto& [path, text] : without_makefile(all)) {
        const auto& own = sources_of(file);
        const bool is_judged = std::ranges::find(judged_paths(), path) != judged_paths().end();
        if (!is_judged || std::ranges::find(own, path) != own.end()) out[path] = text;
    }
    return out;
}

} // namespace

Judge::Judge(JudgeOptions o, const WorkDir& work, Cache& cache)
    : options_(std::move(o)), work_(work), cache_(cache), around_(around_all(options_)) {}

Judge::Id Judge::add(const Texts& texts) {
    const Texts own = without_makefile(texts);
    const auto same =
        std::ranges::find_if(states_, [&](const State& s) { return without_makefile(s.texts) == own; });
    if (same != states_.end()) return static_cast<Id>(same - states_.begin());
    const fs::path dir = work_.path() / fmt::format("state-{}", states_.size());
    std::error_code ec;
    fs::create_directories(dir, ec);
    const auto why = write_texts(texts, dir);
    states_.push_back({.texts = texts,
                       .dir = dir,
                       .tree = why ? std::unexpected(bench::Problem{*why}) : bench::open_tree(dir)});
    return states_.size() - 1;
}

bool Judge::same_text(Id a, Id b, const std::string& file) const {
    return texts_for(states_[a].texts, file) == texts_for(states_[b].texts, file);
}

std::expected<bench::Tree, bench::Problem> Judge::seen_by(Id id, const std::string& file) const {
    const State& s = states_[id];
    if (!s.tree) return std::unexpected(s.tree.error());
    return s.tree->judged_by(file);
}

std::string Judge::without_place(Id id, std::string text) const {
    for (const std::string& place : {states_[id].dir.string() + ": ", states_[id].dir.string() + "/"})
        for (std::size_t at = 0; (at = text.find(place, at)) != text.npos;) text.erase(at, place.size());
    return text;
}

std::string Judge::key_of(Id id, const std::string& file, bool with_time) {
    std::string& key = states_[id].keys[file];
    if (const auto t = key.empty() ? seen_by(id, file) : std::unexpected(bench::Problem{})) {
        key = around_ + fmt::format("{} {}\n", file, fmt::join(t->defines, " "));
        for (const auto& [path, text] : texts_for(states_[id].texts, file))
            key += fmt::format("{} {}\n{}\n", path, text.size(), text);
    }
    return with_time
               ? fmt::format("report {} {}\n{}", options_.sweeps ? 0 : options_.seconds, options_.sweeps, key)
               : key;
}

std::expected<std::string, bench::Problem> Judge::made_of(Id id, const std::string& file, Made what) {
    const auto tree = seen_by(id, file);
    if (!tree) return std::unexpected(tree.error());
    const bench::KernelFile& judged = tree->judged();
    std::string key = around_ + fmt::format("{} {} {}\n", what == Made::text ? "text" : "code", judged.unit,
                                            fmt::join(judged.defines, " "));
    for (const auto& [path, text] : texts_for(states_[id].texts, file))
        key += fmt::format("{} {}\n{}\n", path, text.size(), text);
    const std::string name = cache_.name_of(key);
    if (const auto at = made_.find(name); at != made_.end()) return at->second;
    if (const auto j = cache_.get(name); j && j->is_string()) return j->get<std::string>();
    std::string all;
    const fs::path dir = work_.path() / fmt::format("code-{}", id);
    for (const std::string& g : options_.geometries) {
        auto one = what == Made::text ? bench::preprocess(*tree, dir, options_.backend, g)
                                      : code_of(*tree, dir, options_.backend, g);
        if (!one) return one;
        all += (what == Made::text ? cache_.name_of(*one) : *one) + "\n";
    }
    cache_.put(name, all);
    if (!name.empty()) made_[name] = all;
    return all;
}

// Of texts that differ in comments only the compiler sees the same, which takes no time to find out.
std::expected<bool, bench::Problem> Judge::same_code(Id a, Id b, const std::string& file) {
    for (const Made what : {Made::text, Made::code}) {
        const auto of_a = made_of(a, file, what), of_b = made_of(b, file, what);
        if (!of_a) return std::unexpected(of_a.error());
        if (!of_b) return std::unexpected(of_b.error());
        if (*of_a == *of_b) return true;
    }
    return false;
}

std::vector<bench::Known> Judge::hints_of(std::optional<Id> id, const std::string& file) const {
    if (!id) return {};
    const auto at = states_[*id].reports.find(file);
    const bool is_there = at != states_[*id].reports.end() && at->second;
    return is_there ? as_known(*at->second) : std::vector<bench::Known>{};
}

void Judge::judge(Id id, const std::vector<std::string>& files, std::optional<Id> hints) {
    State& s = states_[id];
    std::vector<bench::Tree> left;
    for (const std::string& file : files) {
        if (s.reports.contains(file)) continue;
        auto tree = seen_by(id, file);
        if (!tree) {
            s.reports.emplace(file, std::unexpected(tree.error()));
            continue;
        }
        const auto j = cache_.get(cache_.name_of(key_of(id, file, true)));
        if (auto r = j ? report_kept(*j, *tree) : std::nullopt)
            s.reports.emplace(file, std::move(*r));
        else
            left.push_back(std::move(*tree));
    }
    if (left.empty()) return;
    TreeChecks checks(std::move(left), options_.seed, options_.geometries, options_.backend, options_.stale,
                      [&](const bench::Tree& t) { return hints_of(hints, t.name); });
    checks.run(Budget(options_.sweeps ? 0 : options_.seconds), options_.sweeps);
    for (std::size_t i = 0; i < checks.size(); ++i) {
        Answer r = checks.report(i);
        const std::string& file = checks.tree(i).name;
        if (r)
            for (bench::Finding& f : r->findings) f.known.reset(); // to others it may be new
        if (r && r->trouble.empty() && !interrupted())
            cache_.put(cache_.name_of(key_of(id, file, true)), kept(*r));
        s.reports.emplace(file, std::move(r));
        keep_units(id, checks, i);
    }
}

void Judge::keep_units(Id id, TreeChecks& checks, std::size_t nr) {
    const std::string& file = checks.tree(nr).name;
    for (const std::string& geometry : options_.geometries) {
        const bench::Unit* compiled = checks.compiled(nr, geometry);
        if (!compiled) continue;
        bench::Unit own = *compiled;
        own.object = work_.path() / fmt::format("unit-{}-{}-{}.so", id, file, geometry);
        std::error_code ec;
        fs::copy_file(compiled->object, own.object, ec);
        if (!ec) keep(unit_name(id, file, geometry), std::move(own));
    }
}

void Judge::keep(const std::string& name, std::expected<bench::Unit, bench::Problem> unit) {
    constexpr std::size_t most = 24;
    if (kept_.size() >= most) {
        std::error_code ec;
        if (const auto& oldest = units_.at(kept_.front())) fs::remove(oldest->object, ec);
        units_.erase(kept_.front());
        kept_.pop_front();
    }
    units_.insert_or_assign(name, std::move(unit));
    kept_.push_back(name);
}

Judge::Answer& Judge::report(Id id, const std::string& file, std::optional<Id> hints) {
    judge(id, {file}, hints);
    return states_[id].reports.at(file);
}

std::expected<Judge::Run, bench::Problem> Judge::run(Id id, const std::string& file,
                                                     const bench::Finding& f) {
    const std::string name = unit_name(id, file, f.config.geometry.arch);
    if (!units_.contains(name))
        keep(name, build_tree(states_[id].dir, work_, file, options_.backend, f.config.geometry.arch));
    auto& unit = units_.at(name);
    if (!unit) return std::unexpected(unit.error());
    unit->stale = f.stale;
    auto r = bench::run_one(*unit, f.config, f.ops, interrupted, true);
    if (!r) return std::unexpected(r.error());
    return Run{&*unit, std::move(*r)};
}

std::string Judge::name_of(std::string_view what, Id id, const std::string& file, const bench::Finding& f) {
    return cache_.name_of(fmt::format("{} {}\n{}{}", what, print_identity(f.identity),
                                      print_trace(trace_of(f)), key_of(id, file, false)));
}

bench::Shown Judge::shows(Id id, const std::string& file, const bench::Finding& f) {
    const std::string name = name_of("shows", id, file, f);
    if (const auto j = cache_.get(name); j && j->is_number_unsigned() && *j <= 2)
        return static_cast<bench::Shown>(j->get<u8>());
    const auto ran = run(id, file, f);
    if (!ran) return bench::Shown::no;
    const auto shown =
        shown_in(ran->result, f, [&](std::string_view n) { return ran->unit->tree.has_function(n); });
    if (!interrupted()) cache_.put(name, static_cast<unsigned>(shown));
    return shown;
}

std::expected<std::vector<Judge::Block>, bench::Problem> Judge::blocks(Id id, const std::string& file,
                                                                       const bench::Finding& f) {
    const std::string name = name_of("blocks", id, file, f);
    std::vector<Block> out;
    if (const auto j = cache_.get(name); j && j->is_array()) {
        for (const Json& b : *j) out.push_back({b.at(0), b.at(1), b.at(2)});
        return out;
    }
    const auto ran = run(id, file, f);
    if (!ran) return std::unexpected(ran.error());
    if (!ran->unit->edges) return std::unexpected(bench::Problem{ran->unit->no_coverage});
    const auto& reached = ran->result.reached.edges;
    Json j = Json::array();
    for (std::size_t i = 0; i < ran->unit->edges->branches.size(); ++i) {
        const bench::Branch& b = ran->unit->edges->branches[i];
        out.push_back({b.file, b.line, std::ranges::binary_search(reached, static_cast<u32>(i))});
        j.push_back({b.file, b.line, out.back().ran});
    }
    if (!interrupted()) cache_.put(name, j);
    return out;
}

} // namespace mmodel::cli
