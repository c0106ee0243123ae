// SPDX-License-Identifier: GPL-2.0 OR MIT
// Debian's kernel trees: each file shows exactly what spec/linux/findings records for it, no less and no
// more. Usage: mmodel_tree_test [--may-be-missing] TREE FILE GEOMETRY [SECONDS]. Exit status 125: the tree is
// not there (a failure where CI is set, unless it may be missing).
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/campaign/findings.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/spec/linux/work_dir.hpp"

using namespace mmodel;

namespace {

constexpr int not_there = 125;

int fail(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    return 1;
}

int judge(const bench::Report& report, const std::vector<cli::Record>& records) {
    const auto c = cli::compare(records, report);
    for (const auto& r : c.confirmed) std::printf("as recorded: %s\n", r.path.filename().c_str());
    for (const auto& r : c.not_found) std::printf("RECORDED BUT NOT FOUND: %s\n", r.path.filename().c_str());
    for (const auto* f : c.unrecorded)
        std::printf("FOUND BUT NOT RECORDED: %s: %s\n%s", bench::print_identity(f->identity).c_str(),
                    f->violation.detail.c_str(),
                    print_trace({.config = f->config, .sabotage = {}, .ops = f->ops, .expect = {}}).c_str());
    std::printf("Linux %s, %s: %llu operations, %llu events\n", report.tree.version.c_str(),
                report.tree.file.c_str(), static_cast<unsigned long long>(report.operations),
                static_cast<unsigned long long>(report.events));
    if (report.tree.not_the_models.empty() && !report.compared)
        return fail("nothing was compared with the model");
    return c.is_as_recorded() && report.trouble.empty() ? 0 : fail("not as recorded " + report.trouble);
}

} // namespace

int main(int argc, char** argv) {
    const bool may_be_missing = argc > 1 && std::string(argv[1]) == "--may-be-missing";
    if (may_be_missing) --argc, ++argv;
    if (argc != 4 && argc != 5)
        return fail("usage: mmodel_tree_test [--may-be-missing] TREE FILE GEOMETRY [SECONDS]");
    const double seconds = argc == 5 ? std::atof(argv[4]) : 20;
    if (!std::filesystem::exists(argv[1])) {
        std::fprintf(stderr, "%s is not there; ./dev trees makes it\n", argv[1]);
        return std::getenv("CI") && !may_be_missing ? 1 : not_there;
    }
    const auto whole = bench::open_tree(argv[1]);
    if (!whole) return fail(whole.error().what);
    const auto tree = whole->judged_by(argv[2]);
    if (!tree) return fail(tree.error().what);
    const auto unit = bench::compile(*tree, test_work_dir(), {}, {}, bench::default_backend, argv[3]);
    if (!unit) return fail(unit.error().what);
    auto records = cli::read_findings(MMODEL_FINDINGS_DIR);
    if (!records) return fail(records.error());
    std::erase_if(*records, [&](const cli::Record& r) { return !is_found_on(r, argv[3]); });
    const auto report = bench::run_tree(*unit, {.seconds = seconds, .known = cli::known_of(*records, *tree)});
    return report ? judge(*report, *records) : fail(report.error().what);
}
