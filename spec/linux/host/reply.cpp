// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/reply.hpp"

#include <algorithm>
#include <cstring>

namespace mmodel::bench {
namespace {

constexpr std::array errnos{Errno::ok, Errno::again, Errno::nomem, Errno::busy, Errno::inval, Errno::notsupp};
// Not every event of an operation is one of the file under test.
constexpr u64 most_events = 2 * max_events;

std::optional<Ran> read_ran(const Reply::WireRan& shared) {
    const Reply::WireRan r = shared;
    const auto* err =
        std::ranges::find(errnos, r.err, [](Errno e) { return static_cast<u64>(static_cast<int>(e)); });
    if (err == errnos.end() || r.disabled > 1 || r.nr_events > most_events || r.nr_allocs > most_events ||
        r.nr_failed_allocs > r.nr_allocs || r.nr_updates > most_events)
        return std::nullopt;
    return Ran{.outcome = {.disabled = r.disabled != 0,
                           .err = *err,
                           .restored = r.restored,
                           .moved = r.moved,
                           .value = r.value},
               .nr_events = r.nr_events,
               .nr_allocs = static_cast<u32>(r.nr_allocs),
               .nr_failed_allocs = static_cast<u32>(r.nr_failed_allocs),
               .nr_updates = static_cast<u32>(r.nr_updates)};
}

std::optional<spec::Violation> read_violation(const Reply::WireViolation& shared) {
    const Reply::WireViolation v = shared;
    if (v.inv >= spec::nr_invariants || v.kind > nr_event_kinds || v.way >= spec::nr_ways ||
        v.first_is_wrong > 1)
        return std::nullopt;
    return spec::Violation{.inv = static_cast<spec::Inv>(v.inv),
                           .event_idx = v.event_idx,
                           .where = v.where.get(),
                           .event = v.event.get(),
                           .detail = v.detail.get(),
                           .kind = v.kind ? std::optional(static_cast<EventKind>(v.kind - 1)) : std::nullopt,
                           .way = static_cast<spec::Way>(v.way),
                           .excess = v.excess,
                           .nr = v.nr,
                           .of = v.of,
                           .first_is_wrong = v.first_is_wrong != 0,
                           .condition = v.condition.get()};
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
    ops_done = ops_enabled = nr_passed = nr_seen = stays = nr_compared = code = 0;
    deviations = {};
    progress = {};
    for (Text* t : {&host_error, &fault_where, &fault_what}) t->set("");
    fault_in_read_only_vmemmap = fault_is_write = fault_is_system_call = 0;
}

void Reply::add(const RealStep& step, u64 op_idx, bool passed_by) {
    const Ran& r = step.ran;
    ran[ops_done++] = {r.outcome.disabled, static_cast<u64>(static_cast<int>(r.outcome.err)),
                       r.outcome.restored, r.outcome.moved,
                       r.outcome.value,    r.nr_events,
                       r.nr_allocs,        r.nr_failed_allocs,
                       r.nr_updates};
    ops_enabled += !r.outcome.disabled;
    nr_compared += step.compared;
    bench::add(deviations, step.shown);
    stays = step.left != Left::cut_off;
    code = step.violations.size() <= max_seen ? step.code : 0;
    for (const spec::Violation& v : step.violations) {
        if (passed_by ? nr_passed == max_passed : nr_seen == max_seen) break;
        WireViolation& to = passed_by ? passed[nr_passed++] : seen[nr_seen++];
        to.op_idx = op_idx;
        to.inv = static_cast<u64>(v.inv);
        to.event_idx = v.event_idx;
        to.kind = v.kind ? static_cast<u64>(*v.kind) + 1 : 0;
        to.way = static_cast<u64>(v.way);
        to.nr = v.nr, to.of = v.of, to.first_is_wrong = v.first_is_wrong, to.excess = v.excess;
        to.condition.set(v.condition);
        to.where.set(v.where);
        to.event.set(v.event);
        to.detail.set(v.detail);
    }
}

std::optional<Told> read_reply(const Reply& r, u64 request, u64 nr_ops, bool complete) {
    const u64 done = r.ops_done, enabled = r.ops_enabled, nr_seen = r.nr_seen, nr_passed = r.nr_passed;
    Told t{.op_idx = r.progress.op_idx,
           .op_events = r.progress.nr_events,
           .nr_events = r.progress.nr_events_total,
           .ops_enabled = enabled,
           .nr_compared = r.nr_compared,
           .deviations = r.deviations,
           .stays = r.stays != 0,
           .code = nr_seen ? r.code : 0};
    if (done > nr_ops || enabled > done || nr_seen > Reply::max_seen || nr_passed > Reply::max_passed ||
        t.op_events > most_events || t.nr_events > most_events * nr_ops ||
        t.op_idx >= std::max<u64>(nr_ops, 1))
        return std::nullopt;
    if (t.nr_compared > done || std::ranges::any_of(t.deviations, [&](u64 n) { return n > t.nr_compared; }))
        return std::nullopt;
    if (complete && (r.nr != request || (nr_seen ? done == 0 : done != nr_ops))) return std::nullopt;
    for (u64 i = 0; i < done; ++i) {
        const auto ran = read_ran(r.ran[i]);
        if (!ran) return std::nullopt;
        t.ran.push_back(*ran);
    }
    for (u64 i = 0; i < nr_passed; ++i) {
        auto v = read_violation(r.passed[i]);
        const u64 op_idx = r.passed[i].op_idx;
        if (!v || op_idx >= done) return std::nullopt;
        t.passed.push_back({op_idx, std::move(*v)});
    }
    for (u64 i = 0; i < nr_seen; ++i) {
        auto v = read_violation(r.seen[i]);
        if (!v) return std::nullopt;
        t.violations.push_back(std::move(*v));
    }
    return t;
}

} // namespace mmodel::bench
