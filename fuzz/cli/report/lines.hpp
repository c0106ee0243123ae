// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a file was asked, each a test with an outcome: for readers that know tests (KTAP, JUnit).
#pragma once

#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {

struct Line {
    enum class Outcome : u8 {
        passed,
        failed,
        skipped,  // did not run, or not to its end
        expected, // fails, which is known or breaks nothing
        error     // could not be judged
    };
    Outcome outcome{};
    std::string name;
    std::string why{};                  // not of what passed; of what failed, what it means
    std::vector<std::string> details{}; // a line each
    std::vector<Line> beneath{};        // a test of tests
};

// Of a file: its sweeps on each geometry, and each invariant that it is asked for.
[[nodiscard]] Line line_of(const Judged& j, const LinuxOptions& o);
// Of a run that touched no file.
[[nodiscard]] Line line_of_nothing();

// What a patch or a tree is called, and the lines of its files.
struct Group {
    std::string name;
    std::vector<Line> files{};
};
// Gathers all files before anything is written.
class Gathered : public Output {
public:
    explicit Gathered(const LinuxOptions& o) : options_(o) {}
    void file(const Judged& j) override;
    void group(const std::string& name) override { groups_.push_back({name}); }

protected:
    const LinuxOptions& options_;
    std::vector<Group> groups_{};
};

} // namespace mmodel::cli
