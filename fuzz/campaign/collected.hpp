// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a campaign has found: told apart by identity, each cut down to the shortest sequence that shows it.
#pragma once

#include "fuzz/campaign/campaign.hpp"

namespace mmodel::bench {

class Collected {
public:
    // `run`: runs a sequence from boot, past what leaves the machine sound.
    using Run = std::function<std::expected<RealResult, Problem>(const Trace&)>;
    Collected(const Tree& tree, const Options& options, Run run)
        : tree_(tree), options_(options), run_(std::move(run)) {}

    // A violation of operation `op_idx` of what ran.
    void note(const Trace& ran, const spec::Violation& v, u64 op_idx);
    // Whether a run of it shows a finding of another text.
    [[nodiscard]] Shown shown(const Finding& f, const Trace& t) const;

    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] u64 unnamed() const { return unnamed_; } // see Report
    // Operations hang again and again.
    [[nodiscard]] bool hangs() const { return hangs_; }

private:
    [[nodiscard]] bool same(const Identity& known, const Identity& found) const;
    void note_again(Finding& f, const Trace& ran, const Identity& id);
    void cut_down(Finding& f) const;
    // Whether a run of it shows the finding; then it is what it is there, with what comes before it.
    [[nodiscard]] bool shows(Finding& f, const Trace& t) const;
    [[nodiscard]] bool take_if_shown(Finding& f, const Trace& t, const RealResult& r) const;

    const Tree& tree_;
    const Options& options_;
    Run run_;
    std::vector<Finding> findings_;
    u64 unnamed_{};
    bool hangs_{};
};

} // namespace mmodel::bench
