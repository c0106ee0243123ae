// SPDX-License-Identifier: GPL-2.0 OR MIT
// A replay, step by step: what ran, and how it is shown.
#pragma once

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/show.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

struct ReplayOptions {
    std::vector<std::string> files{};
    bool json{}, minimize{}, dot{}, events{}, raw_bytes{};
    std::optional<u64> step{};
    std::string out{};
    std::string tree{};
    bench::Backend backend{bench::default_backend}; // of a tree
    bool past_known{};                              // on a tree: goes on past what is known
    std::vector<std::string> allow{};               // see LinuxOptions
    std::string findings{};
};
int replay(const ReplayOptions& o);

// One operation that ran, with its events, newest last.
struct ReplayStep {
    u64 idx{};
    Op op{};
    Ran ran{};
    std::vector<Event> events{};               // empty for a kernel tree
    std::vector<spec::Violation> violations{}; // the model stops at the first
    std::vector<std::string> known{};          // what is known of it: it goes on
    bool put_back{};                           // ... with the world from before this operation
};

struct Verdict {
    std::vector<spec::Violation> violations{};
    u64 nr_ops{}, nr_events{}, op_idx{}; // op_idx: the operation that violated
    bool met{};                          // what the trace expects is what happened
    [[nodiscard]] int status() const { return met ? exit_holds : exit_violation; }
};

// What of the trace's `expect` (none: "ok") came true.
[[nodiscard]] bool expectation_met(const Input& in, const std::vector<spec::Violation>& violations);

// Where a replay is shown. One for people, one for programs, one that draws.
class Screen {
public:
    virtual ~Screen() = default;
    virtual void begin(const Input& in, const std::string& subject) = 0;
    // before, after: the model's worlds; null for a kernel tree.
    virtual void step(const ReplayStep& s, const World* before, const World* after) = 0;
    virtual void state(u64 idx, const World& w) = 0;
    // The world after the last operation; null for a kernel tree.
    virtual void end(const Verdict& v, const World* last) = 0;
};

[[nodiscard]] std::unique_ptr<Screen> text_screen(const ReplayOptions& o);
[[nodiscard]] std::unique_ptr<Screen> json_screen();
[[nodiscard]] std::unique_ptr<Screen> dot_screen(const ReplayOptions& o);

} // namespace mmodel::cli
