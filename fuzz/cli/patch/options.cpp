// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/options.hpp"

namespace mmodel::cli {

void add_patch(CLI::App& app, PatchOptions& o) {
    CLI::App* sub = app.add_subcommand("patch", "Check a series of patches, each against its parent");
    describe(
        sub,
        "Reads the commits BASE..HEAD of the git repository that --git names, a mailbox of patches for "
        "the tree that --on names ('-' is standard input), or what is not committed yet. Of each patch "
        "that touches mm/hugetlb_vmemmap.c, mm/percpu.c or mm/percpu-vm.c, the file is compiled and run as "
        "`mmodel linux` does, before and after. What it finds is told as new, fixed or unchanged; what is "
        "new is "
        "replayed on the parent first, and the patch that brings it is named. Patches that touch nothing "
        "of it are skipped and counted; those that leave the code the same take a second.\n\n"
        "Nothing is checked out, fetched or written in the repository, and none of its hooks is run. What "
        "was "
        "found is kept in a cache by the files' contents, so that a second run, or the same patches on "
        "another base, cost nothing. It holds 64 MiB at most: what was used the longest ago goes first.");
    sub->add_option("SERIES", o.what, "BASE..HEAD, as git has it; or a mailbox, as `b4 am` writes it")
        ->type_name("");
    auto* git = sub->add_option("--git", o.git, "The repository; one without a working tree will do")
                    ->type_name("DIR");
    auto* on = sub->add_option("--on", o.on, "What the mailbox's patches are for; DIR stays as it is")
                   ->type_name("DIR");
    auto* working =
        sub->add_flag("--working-tree", o.working_tree, "What is not committed in DIR, against HEAD");
    git->excludes(on);
    working->needs(git);
    auto* seconds =
        sub->add_option("--seconds", o.seconds, "How long a patch may take; half of it is its parent's")
            ->check(seconds_range())
            ->capture_default_str();
    sub->add_flag("--sweeps", o.sweeps, "The sweeps only, to their end, as of `mmodel linux`")
        ->excludes(seconds);
    sub->add_flag("--stale", o.stale, "As of `mmodel linux`");
    sub->add_option("--seed", o.seed, "Seed of the random sequences")
        ->check(whole_number())
        ->capture_default_str();
    sub->add_option("--keep", o.keep, "Write the shortest trace of each new finding to DIR")
        ->type_name("DIR");
    add_allow(*sub, o.allow);
    sub->add_option("--findings", o.findings, "What is recorded in DIR is known, as with --allow")
        ->type_name("DIR");
    sub->add_flag("--strict", o.strict, "A difference from the model is a violation");
    add_backend(*sub, o.backend);
    add_geometry(*sub, o.geometry);
    sub->add_flag("--no-cache", o.no_cache, "Neither take results from the cache nor keep them there");
    auto* json =
        sub->add_flag("--json", o.json, "One JSON object a patch, each on one line, and one at the end");
    auto* ktap = sub->add_flag("--ktap", o.ktap, "KTAP: the patches, their files, an invariant a line");
    auto* github = sub->add_flag("--github", o.github, "Annotations of GitHub's workflows, at each function");
    json->excludes(ktap)->excludes(github);
    ktap->excludes(github);
    add_junit(*sub, o.junit);
    add_exit_style(*sub, o.exit_style);
    sub->footer(footer("  mmodel patch --git ~/src/linux v6.12..HEAD\n"
                       "  b4 am -o - 20250101.abc@example.org | mmodel patch - --on ~/src/linux\n"
                       "  mmodel patch --git . --working-tree\n"));
}

} // namespace mmodel::cli
