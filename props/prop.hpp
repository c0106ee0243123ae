// SPDX-License-Identifier: GPL-2.0 OR MIT
// Properties: RapidCheck draws and shrinks (props/gen), the counterexample is a trace. Seed and budget are
// given here: MMODEL_SEED and MMODEL_BUDGET override them, MMODEL_TIMES multiplies budgets. Of RC_PARAMS only
// `reproduce` is heard: what a failure prints runs its shortest case again, alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include <rapidcheck.h>

#include "fuzz/ops/trace.hpp"
#include "spec/sabotage/sabotage.hpp"
#include "props/gen/trace.hpp"

namespace mmodel {

inline constexpr u64 default_seed = 20240917;

// What became of a property.
struct PropResult {
    bool holds{};
    int nr_cases{};               // that held, or held before the one that did not
    int nr_discarded{};           // that said nothing
    std::string report{};         // why it does not hold
    std::string reproduce{};      // RC_PARAMS for the shortest case that does not hold
    std::optional<Trace> least{}; // that case, where it is a trace
};

// How many cases, and how many of all that are drawn may say nothing.
struct Budget {
    int cases{};
    int discarded_percent{};
    Budget(int cases_, int discarded_percent_ = 0) : cases(cases_), discarded_percent(discarded_percent_) {}
};

struct PropParams {
    u64 seed{};   // of all properties; each mixes its name into it
    int budget{}; // cases to try
    int discarded_percent{};
    std::unordered_map<std::string, rc::detail::Reproduce> reproduce{}; // by property
};

// The defaults, or what the environment says instead. A variable that is not understood is an error of its
// own.
[[nodiscard]] PropParams prop_params(Budget budget);

// Checks a RapidCheck property under its own name. It does not hold if no case was run, or too many said
// nothing.
[[nodiscard]] PropResult check_prop(const std::string& id, const PropParams& params,
                                    const rc::detail::Property& property);

// Why a trace is bad: the name of a fact (an invariant, if it is one of spec/) and what it means.
struct Broken {
    std::string fact;
    std::string sentence;
};

// A trace is good, or broken, or says nothing: what the property is about did not happen.
struct Verdict {
    std::optional<Broken> broken{};
    bool discarded{};

    Verdict() = default;
    Verdict(Broken b) : broken(std::move(b)) {}
    static Verdict says_nothing() {
        Verdict v;
        v.discarded = true;
        return v;
    }
};
using Judge = std::function<Verdict(const Trace&)>;

// The judges that hold for every subsystem, and run what the trace's `sabotage` breaks: the specification;
// and with it the slow count of everything after each operation (props/audit.hpp).
[[nodiscard]] Verdict judge_spec(const Trace& t);
[[nodiscard]] Verdict judge_spec_and_audit(const Trace& t);
// A trace reads back from its text and from its bytes.
[[nodiscard]] Verdict judge_formats(const Trace& t);

// What the trace is to be run with; none if it names none.
[[nodiscard]] Sabotage sabotage_of(const Trace& t);

// Checks that every drawn trace is good. A bad one is shrunk while it breaks the same fact, and written to a
// file.
[[nodiscard]] PropResult check_traces(const std::string& id, const PropParams& params,
                                      const rc::Gen<Trace>& gen, const Judge& judge);

// Both as Catch sees them.
void require_holds(const PropResult& r);

// One case is one call of f, which draws by RapidCheck; RC_ASSERT inside, never Catch's REQUIRE.
template <class F>
void prop(const std::string& id, Budget budget, F&& f) {
    require_holds(check_prop(id, prop_params(budget), rc::detail::toProperty(std::forward<F>(f))));
}

inline void prop(const std::string& id, Budget budget, const rc::Gen<Trace>& gen, const Judge& judge) {
    require_holds(check_traces(id, prop_params(budget), gen, judge));
}

} // namespace mmodel
