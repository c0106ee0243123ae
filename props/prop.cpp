// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/prop.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include <rapidcheck/detail/Configuration.h>
#include <rapidcheck/detail/TestListenerAdapter.h>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/shrink.hpp"
#include "props/audit.hpp"
#include "props/environment.hpp"
#include "spec/judge/check.hpp"

namespace mmodel {
namespace {

u64 fnv1a(const std::string& text) {
    u64 h = 0xcbf29ce484222325ull;
    for (const char c : text) h = (h ^ static_cast<u8>(c)) * 0x100000001b3ull;
    return h;
}

std::string file_name(const std::string& id) {
    std::string out;
    for (const char c : id) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return out + ".trace";
}

// Where the trace was written; empty if it could not be.
std::string written(const std::string& id, const std::string& text) {
    std::error_code ignored;
    const std::filesystem::path dir = MMODEL_FAILURE_DIR;
    std::filesystem::create_directories(dir, ignored);
    const auto path = dir / file_name(id);
    std::ofstream out(path);
    out << text;
    out.close();
    return out ? path.string() : "";
}

Verdict broken_by(const spec::Violation& v) {
    const spec::Fact& fact = spec::fact(v.inv);
    return Broken{std::string(fact.name), std::string(fact.sentence)};
}

class CountDiscarded : public rc::detail::TestListenerAdapter {
public:
    int nr{};
    void onTestCaseFinished(const rc::detail::CaseDescription& d) override {
        nr += d.result.type == rc::detail::CaseResult::Type::Discard;
    }
};

// What RC_PARAMS must be to run the shortest case again.
std::string reproduce_string(const std::string& id, const rc::detail::Reproduce& how) {
    rc::detail::Configuration c;
    c.reproduce[id] = how;
    const std::string all = rc::detail::configToMinimalString(c);
    return all.substr(0, all.find(' ')); // without the seed
}

PropResult failed(const std::string& id, const PropParams& params, const rc::detail::FailureResult& f) {
    PropResult out{.nr_cases = f.numSuccess, .reproduce = reproduce_string(id, f.reproduce)};
    std::ostringstream message;
    rc::detail::printResultMessage(f, message);
    out.report = id + "\n" + message.str() + "\nseed: MMODEL_SEED=" + std::to_string(params.seed) +
                 "\nthis case alone: RC_PARAMS='" + out.reproduce + "'\n";
    return out;
}

PropResult held(const std::string& id, const PropParams& params, int nr_cases, int nr_discarded) {
    PropResult out{.nr_cases = nr_cases, .nr_discarded = nr_discarded};
    if (nr_cases == 0)
        out.report = id + ": no case was run";
    else if (100ll * nr_discarded >
             static_cast<long long>(params.discarded_percent) * (nr_cases + nr_discarded))
        out.report = id + ": " + std::to_string(nr_discarded) + " of " +
                     std::to_string(nr_cases + nr_discarded) + " cases said nothing; " +
                     std::to_string(params.discarded_percent) + " % may";
    out.holds = out.report.empty();
    return out;
}

} // namespace

Sabotage sabotage_of(const Trace& t) {
    if (t.sabotage.empty()) return Sabotage::none;
    const auto s = sabotage_named(t.sabotage);
    if (!s) throw std::runtime_error("no such sabotage: " + t.sabotage);
    return *s;
}

Verdict judge_spec(const Trace& t) {
    const auto r = spec::check_sequence(t.config, t.ops, sabotage_of(t));
    return r.violation ? broken_by(*r.violation) : Verdict{};
}

Verdict judge_spec_and_audit(const Trace& t) {
    World w(t.config);
    for (const Op& op : t.ops) {
        const auto c = spec::checked_advance(w, op, sabotage_of(t));
        if (c.violation) return broken_by(*c.violation);
        if (const std::string wrong = audit(w); !wrong.empty()) return Broken{"audit", wrong};
    }
    return {};
}

Verdict judge_formats(const Trace& t) {
    if (parse_trace(print_trace(t)) != t)
        return Broken{"text", "A trace reads back from its text as it was."};
    const auto bytes = encode(t);
    if (!bytes || decode(*bytes) != t) return Broken{"bytes", "A trace reads back from its bytes as it was."};
    return {};
}

PropParams prop_params(Budget budget) {
    const u64 most = std::numeric_limits<int>::max();
    PropParams p{.seed = from_environment("MMODEL_SEED", default_seed),
                 .budget = static_cast<int>(std::min(
                     most, from_environment("MMODEL_BUDGET", static_cast<u64>(budget.cases) * times()))),
                 .discarded_percent = budget.discarded_percent};
    if (const char* text = std::getenv("RC_PARAMS"))
        p.reproduce = rc::detail::configFromString(text).reproduce;
    return p;
}

PropResult check_prop(const std::string& id, const PropParams& params, const rc::detail::Property& property) {
    rc::detail::TestParams p;
    p.seed = params.seed ^ fnv1a(id);
    p.maxSuccess = params.budget;
    CountDiscarded discarded;
    const bool again = params.reproduce.contains(id);
    const auto result = rc::detail::checkProperty(property, {id, id}, p, discarded,
                                                  again ? params.reproduce : decltype(params.reproduce){});
    if (rc::detail::SuccessResult s; result.match(s)) return held(id, params, s.numSuccess, discarded.nr);
    if (rc::detail::FailureResult f; result.match(f)) {
        PropResult out = failed(id, params, f);
        out.nr_discarded = discarded.nr;
        return out;
    }
    PropResult out{.nr_discarded = discarded.nr};
    if (rc::detail::GaveUpResult g; result.match(g)) out.nr_cases = g.numSuccess;
    std::ostringstream message;
    rc::detail::printResultMessage(result, message);
    out.report = id + "\n" + message.str();
    return out;
}

namespace {

// The judge as RapidCheck's property. From the first trace that breaks a fact on, only what breaks the same
// one counts, for RapidCheck would take any failure for a shrink; and only so many are run.
class Hunt {
public:
    explicit Hunt(const Judge& judge) : judge_(judge) {}

    void run(const Trace& t) {
        if (first && ++nr_shrinks_ > default_shrink_evaluations) return;
        const Verdict v = judge_(t);
        if (v.discarded) RC_DISCARD("it says nothing");
        if (!v.broken || (first && v.broken->fact != broken.fact)) return;
        if (!first) first = t;
        least = t;
        broken = *v.broken;
        RC_FAIL(broken.fact);
    }

    std::optional<Trace> first{}, least{};
    Broken broken{};

private:
    const Judge& judge_;
    u64 nr_shrinks_{};
};

// What a counterexample looks like to whoever must act on it.
std::string report_of(const std::string& id, u64 seed, const Hunt& hunt, const PropResult& r) {
    const Trace& least = *r.least;
    const std::string text = print_trace(least);
    const std::string path = written(id, text);
    std::string out = id + "\n" + hunt.broken.fact + ": " + hunt.broken.sentence +
                      "\nseed: MMODEL_SEED=" + std::to_string(seed) + "\n" +
                      std::to_string(least.ops.size()) + " operations of " +
                      std::to_string(hunt.first->ops.size()) + " are left:\n\n" + text +
                      "\nthis case alone: RC_PARAMS='" + r.reproduce + "'\n";
    if (!path.empty()) out += "reproduce: build/release/bin/mmodel replay " + path + "\n";
    return out;
}

} // namespace

PropResult check_traces(const std::string& id, const PropParams& params, const rc::Gen<Trace>& gen,
                        const Judge& judge) {
    Hunt hunt(judge);
    PropResult out = check_prop(id, params, rc::detail::toProperty([&] { hunt.run(*gen); }));
    if (!hunt.least) return out;
    out.least = hunt.least;
    if (spec::invariant_named(hunt.broken.fact)) out.least->expect = hunt.broken.fact;
    out.report = report_of(id, params.seed, hunt, out);
    return out;
}

void require_holds(const PropResult& r) {
    if (!r.holds) FAIL(r.report);
    SUCCEED(r.nr_cases << " cases, and " << r.nr_discarded << " that said nothing");
}

} // namespace mmodel
