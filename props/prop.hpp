// SPDX-License-Identifier: GPL-2.0 OR MIT
// Properties: RapidCheck draws, our shrinker cuts down, the counterexample is a trace. Seed and budget are
// given here and by nothing else: MMODEL_SEED and MMODEL_BUDGET override them, MMODEL_TIMES multiplies
// budgets, RC_PARAMS does nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <rapidcheck.h>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"

namespace mmodel {

inline constexpr u64 default_seed = 20240917;

// What became of a property.
struct PropResult {
    bool holds{};
    int nr_cases{};       // that held, or held before the one that did not
    std::string report{}; // why it does not hold
};

struct PropParams {
    u64 seed{};   // of all properties; each mixes its name into it
    int budget{}; // cases to try
};

// The defaults, or what the environment says instead. A variable that is no number is an error of its own.
[[nodiscard]] PropParams prop_params(int budget);

// Checks a RapidCheck property under its own name. No case run means it does not hold.
[[nodiscard]] PropResult check_prop(const std::string& id, PropParams params,
                                    const rc::detail::Property& property);

// Why a trace is bad: the name of a fact (an invariant, if it is one of spec/) and what it means.
struct Broken {
    std::string fact;
    std::string sentence;
};
using Judge = std::function<std::optional<Broken>(const Trace&)>;

// The judges that hold for every subsystem: the specification; and with it the slow count of everything after
// each operation (props/audit.hpp).
[[nodiscard]] std::optional<Broken> judge_spec(const Trace& t);
[[nodiscard]] std::optional<Broken> judge_spec_and_audit(const Trace& t);
// A trace reads back from its text and from its bytes.
[[nodiscard]] std::optional<Broken> judge_formats(const Trace& t);

// Checks that every drawn trace is good. A bad one is shrunk while it breaks the same fact, and written to a
// file.
[[nodiscard]] PropResult check_traces(const std::string& id, PropParams params, const rc::Gen<Trace>& gen,
                                      const Judge& judge);

// What a counterexample looks like to whoever must act on it.
[[nodiscard]] std::string report_of(const std::string& id, u64 seed, Trace failing, const Judge& judge);

// Sequences of `min_ops` to `max_ops` operations on this machine, whatever the size that RapidCheck is at.
[[nodiscard]] rc::Gen<Trace> gen_trace(const Config& c, const Mix& mix, std::size_t min_ops,
                                       std::size_t max_ops);

// Both as Catch sees them.
void require_holds(const PropResult& r);

// One case is one call of f, with arguments that RapidCheck draws; RC_ASSERT inside, never Catch's REQUIRE.
template <class F>
void prop(const std::string& id, int budget, F&& f) {
    require_holds(check_prop(id, prop_params(budget), rc::detail::toProperty(std::forward<F>(f))));
}

inline void prop(const std::string& id, int budget, const rc::Gen<Trace>& gen, const Judge& judge) {
    require_holds(check_traces(id, prop_params(budget), gen, judge));
}

} // namespace mmodel
