// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a parent asks of a child that runs code under test, and what the child answers, in shared memory. The
// code may write over all of it: the parent reads nothing back of what it asked, and believes nothing of an
// answer that it has not looked at.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "model/op.hpp"
#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/real_driver.hpp"

namespace mmodel::bench {

// The longest sequence a child takes.
inline constexpr std::size_t max_real_ops = 2048;

// Cut to what there is room for.
struct Text {
    std::array<char, 256> chars{};
    void set(std::string_view s);
    // What is no printable ASCII is a question mark.
    [[nodiscard]] std::string get() const;
};

// The parent writes it, the child cannot.
struct Request {
    u64 nr; // counts them: an answer says which it answers
    u64 nr_ops;
    u64 goes_on;    // past operations that leave the machine sound
    StaleWay stale; // see RealDriver::answer_stale()
    std::array<Op, max_real_ops> ops;
};

// The child writes it; numbers only, so that whatever is in it is a value.
struct Reply {
    static constexpr u64 max_seen = 16;   // violations of one operation
    static constexpr u64 max_passed = 48; // ... of those before it

    struct WireRan {
        u64 disabled, err, restored, moved, value, nr_events, nr_allocs, nr_failed_allocs, nr_updates;
    };
    struct WireViolation {
        u64 op_idx, inv, event_idx, kind, way, nr, of,
            first_is_wrong; // kind: one more than the event's; 0: none
        i64 excess;
        Text where, event, detail, condition;
    };

    u64 nr; // of the request that has been answered
    Progress progress;
    u64 ops_done, ops_enabled;
    u64 nr_passed, nr_seen; // violations of operations after which it went on; of the one where it stopped
    u64 stays;              // with a violation: the child goes on to serve
    u64 nr_compared;        // see RealResult
    DeviationCounts deviations; // likewise
    u64 code;                   // see RealStep
    std::array<WireViolation, max_passed> passed;
    std::array<WireViolation, max_seen> seen;
    Text host_error;
    Text fault_where, fault_what;
    u64 fault_in_read_only_vmemmap, fault_is_write, fault_is_system_call;
    std::array<WireRan, max_real_ops> ran;

    void begin();
    // `passed`: its violations, if any, are no reason to stop.
    void add(const RealStep& step, u64 op_idx, bool passed);
};

// An answer, or how far a child came that gave none. Every number is one that a run of `nr_ops` operations
// can have.
struct Told {
    u64 op_idx{}; // where it was
    u64 op_events{}, nr_events{};
    u64 ops_enabled{};
    u64 nr_compared{};
    DeviationCounts deviations{};
    std::vector<Ran> ran{};
    std::vector<Passed> passed{};
    std::vector<spec::Violation> violations{};
    bool stays{};
    u64 code{}; // see RealStep
};
// `complete`: the request was answered. Nothing when the reply makes no sense.
[[nodiscard]] std::optional<Told> read_reply(const Reply& r, u64 request, u64 nr_ops, bool complete);

} // namespace mmodel::bench
