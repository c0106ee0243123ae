// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/prop.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

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

std::optional<Broken> broken_by(const spec::Violation& v) {
    const spec::Fact& fact = spec::fact(v.inv);
    return Broken{std::string(fact.name), std::string(fact.sentence)};
}

} // namespace

std::optional<Broken> judge_spec(const Trace& t) {
    const auto r = spec::check_sequence(t.config, t.ops);
    return r.violation ? broken_by(*r.violation) : std::nullopt;
}

std::optional<Broken> judge_spec_and_audit(const Trace& t) {
    World w(t.config);
    for (const Op& op : t.ops) {
        if (const auto c = spec::checked_advance(w, op); c.violation) return broken_by(*c.violation);
        if (const std::string wrong = audit(w); !wrong.empty()) return Broken{"audit", wrong};
    }
    return std::nullopt;
}

std::optional<Broken> judge_formats(const Trace& t) {
    if (parse_trace(print_trace(t)) != t)
        return Broken{"text", "A trace reads back from its text as it was."};
    const auto bytes = encode(t);
    if (!bytes || decode(*bytes) != t) return Broken{"bytes", "A trace reads back from its bytes as it was."};
    return std::nullopt;
}

PropParams prop_params(int budget) {
    const u64 most = std::numeric_limits<int>::max();
    return {from_environment("MMODEL_SEED", default_seed),
            static_cast<int>(
                std::min(most, from_environment("MMODEL_BUDGET", static_cast<u64>(budget) * times())))};
}

PropResult check_prop(const std::string& id, PropParams params, const rc::detail::Property& property) {
    rc::detail::TestParams p;
    p.seed = params.seed ^ fnv1a(id);
    p.maxSuccess = params.budget;
    p.disableShrinking = true; // shrink.hpp shrinks
    rc::detail::TestListenerAdapter silent;
    const auto result = rc::detail::checkProperty(property, {id, id}, p, silent, {});
    rc::detail::SuccessResult success;
    if (result.match(success)) {
        if (success.numSuccess > 0) return {true, success.numSuccess, {}};
        return {false, 0, id + ": no case was run"};
    }
    PropResult out;
    if (rc::detail::FailureResult failure; result.match(failure)) out.nr_cases = failure.numSuccess;
    std::ostringstream message;
    rc::detail::printResultMessage(result, message);
    out.report = id + "\nseed: MMODEL_SEED=" + std::to_string(params.seed) + "\n" + message.str();
    return out;
}

std::string report_of(const std::string& id, u64 seed, Trace failing, const Judge& judge) {
    const auto broken = judge(failing);
    if (!broken)
        return id + ": the same trace broke something once and nothing now:\n" + print_trace(failing);
    const std::size_t nr_ops = failing.ops.size();
    const auto same = [&](const Trace& t) {
        const auto b = judge(t);
        return b && b->fact == broken->fact;
    };
    Trace least = shrink(std::move(failing), same);
    const auto sentence = judge(least)->sentence;
    if (spec::invariant_named(broken->fact)) least.expect = broken->fact;
    const std::string text = print_trace(least);
    const std::string path = written(id, text);
    std::string out = id + "\n" + broken->fact + ": " + sentence +
                      "\nseed: MMODEL_SEED=" + std::to_string(seed) + "\n" +
                      std::to_string(least.ops.size()) + " operations of " + std::to_string(nr_ops) +
                      " are left:\n\n" + text;
    if (!path.empty()) out += "\nreproduce: build/release/bin/mmodel replay " + path + "\n";
    return out;
}

PropResult check_traces(const std::string& id, PropParams params, const rc::Gen<Trace>& gen,
                        const Judge& judge) {
    std::optional<Trace> bad;
    PropResult out = check_prop(id, params, rc::detail::toProperty([&] {
                                    const Trace t = *gen;
                                    if (!judge(t)) return;
                                    bad = t;
                                    RC_FAIL("a trace broke a fact");
                                }));
    if (bad) out.report = report_of(id, params.seed, *bad, judge);
    return out;
}

rc::Gen<Trace> gen_trace(const Config& c, const Mix& mix, std::size_t min_ops, std::size_t max_ops) {
    const auto draw =
        rc::gen::pair(rc::gen::arbitrary<u64>(), rc::gen::inRange<std::size_t>(min_ops, max_ops + 1));
    return rc::gen::map(rc::gen::resize(rc::kNominalSize, draw), [=](const std::pair<u64, std::size_t>& d) {
        return Trace{.config = c, .ops = random_ops(c, mix, d.first, d.second)};
    });
}

void require_holds(const PropResult& r) {
    if (!r.holds) FAIL(r.report);
    SUCCEED(r.nr_cases << " cases");
}

} // namespace mmodel
