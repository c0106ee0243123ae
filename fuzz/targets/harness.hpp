// SPDX-License-Identifier: GPL-2.0 OR MIT
// What every fuzz target does with an input, whatever the engine: decode, run under the spec, and turn a
// violation into a minimal trace. Only abort_on() ends the process; the rest are values.
#pragma once

#include <bitset>
#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"
#include "spec/sabotage/sabotage.hpp"
#include "spec/judge/invariant.hpp"

namespace mmodel::harness {

// What a fuzz target is about. Operations of another subsystem are not in its inputs, whatever their bytes
// say.
struct Target {
    Subsystem subsystem{};
    Sabotage planted{};
};
extern const Target target; // each target's own source has it

using InvSet = std::bitset<spec::nr_invariants>;

// What the environment says: MMODEL_ALLOW, names of invariants with commas between them, and
// MMODEL_ARTIFACTS, a directory.
struct Settings {
    InvSet allowed{};
    std::string artifacts{}; // empty: minimal traces go to the terminal only
};
// Either may be null. A name that no invariant has is an error of one sentence: allowing nothing would look
// like success.
[[nodiscard]] std::expected<Settings, std::string> read_settings(const char* allow, const char* artifacts);

// What has run. Without it an engine that ran nothing looks like one that found nothing.
struct Tally {
    u64 nr_inputs{};
    u64 nr_ops{}; // that were not disabled
    u64 nr_disabled{};
    u64 nr_left_out{}; // for breaking an invariant that is allowed
    u64 nr_events{};
};
[[nodiscard]] std::string print(const Tally& t);

// A trace whose last operation breaks an invariant, and none before it does.
struct Found {
    Trace trace;
    spec::Violation violation;
};

// Runs an input from boot. An operation that breaks an allowed invariant is left out, as if it were not in
// the input, and the run goes on with the world before it; so what is found behind it is found without it,
// too.
[[nodiscard]] std::optional<Found> judge(std::span<const u8> input, const Target& t, const InvSet& allowed,
                                         Tally& tally);

// The shortest trace that breaks the same invariant first, with `expect` set.
[[nodiscard]] Found minimal(Found found);

// What a person needs: the invariant, its sentence, where it broke, the trace, and the command that shows it
// again. `file`: where the trace is; empty: nowhere but here.
[[nodiscard]] std::string report(const Found& minimal, u64 nr_ops_before, std::string_view file);

// Writes the trace to <dir>/<invariant>.trace and returns that path, or one sentence: why it is not there.
[[nodiscard]] std::expected<std::string, std::string> write_artifact(const Found& minimal,
                                                                     const std::string& dir);

// Writes what ran, with its sabotage, as bytes to <dir>/<invariant>.bytes: `mmodel replay` shows the same.
// The input itself may hold operations of another subsystem or some that were left out. Otherwise one
// sentence.
[[nodiscard]] std::expected<std::string, std::string> write_bytes(const Found& found, const std::string& dir);

// ---- the bodies of the entry points that engines call

int initialize(); // exits with 2 when the environment makes no sense
int test_one_input(const u8* data, std::size_t size,
                   const Target& t); // aborts at a violation that is not allowed
[[nodiscard]] const Tally& tally();  // of this process

} // namespace mmodel::harness
