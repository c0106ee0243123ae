// SPDX-License-Identifier: GPL-2.0 OR MIT
// What `mmodel linux` found, for readers that are not people: KTAP, JUnit, GitHub's annotations, b4's checks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/cli/expected.hpp"
#include "fuzz/cli/report/definition.hpp"
#include "fuzz/cli/verdict.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

struct LinuxOptions;

// What is said of one file.
struct Judged {
    const bench::Tree& tree;
    const bench::Report* report{}; // null: it did not run,
    std::string why_not{};         // ... for this reason
    Standing standing{};
    const Expected* expected{}; // with a report
    bool strict{};              // a difference from the model is a violation
    bool is_error{};            // without a report: it could not be judged
    // How to see a finding again; empty: on the tree.
    std::function<std::string(const bench::Finding&)> again{};
    // At which line of a patch a finding is shown; empty, or nothing: at its function.
    std::function<std::optional<Place>(const bench::Finding&)> changed{};

    // Nothing ran, or not one sequence to its end.
    [[nodiscard]] bool did_run() const { return report && report->sequences; }
    [[nodiscard]] bool is_violation(const bench::Finding& f) const {
        return !f.known && (strict || !report->is_difference(f));
    }
};

// For readers that know three answers.
enum class Mark : u8 { pass, warn, fail };
[[nodiscard]] Mark mark_of(const Judged& j);

// Where it is written: all files, then the end, whatever came of them.
class Output {
public:
    virtual ~Output() = default;
    virtual void file(const Judged& j) = 0;
    // What follows is of the patch of that name; without, all is of one tree.
    virtual void group(const std::string&) {}
    // An exit status: whether it could be written.
    [[nodiscard]] virtual int end() = 0;
};
// All that are asked for; text and --json are not among them, which `mmodel linux` writes itself.
[[nodiscard]] std::unique_ptr<Output> output_for(const LinuxOptions& o);

[[nodiscard]] std::unique_ptr<Output> ktap_output(const LinuxOptions& o);
[[nodiscard]] std::unique_ptr<Output> junit_output(const LinuxOptions& o);
[[nodiscard]] std::unique_ptr<Output> github_output(const LinuxOptions& o);
[[nodiscard]] std::unique_ptr<Output> b4_output(const LinuxOptions& o);

// What stands below a finding's name, each a line: its identity, meaning, where, found, the trace, how to see
// it again.
[[nodiscard]] std::vector<std::string> lines_of(const bench::Finding& f, const Judged& j,
                                                const LinuxOptions& o);
// "violates 2 invariants", "holds", "not run: ..."
[[nodiscard]] std::string verdict_of(const Judged& j);

// All of it, but no more than a mail has.
[[nodiscard]] std::string standard_input();
// Whether a patch, as a mail, changes something that the file is compiled from; also where nothing of a patch
// can be made out in it.
[[nodiscard]] bool is_touched(const bench::KernelFile& f, std::string_view mail);

} // namespace mmodel::cli
