// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/campaign.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "fuzz/campaign/scenarios.hpp"
#include "fuzz/ops/shrink.hpp"
#include "spec/linux/host/runner.hpp"

namespace mmodel::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr u64 max_hangs = 4; // each costs seconds
constexpr double max_shrink_seconds = 20;
constexpr u32 max_swept_whole = 64; // allocations of an operation

class Campaign {
public:
    Campaign(const Unit& unit, const Options& options)
        : unit_(unit), options_(options), plan_(plan_for(unit.tree.name)),
          report_{.tree = unit.tree, .backend = unit.backend, .no_mmu = unit.no_mmu} {}

    std::expected<Report, Problem> run() {
        if (auto p = sweep()) return finish(*p);
        if (is_enough()) return finish(std::nullopt);
        const auto& configs = plan_.random_configs;
        for (u64 i = 0; seconds() < options_.seconds; ++i) {
            const Config c = *parse_config(configs[i % configs.size()]);
            Mix mix = plan_.mix;
            mix.gigantic_percent = i % 16 == 0 ? 50u : 2u;
            const u64 seed = options_.seed * 1'000'003 + i;
            if (auto p = try_sequence(c, random_ops(c, mix, seed, plan_.random_length))) return finish(*p);
            if (is_enough()) break;
        }
        return finish(std::nullopt);
    }

private:
    using Trouble = std::optional<Problem>;

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(Clock::now() - start_).count();
    }

    [[nodiscard]] bool is_enough() const {
        return options_.until && std::ranges::any_of(report_.findings, [&](const Finding& f) {
                   return f.violation.inv == *options_.until;
               });
    }

    [[nodiscard]] bool stopped() const { return options_.stop && options_.stop(); }

    // What was found so far is kept whatever ends the campaign; with nothing done at all the problem is the
    // answer.
    std::expected<Report, Problem> finish(const Trouble& trouble) {
        if (trouble && !report_.sequences) return std::unexpected(*trouble);
        if (trouble) report_.trouble = trouble->what;
        report_.seconds = seconds();
        return std::move(report_);
    }

    Runner& runner(const Config& c) {
        auto& r = runners_[print_config(c)];
        if (!r) r = std::make_unique<Runner>(unit_, c, default_patience, options_.stop);
        return *r;
    }

    Trouble sweep() {
        for (const Scenario& s : plan_.scenarios) {
            const Config c = *parse_config(s.config);
            RealResult clean;
            if (auto p = try_sequence(c, s.ops, &clean)) return p;
            if (is_enough()) return std::nullopt;
            const u32 nr_allocs = clean.ran.size() == s.ops.size() ? clean.ran.back().nr_allocs : 12;
            const bool gigantic = s.ops.front().kind == OpKind::alloc_folio && s.ops.front().size == 1;
            const bool pairs = !gigantic && nr_allocs <= max_swept_whole;
            for (u32 a = 0; a < nr_allocs; a = next_position(a, nr_allocs, gigantic)) {
                for (u32 b = a; b < std::min(nr_allocs, pairs ? a + 3 : a + 1); ++b) {
                    std::vector<Op> ops = s.ops;
                    ops.back().fail.nth = {static_cast<u16>(a), b == a ? no_fault : static_cast<u16>(b)};
                    ops.back() = canonical(ops.back());
                    if (auto p = try_sequence(c, ops)) return p;
                    if (is_enough()) return std::nullopt;
                }
            }
        }
        return std::nullopt;
    }

    // Every position of few. Of a gigantic folio, whose every operation is long, the new head, the first PMD
    // splits, some later, and the last. Of many percpu pages the first and the last (objects come first, page
    // tables last) and some between.
    static u32 next_position(u32 a, u32 nr, bool gigantic) {
        if (gigantic) return a < 3 ? a + 1 : a + 1 < nr ? std::min(a * 16, nr - 1) : nr;
        constexpr u32 first = 7, last = 4;
        if (nr <= max_swept_whole || a < first || a + last >= nr) return a + 1;
        return std::min(a + nr / 4, nr - last);
    }

    Trouble try_sequence(const Config& c, const std::vector<Op>& ops, RealResult* result = nullptr) {
        if (stopped()) return Problem{"interrupted"};
        if (gave_up_) return Problem{"operations hang again and again; the campaign was given up"};
        auto r = runner(c).run(ops);
        if (!r) return r.error();
        ++report_.sequences;
        report_.operations += r->nr_ops;
        report_.events += r->nr_events;
        for (const spec::Violation& v : r->violations) note(c, ops, v, r->op_idx);
        if (options_.progress && report_.sequences % 64 == 0)
            options_.progress(std::to_string(report_.sequences) + " sequences, " +
                              std::to_string(report_.operations) + " operations, " +
                              std::to_string(report_.findings.size()) + " invariants violated");
        if (result) *result = std::move(*r);
        return std::nullopt;
    }

    void note(const Config& c, const std::vector<Op>& ops, const spec::Violation& v, u64 op_idx) {
        const auto known = std::ranges::find_if(report_.findings,
                                                [&](const Finding& f) { return f.violation.inv == v.inv; });
        if (known != report_.findings.end()) {
            ++known->seen;
            if (v.inv == spec::Inv::every_operation_ends && known->seen >= max_hangs) gave_up_ = true;
            return;
        }
        Trace t{.config = c,
                .sabotage = {},
                .ops = {ops.begin(), ops.begin() + static_cast<long>(std::min<u64>(op_idx + 1, ops.size()))},
                .expect = {}};
        spec::Violation shown = v;
        const auto shows_it = [&](const Trace& candidate) {
            if (stopped()) return false;
            const auto r = runner(candidate.config).run(candidate.ops);
            if (!r) return false;
            const auto same =
                std::ranges::find_if(r->violations, [&](const spec::Violation& w) { return w.inv == v.inv; });
            if (same == r->violations.end()) return false;
            shown = *same;
            return true;
        };
        const double began = seconds();
        const auto still_fails = [&](const Trace& candidate) {
            return seconds() - began < max_shrink_seconds && shows_it(candidate);
        };
        // A hang costs seconds each time it is shown again.
        const Trace small =
            shrink(std::move(t), still_fails, nullptr, v.inv == spec::Inv::every_operation_ends ? 8 : 600);
        (void)shows_it(small);
        report_.findings.push_back({shown, small.config, small.ops, 1});
    }

    const Unit& unit_;
    const Options& options_;
    const Plan plan_;
    Report report_;
    std::map<std::string, std::unique_ptr<Runner>> runners_;
    Clock::time_point start_{Clock::now()};
    bool gave_up_{};
};

} // namespace

std::expected<Report, Problem> run_tree(const Unit& unit, const Options& options) {
    return Campaign(unit, options).run();
}

} // namespace mmodel::bench
