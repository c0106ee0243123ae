// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/sought.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/long_work.hpp"

namespace mmodel::cli {

bool Sought::is(const bench::Identity& found, const bench::Tree& tree) const {
    if (inv) return found.inv == *inv && (!op || found.op == *op);
    const auto has = [&](std::string_view f) { return tree.has_function(f); };
    return std::ranges::any_of(ways, [&](const bench::Identity& w) { return is_same(w, found, has); });
}

std::string Sought::file() const {
    const std::optional<OpKind> kind = op ? op : ways.empty() ? std::nullopt : std::optional(ways.front().op);
    return !kind ? "" : is_percpu(*kind) ? "percpu" : "hugetlb_vmemmap";
}

std::expected<Sought, Failure> read_sought(const std::string& what) {
    if (const auto inv = spec::invariant_named(what)) return Sought{.inv = inv};
    if (what.starts_with("inv_") && what.find('/') == what.npos && what.find(".trace") == what.npos) {
        const auto id = bench::parse_identity(what);
        if (!id)
            return std::unexpected(
                Failure{fmt::format("'{}': column {}: {}", what, id.error().column, id.error().what)});
        return Sought{.ways = {*id}};
    }
    auto in = load(what);
    if (!in) return std::unexpected(in.error());
    if (!in->about.empty()) {
        auto r = read_record(what);
        if (!r) return std::unexpected(Failure{r.error()});
        Sought out{.ways = {r->finding}, .trace = std::move(r->trace)};
        out.ways.insert(out.ways.end(), r->also.begin(), r->also.end());
        return out;
    }
    if (!in->expect || in->trace.ops.empty())
        return std::unexpected(Failure{
            what + ": the trace expects no invariant to break; its last line says which one is sought"});
    return Sought{.inv = in->expect, .op = in->trace.ops.back().kind, .trace = std::move(in->trace)};
}

std::expected<bool, bench::Problem> shows_by_trace(bench::Unit unit, const Sought& sought) {
    const Trace& t = *sought.trace;
    unit.stale = t.stale;
    const auto r = bench::run_one(unit, t.config, t.ops, interrupted, true);
    if (!r) return std::unexpected(r.error());
    const auto is = [&](const spec::Violation& v, u64 op_idx) {
        const OpKind kind = t.ops[std::min<u64>(op_idx, t.ops.size() - 1)].kind;
        return sought.is(bench::identity_of(v, kind), unit.tree);
    };
    return std::ranges::any_of(r->passed,
                               [&](const bench::Passed& p) { return is(p.violation, p.op_idx); }) ||
           std::ranges::any_of(r->violations, [&](const spec::Violation& v) { return is(v, r->op_idx); });
}

} // namespace mmodel::cli
