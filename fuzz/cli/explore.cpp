// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel explore: its options.
#include "fuzz/cli/explore.hpp"

#include <fmt/format.h>

#include "fuzz/cli/options.hpp"

namespace mmodel::cli {
namespace {

// What only the tasks have, and what only the spaces have.
void add_tasks(CLI::App& sub, ConcurrentOptions& o, CLI::Option* concurrent) {
    auto* const name = sub.add_option("--scenario", o.scenarios, "Only this scenario; may be given again")
                           ->type_name("SCENARIO")
                           ->allow_extra_args(false)
                           ->needs(concurrent);
    sub.add_option("--trace", o.trace, "Instead: the tasks of this text trace, with any schedule")
        ->type_name("FILE")
        ->excludes(name)
        ->needs(concurrent);
    sub.add_option("--preemptions", o.preemptions,
                   "Times that a task is interrupted though it could go on, at most")
        ->check(CLI::Range(0, 16))
        ->capture_default_str()
        ->needs(concurrent);
    sub.add_option("--random", o.random, "Draw N schedules a scenario instead of running all; no bound")
        ->check(whole_number())
        ->needs(concurrent);
    sub.add_option("--seed", o.seed, "Seed of --random; the same seed, the same schedules")
        ->check(whole_number())
        ->capture_default_str()
        ->needs(concurrent);
    sub.add_flag("--no-reduction", o.no_reduction,
                 "Run every schedule, those too that end as another one does")
        ->needs(concurrent);
    sub.add_flag("--no-faults", o.no_faults, "Let no allocation fail")->needs(concurrent);
}

void add_spaces(CLI::App& sub, SpacesOptions& o, CLI::Option* concurrent) {
    auto* tree = sub.add_option("--tree", o.tree, "Of this kernel tree's own file instead of the model")
                     ->type_name("DIR")
                     ->excludes(concurrent);
    sub.add_option("--file", o.file,
                   "Of the tree: which file, as for `mmodel linux`. Default: each that has spaces")
        ->type_name("NAME")
        ->needs(tree);
    sub.add_option("--keep", o.keep,
                   "Of the tree: write each violation's trace to DIR/<version>-<space>-<invariant>.trace")
        ->type_name("DIR")
        ->needs(tree);
    sub.add_option(
           "--findings", o.findings,
           "Of the tree: what is recorded in DIR is known; the space goes on past it where the machine "
           "is as it should be after it")
        ->type_name("DIR")
        ->needs(tree);
    sub.add_flag(
           "--stale", o.stale,
           "Of the tree: each space also with every access of the code answered from a translation that a "
           "CPU may still use: the oldest, and the newest that is not in the page table any more")
        ->needs(tree);
    sub.add_option("--space", o.spaces,
                   "Only this space; may be given again. Default: those that close in a minute")
        ->type_name("SPACE")
        ->allow_extra_args(false)
        ->excludes(concurrent);
    sub.add_option("--states", o.states, "Stop a space at N states")
        ->check(whole_number())
        ->excludes(concurrent);
    sub.add_option("--megabytes", o.megabytes,
                   "Stop a space at N MiB; default: three quarters of the memory there is")
        ->check(whole_number())
        ->excludes(concurrent);
    sub.add_option("--jobs", o.jobs, "Threads; default: one a CPU")
        ->check(CLI::Range(1, 64))
        ->excludes(concurrent);
    sub.add_option("--tlbs", o.tlbs, "So many CPUs' TLBs instead of the space's own number")
        ->check(CLI::Range(1, int{explore::max_tlbs}))
        ->excludes(concurrent);
    sub.add_flag("--first", o.first, "Stop a space at its first violation")->excludes(concurrent);
    sub.add_flag("--no-symmetry", o.no_symmetry, "Tell apart what is interchangeable: frames, CPUs")
        ->excludes(concurrent);
}

} // namespace

void add_explore(CLI::App& app, ExploreOptions& o) {
    CLI::App* sub =
        app.add_subcommand("explore", "Every state, or (--concurrent) every interleaving of operations");
    describe(
        sub,
        "Runs the model's own code in every state that tiny machines can reach: every operation, every "
        "choice of free frames, every allocation failing (and each two), under the whole specification; "
        "between any two events CPUs fill and drop translations, PFN walkers enter, write and leave. One "
        "line a space: worlds at rest and events of the machine's part, states and transitions of the whole, "
        "steps to the farthest state, and 'complete' or what ended it; a violation is shown by the shortest "
        "way there. What is interrupted starts from boot when it is run again.\n\n"
        "With --tree: the same spaces over the tree's own, unchanged mm/hugetlb_vmemmap.c, mm/percpu-vm.c "
        "and mm/percpu.c, on the machine tiny512 (pages of 512 bytes), in a child process. A state is then "
        "also every byte that the file has written. A violation counts once a fresh child has shown it again "
        "from boot; that a space is complete is what the child says.\n\n"
        "With --concurrent: operations of the model run at the same time on one machine, switched at events, "
        "as the scenarios of spec/tasks say: every schedule with few preemptions, without failing "
        "allocations and with each of them failing. One line a scenario; what breaks is shown as the "
        "shortest schedule, one column a task.");
    CLI::Option* concurrent =
        sub->add_flag("--concurrent", o.concurrent, "Schedules of concurrent operations");
    add_tasks(*sub, o.tasks, concurrent);
    add_spaces(*sub, o.spaces, concurrent);
    sub->add_option("--sabotage", o.tasks.sabotage, "Break the model in this way")->type_name("SABOTAGE");
    sub->add_option("--seconds", o.tasks.seconds, "How long, all together; 0: no limit")
        ->check(seconds_range())
        ->capture_default_str();
    sub->add_flag("--list", o.tasks.list, "Say what there is, and run nothing");
    sub->add_flag("--json", o.tasks.json, "One JSON object a line");
    sub->footer(footer("  mmodel explore\n"
                       "  mmodel explore --tree ~/src/linux --keep /tmp/found\n"
                       "  mmodel explore --space hvo-walker --sabotage no_rcu\n"
                       "  mmodel explore --space hvo-three-tlbs --megabytes 8000\n"
                       "  mmodel explore --concurrent\n"
                       "  mmodel explore --concurrent --scenario two_splitters --sabotage no_pmd_recheck\n"
                       "  mmodel explore --concurrent --random 10000 --seed 7\n"));
}

std::expected<Sabotage, Failure> sabotage_asked(const std::string& name) {
    if (name.empty()) return Sabotage::none;
    if (const auto known = sabotage_named(name)) return *known;
    return std::unexpected(
        Failure{fmt::format("there is no sabotage '{}'; spec/sabotage/sabotage.tsv has them all", name)});
}

int explore(const ExploreOptions& o) {
    if (o.concurrent) return explore_concurrent(o.tasks);
    SpacesOptions spaces = o.spaces;
    spaces.sabotage = o.tasks.sabotage;
    spaces.seconds = o.tasks.seconds;
    spaces.list = o.tasks.list;
    spaces.json = o.tasks.json;
    return explore_spaces(spaces);
}

} // namespace mmodel::cli
