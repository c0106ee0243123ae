// SPDX-License-Identifier: GPL-2.0 OR MIT
// A report as an entry of the cache.
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/patch/cache.hpp"
#include "spec/linux/host/identity.hpp"

namespace mmodel::cli {
namespace {

Json amount_json(const bench::Amount& a) {
    return {a.operations, a.events, a.sequences, a.swept, a.to_sweep, a.seconds};
}

void take_amount(bench::Amount& a, const Json& j) {
    a.operations = j.at(0), a.events = j.at(1), a.sequences = j.at(2);
    a.swept = j.at(3), a.to_sweep = j.at(4), a.seconds = j.at(5);
}

Json finding_json(const bench::Finding& f) {
    Json passed = Json::array();
    for (const bench::Identity& i : f.passed) passed.push_back(print_identity(i));
    return {{"identity", print_identity(f.identity)},
            {"event_idx", f.violation.event_idx},
            {"where", f.violation.where},
            {"event", f.violation.event},
            {"detail", f.violation.detail},
            {"trace", print_trace(trace_of(f))},
            {"seen", f.seen},
            {"geometries", f.geometries},
            {"passed", std::move(passed)}};
}

// Throws what std::expected::value() and Json::at() do.
bench::Finding finding_of(const Json& j) {
    const auto identity = bench::parse_identity(j.at("identity").get<std::string>()).value();
    Trace t = parse_trace(j.at("trace").get<std::string>()).value();
    bench::Finding f{.violation = {.inv = identity.inv,
                                   .event_idx = j.at("event_idx"),
                                   .where = j.at("where"),
                                   .event = j.at("event"),
                                   .detail = j.at("detail"),
                                   .kind = identity.event,
                                   .way = identity.way,
                                   .condition = identity.condition},
                     .identity = identity,
                     .config = t.config,
                     .ops = std::move(t.ops),
                     .seen = j.at("seen"),
                     .geometries = j.at("geometries"),
                     .stale = t.stale};
    for (const Json& i : j.at("passed"))
        f.passed.push_back(bench::parse_identity(i.get<std::string>()).value());
    return f;
}

// A branch, and whether it ran.
Json branches_json(const bench::Report& r) {
    Json out = Json::array();
    for (const auto& [b, ran] : r.branches) out.push_back({b.file, b.line, b.nr, b.function, b.text, ran});
    return out;
}

} // namespace

Json kept(const bench::Report& r) {
    Json on = Json::array(), findings = Json::array();
    for (const bench::OnGeometry& g : r.on)
        on.push_back({{"geometry", g.geometry}, {"amount", amount_json(g)}});
    for (const bench::Finding& f : r.findings) findings.push_back(finding_json(f));
    return {{"amount", amount_json(r)},
            {"on", std::move(on)},
            {"findings", std::move(findings)},
            {"compared", r.compared},
            {"deviations", r.deviations},
            {"unnamed", r.unnamed},
            {"mmap", r.backend == bench::Backend::mmap},
            {"no_mmu", r.no_mmu},
            {"branches", branches_json(r)},
            {"no_coverage", r.no_coverage},
            {"warnings", r.warnings},
            {"shared_tail", r.tree.hvo.shared_tail}};
}

std::optional<bench::Report> report_kept(const Json& j, const bench::Tree& tree) {
    try {
        bench::Report r{};
        take_amount(r, j.at("amount"));
        r.tree = tree;
        r.tree.hvo.shared_tail = j.at("shared_tail");
        for (const Json& g : j.at("on")) {
            take_amount(r.on.emplace_back(), g.at("amount"));
            r.on.back().geometry = g.at("geometry");
        }
        for (const Json& f : j.at("findings")) r.findings.push_back(finding_of(f));
        r.compared = j.at("compared");
        r.deviations = j.at("deviations");
        r.unnamed = j.at("unnamed");
        r.backend = j.at("mmap").get<bool>() ? bench::Backend::mmap : bench::Backend::mmu;
        r.no_mmu = j.at("no_mmu");
        for (const Json& b : j.at("branches"))
            r.branches.emplace(bench::Branch{b.at(0), b.at(1), b.at(2), b.at(3), b.at(4)}, b.at(5));
        r.no_coverage = j.at("no_coverage");
        r.warnings = j.at("warnings");
        return r;
    } catch (const std::exception&) {
        return std::nullopt; // of what is not as it is written above
    }
}

} // namespace mmodel::cli
