// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel run: every state of the kernel trees' files, against what is recorded of them.
#include "fuzz/cli/run.hpp"

#include <algorithm>
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
            as_recorded ? fmt::format("as recorded: {}", plural(nr_recorded, "finding")) + known_words(e)
                        : v.text()};
    for (const std::string& name : fresh) row.beneath.push_back("violates " + name);
    if (!fresh.empty())
        job.findings.push_back(fmt::format("{} {}, every state of {}: see {} explore --tree {} --space {}\n",
                                           tree.version, tree.name, s.name, this_command(), tree.dir.string(),
                                           s.name));
    job.add_row(std::move(row));
}

} // namespace

void TreeRun::explore(Job& job, const Budget& budget) {
    std::vector<bench::Tree> files;
    for (const Opened& t : trees_)
        for (std::size_t i = 0; t.tree && i < t.tree->files.size(); ++i)
            if (auto one = t.tree->judged_by(t.tree->files[i].name); one && !spaces_for(*one).empty())
                files.push_back(std::move(*one));
    if (files.empty()) return;
    job.begin_part("every state of kernel trees", {"worlds at rest", "states", "transitions", "reach"});
    const WorkDir work;
    for (std::size_t i = 0; i < files.size() && !interrupted(); ++i) {
        auto unit = compile_file(files[i], work, "tiny512");
        if (!unit) continue; // it is said with the trees' own rows
        unit->known = identities_known(records_, files[i]);
        const std::vector<explore::Space> spaces = spaces_for(files[i]);
        const Budget own = budget.part(1.0 / static_cast<double>(files.size() - i));
        for (std::size_t n = 0; n < spaces.size() && !interrupted(); ++n) {
            Progress progress;
            explore::Limits limits = telling(limits_of({}), spaces[n], progress);
            limits.seconds = own.share(spaces.size() - n);
            const auto e = explore_file(*unit, spaces[n], limits);
            progress.end();
            if (e)
                cli::report(job, records_, files[i], spaces[n], e->explored);
            else
                job.tally.worsen(complain(e.error()));
        }
    }
}

} // namespace mmodel::cli
