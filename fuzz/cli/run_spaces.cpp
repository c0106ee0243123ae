// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: every state of the kernel trees' files, against what is recorded of them.
#include "fuzz/cli/run.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "fuzz/cli/explore.hpp"
#include "fuzz/cli/linux.hpp"

namespace mmodel::cli {
namespace {

// One space shows a part of what is recorded; what it shows beside that is a violation. What the hardware's
// part shows is recorded as what the operations alone do, if they do.
std::vector<std::string> unrecorded(const std::vector<Record>& records, const bench::Tree& tree,
                                    const explore::Explored& e, std::size_t& nr_recorded) {
    std::vector<std::string> out;
    std::set<const Record*> recorded;
    for (const explore::Finding& f : e.found) {
        const spec::Violation* v = f.is_of_the_specification() ? &f.violation : f.alone ? &*f.alone : nullptr;
        const Record* r = nullptr;
        if (v && !f.ops.empty() && (f.steps.empty() || f.known))
            r = record_of(records, tree, bench::identity_of(*v, f.ops.back().kind));
        if (r)
            recorded.insert(r);
        else
            out.emplace_back(f.name);
    }
    nr_recorded = recorded.size();
    return out;
}

// One record may say several ways in which its mistake shows.
std::string recorded_words(const explore::Explored& e, std::size_t nr_records) {
    std::string out = "as recorded: " + plural(e.found.size(), "finding");
    if (nr_records < e.found.size()) out += fmt::format(" of {}", plural(nr_records, "record"));
    return out + passed_words(e);
}

void report(Job& job, const std::vector<Record>& records, const bench::Tree& tree, const explore::Space& s,
            const explore::Explored& e) {
    std::size_t nr_recorded = 0;
    const std::vector<std::string> fresh = unrecorded(records, tree, e, nr_recorded);
    Standing v = standing_of(e);
    v.violated = fresh.size();
    job.tally.add(v);
    if (job.options.json) {
        Json j = explored_json(s, e);
        j.update(
            {{"tree", tree.dir.string()}, {"version", tree.version}, {"file", tree.file}, {"new", fresh}});
        return print_json(j);
    }
    const bool as_recorded = fresh.empty() && nr_recorded && e.complete;
    Row row{fmt::format("{} {}: {}", tree.version, tree.name, s.name),
            {grouped(e.rests), grouped(e.states), grouped(e.transitions),
             e.complete ? "all states" : plural(e.depth, "step")},
            as_recorded ? recorded_words(e, nr_recorded) : v.text()};
    for (const std::string& name : fresh) row.beneath.push_back("violates " + name);
    if (!fresh.empty())
        job.findings.push_back(fmt::format("{} {}, every state of {}: see {} explore --tree {} --space {}\n",
                                           tree.version, tree.name, s.name, this_command(), tree.dir.string(),
                                           s.name));
    job.add_row(std::move(row));
}

// A space of a file, and what was seen of it so far.
struct Closing {
    const bench::Unit& unit; // with what is known of its file
    explore::Space space{};
    std::optional<explore::Explored> seen{};
    bool is_done{};
};

// In so many seconds, from boot.
void explore_for(Job& job, Closing& c, double seconds) {
    Progress progress;
    explore::Limits limits = telling(limits_of({}), c.space, progress);
    limits.seconds = seconds;
    auto e = explore_file(c.unit, c.space, limits);
    progress.end();
    if (!e) job.tally.worsen(complain(e.error()));
    if (e) c.seen = std::move(e->explored);
    c.is_done = !e || c.seen->complete;
}

// Rounds, each of four times as many seconds a space as the one before, of those that are not closed: a large
// one does not take the time of small ones, whatever their order.
void close_all(Job& job, std::vector<Closing>& all, const Budget& budget) {
    bool is_last = false;
    for (double slice = 1; !is_last && !interrupted(); slice *= 4) {
        std::vector<Closing*> open;
        for (Closing& c : all)
            if (!c.is_done) open.push_back(&c);
        is_last = open.empty();
        for (std::size_t i = 0; i < open.size() && !interrupted(); ++i) {
            const double share = budget.share(open.size() - i);
            is_last = is_last || share <= slice;
            explore_for(job, *open[i], std::min(slice, share));
        }
    }
}

} // namespace

void TreeRun::explore(Job& job, const Budget& budget) {
    std::deque<bench::Unit> units;
    std::vector<Closing> all;
    for (std::size_t i = 0; i < checks_->size() && !interrupted(); ++i) {
        std::vector<explore::Space> spaces = spaces_for(checks_->tree(i));
        if (spaces.empty()) continue;
        const bench::Unit* unit = checks_->compiled(i, "tiny512");
        if (!unit) continue; // it is said with the trees' own rows
        units.push_back(*unit);
        units.back().known = identities_known(records_, unit->tree);
        for (explore::Space& s : spaces) all.push_back({units.back(), std::move(s)});
    }
    checks_->end_progress();
    if (all.empty()) return;
    close_all(job, all, budget);
    job.begin_part("every state of kernel trees", {"worlds at rest", "states", "transitions", "reach"});
    for (const Closing& c : all)
        if (c.seen) cli::report(job, records_, c.unit.tree, c.space, *c.seen);
}

} // namespace mmodel::cli
