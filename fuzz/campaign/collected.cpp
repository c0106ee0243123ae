// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/collected.hpp"

#include <algorithm>
#include <chrono>

#include "fuzz/ops/shrink.hpp"

namespace mmodel::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr u64 max_hangs = 4; // each costs seconds
constexpr auto max_shrink_time = std::chrono::seconds(20);
constexpr std::size_t max_findings_of_one = 12; // of an invariant

} // namespace

Shown shown_in(const RealResult& r, const Finding& f, const HasFunction& has_function) {
    if (f.ops.empty()) return Shown::no;
    const auto is = [&](const spec::Violation& v, u64 op_idx) {
        const OpKind kind = f.ops[std::min<u64>(op_idx, f.ops.size() - 1)].kind;
        return is_same(f.identity, identity_of(v, kind), has_function);
    };
    if (std::ranges::any_of(r.passed, [&](const Passed& p) { return is(p.violation, p.op_idx); }) ||
        std::ranges::any_of(r.violations, [&](const spec::Violation& v) { return is(v, r.op_idx); }))
        return Shown::yes;
    const bool is_earlier = r.op_idx + 1 < f.ops.size() || r.is_cut_off;
    return !r.violations.empty() && is_earlier ? Shown::hidden : Shown::no;
}

bool Collected::same(const Identity& known, const Identity& found) const {
    return is_same(known, found, [&](std::string_view f) { return tree_.has_function(f); });
}

void Collected::note(const Trace& ran, const spec::Violation& v, u64 op_idx) {
    op_idx = std::min<u64>(op_idx, ran.ops.size() - 1);
    const Identity id = identity_of(v, ran.ops[op_idx].kind);
    const auto met = std::ranges::find_if(findings_, [&](const Finding& f) { return same(f.identity, id); });
    if (met != findings_.end()) return note_again(*met, ran, id);
    const auto of_one =
        std::ranges::count(findings_, v.inv, [](const Finding& f) { return f.violation.inv; });
    const auto known =
        std::ranges::find_if(options_.known, [&](const Known& k) { return same(k.identity, id); });
    Finding f{.violation = v,
              .identity = id,
              .config = ran.config,
              .ops = {ran.ops.begin(), ran.ops.begin() + static_cast<long>(op_idx + 1)},
              .seen = 1,
              .geometries = {std::string(ran.config.geometry.arch)},
              .stale = ran.stale};
    if (known != options_.known.end())
        f.known = static_cast<std::size_t>(known - options_.known.begin());
    else if (static_cast<std::size_t>(of_one) >= max_findings_of_one) {
        ++unnamed_;
        return;
    } else {
        cut_down(f);
    }
    findings_.push_back(std::move(f));
}

void Collected::note_again(Finding& f, const Trace& ran, const Identity& id) {
    if (f.identity.extent & id.extent) f.identity.extent &= id.extent;
    if (std::ranges::find(f.geometries, ran.config.geometry.arch) == f.geometries.end())
        f.geometries.emplace_back(ran.config.geometry.arch);
    if (++f.seen >= max_hangs && f.violation.inv == spec::Inv::every_operation_ends) hangs_ = true;
}

bool Collected::shows(Finding& f, const Trace& t) const {
    if (options_.stop && options_.stop()) return false;
    const auto r = run_(t);
    return r && take_if_shown(f, t, *r);
}

Shown Collected::shown(const Finding& f, const Trace& t) const {
    if (options_.stop && options_.stop()) return Shown::no;
    const auto r = run_(t);
    return r ? shown_in(*r, f, [&](std::string_view name) { return tree_.has_function(name); }) : Shown::no;
}

// To the shortest sequence that shows it.
void Collected::cut_down(Finding& f) const {
    const spec::Inv inv = f.violation.inv;
    const auto began = Clock::now();
    const auto shows_it = [&](const Trace& t) {
        if (options_.progress)
            options_.progress("cutting down what violates " + std::string(spec::fact(inv).name));
        return shows(f, t);
    };
    const auto still_fails = [&](const Trace& candidate) {
        return Clock::now() - began < max_shrink_time && shows_it(candidate);
    };
    // A hang costs seconds each time it is shown again.
    const Trace small =
        shrink(trace_of(f), still_fails, nullptr, inv == spec::Inv::every_operation_ends ? 8 : 600);
    f.config = small.config, f.ops = small.ops, f.stale = small.stale;
    (void)shows_it(small);
}

bool Collected::take_if_shown(Finding& f, const Trace& t, const RealResult& r) const {
    std::vector<Identity> before;
    if (t.ops.empty()) return false;
    const auto is_it = [&](const spec::Violation& v, u64 op_idx) {
        const Identity id = identity_of(v, t.ops[std::min<u64>(op_idx, t.ops.size() - 1)].kind);
        if (!same(f.identity, id)) return false;
        if (f.identity.extent & id.extent) f.identity.extent &= id.extent;
        f.violation = v;
        f.passed = before;
        return true;
    };
    for (const Passed& p : r.passed) {
        if (is_it(p.violation, p.op_idx)) return true;
        if (p.op_idx + 1 < t.ops.size()) before.push_back(identity_of(p.violation, t.ops[p.op_idx].kind));
    }
    return std::ranges::any_of(r.violations, [&](const spec::Violation& v) { return is_it(v, r.op_idx); });
}

} // namespace mmodel::bench
