// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/reply.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {
namespace {

constexpr std::array errnos{Errno::ok, Errno::nomem, Errno::busy, Errno::inval, Errno::notsupp};
// Not every event of an operation is one of the file under test.
constexpr u64 most_events = 2 * max_events;

std::optional<Ran> read_ran(const Reply::WireRan& shared) {
    const Reply::WireRan r = shared;
    const auto* err =
        std::ranges::find(errnos, r.err, [](Errno e) { return static_cast<u64>(static_cast<int>(e)); });
    if (err == errnos.end() || r.disabled > 1 || r.nr_events > most_events || r.nr_allocs > most_events ||
        r.nr_failed_allocs > r.nr_allocs)
        return std::nullopt;
    return Ran{.outcome = {.disabled = r.disabled != 0,
                           .err = *err,
                           .restored = r.restored,
                           .moved = r.moved,
                           .value = r.value},
               .nr_events = r.nr_events,
               .nr_allocs = static_cast<u32>(r.nr_allocs),
               .nr_failed_allocs = static_cast<u32>(r.nr_failed_allocs)};
}

std::optional<spec::Violation> read_violation(const Reply::WireViolation& v) {
    const u64 inv = v.inv;
    if (inv >= spec::nr_invariants) return std::nullopt;
    return spec::Violation{static_cast<spec::Inv>(inv), v.event_idx, v.where.get(), v.event.get(),
                           v.detail.get()};
}

} // namespace

void Text::set(std::string_view s) {
    const std::size_t n = std::min(s.size(), chars.size() - 1);
    std::memcpy(chars.data(), s.data(), n);
    chars[n] = 0;
}

std::string Text::get() const {
    const Text copy = *this;
    std::string s(copy.chars.data(), strnlen(copy.chars.data(), copy.chars.size()));
    std::ranges::replace_if(s, [](char c) { return c < ' ' || c > '~'; }, '?');
    return s;
}

void Reply::begin() {
    ops_done = ops_enabled = nr_seen = nr_compared = code = 0;
    deviations = {};
    progress = {};
    for (Text* t : {&host_error, &fault_where, &fault_what}) t->set("");
    fault_in_read_only_vmemmap = 0;
}

void Reply::add(const RealStep& step) {
    const Ran& r = step.ran;
    ran[ops_done++] = {r.outcome.disabled, static_cast<u64>(static_cast<int>(r.outcome.err)),
                       r.outcome.restored, r.outcome.moved,
                       r.outcome.value,    r.nr_events,
                       r.nr_allocs,        r.nr_failed_allocs};
    ops_enabled += !r.outcome.disabled;
    nr_compared += step.compared;
    bench::add(deviations, step.shown);
    code = step.violations.size() <= max_seen ? step.code : 0;
    for (const spec::Violation& v : step.violations) {
        if (nr_seen == max_seen) break;
        WireViolation& to = seen[nr_seen++];
        to.inv = static_cast<u64>(v.inv);
        to.event_idx = v.event_idx;
        to.where.set(v.where);
        to.event.set(v.event);
        to.detail.set(v.detail);
    }
}

std::optional<Told> read_reply(const Reply& r, u64 request, u64 nr_ops, bool complete) {
    const u64 done = r.ops_done, enabled = r.ops_enabled, nr_seen = r.nr_seen;
    Told t{.op_idx = r.progress.op_idx,
           .op_events = r.progress.nr_events,
           .nr_events = r.progress.nr_events_total,
           .ops_enabled = enabled,
           .nr_compared = r.nr_compared,
           .deviations = r.deviations,
           .code = nr_seen ? r.code : 0};
    if (done > nr_ops || enabled > done || nr_seen > Reply::max_seen || t.op_events > most_events ||
        t.nr_events > most_events * nr_ops || t.op_idx >= std::max<u64>(nr_ops, 1))
        return std::nullopt;
    if (t.nr_compared > done || std::ranges::any_of(t.deviations, [&](u64 n) { return n > t.nr_compared; }))
        return std::nullopt;
    if (complete && (r.nr != request || (nr_seen ? done == 0 : done != nr_ops))) return std::nullopt;
    for (u64 i = 0; i < done; ++i) {
        const auto ran = read_ran(r.ran[i]);
        if (!ran) return std::nullopt;
        t.ran.push_back(*ran);
    }
    for (u64 i = 0; i < nr_seen; ++i) {
        auto v = read_violation(r.seen[i]);
        if (!v) return std::nullopt;
        t.violations.push_back(std::move(*v));
    }
    return t;
}

} // namespace mmodel::bench
