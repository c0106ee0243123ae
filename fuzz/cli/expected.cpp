// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/expected.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mmodel::cli {

std::vector<bench::Known> as_known(const bench::Report& r) {
    std::vector<bench::Known> out;
    for (const bench::Finding& f : r.findings)
        out.push_back(
            {f.identity,
             Trace{.config = f.config, .sabotage = {}, .stale = f.stale, .ops = f.ops, .expect = {}}});
    return out;
}

std::expected<Sources, std::string> Sources::read(const std::vector<std::string>& allow,
                                                  const std::string& findings) {
    Sources out;
    for (const std::string& one : allow) {
        auto lines = read_allowed(one);
        if (!lines) return std::unexpected(lines.error());
        std::ranges::move(*lines, std::back_inserter(out.allowed_));
    }
    if (findings.empty()) return out;
    auto records = read_findings(findings);
    if (!records) return std::unexpected(records.error());
    out.records_ = std::move(*records);
    return out;
}

Expected Sources::of(const bench::Tree& tree) const {
    Expected e;
    for (const Allowed& a : allowed_) {
        e.known.push_back({a.identity, {}});
        e.said.push_back(a.said);
    }
    for (bench::Known& k : known_of(records_, tree)) {
        const Record* r = record_of(records_, tree, k.identity);
        e.said.push_back(r ? r->path.string() : "recorded");
        e.known.push_back(std::move(k));
    }
    return e;
}

void Sources::note_used(const bench::Report& r, const Expected& e) const {
    for (const bench::Finding& f : r.findings)
        if (f.known) used_.insert(e.said[*f.known]);
}

void Sources::say_unused() const {
    for (const Allowed& a : allowed_)
        if (!used_.contains(a.said))
            say(fmt::format("{}: allowed, but not found: {}", a.said, print_identity(a.identity)));
}

namespace {

bool has(const bench::Report& r, const bench::Identity& known, const bench::Tree& of_found) {
    const auto has_function = [&](std::string_view f) { return of_found.has_function(f); };
    return std::ranges::any_of(
        r.findings, [&](const bench::Finding& f) { return is_same(known, f.identity, has_function); });
}

bool had(const bench::Report& was, const bench::Finding& f, const bench::Tree& of_found) {
    const auto has_function = [&](std::string_view name) { return of_found.has_function(name); };
    return std::ranges::any_of(
        was.findings, [&](const bench::Finding& w) { return is_same(w.identity, f.identity, has_function); });
}

} // namespace

Against compare(bench::Report& now, Expected& expected, const bench::Report& was, const std::string& name,
                const Replays& replays) {
    using enum bench::Shown;
    Against out;
    for (bench::Finding& f : now.findings) {
        if (f.known) continue;
        const auto [shown, who] = had(was, f, now.tree) ? Replays::Before{yes, name} : replays.before(f);
        if (shown == no) continue;
        ++(shown == yes ? out.unchanged : out.uncovered);
        f.known = expected.known.size();
        expected.known.push_back({f.identity, {}});
        expected.said.push_back(
            shown == yes ? who : fmt::format("uncovered: {} breaks earlier in that sequence", who));
    }
    for (const bench::Finding& w : was.findings) {
        if (has(now, w.identity, now.tree)) continue;
        switch (replays.after(w)) {
        case no: out.fixed.push_back(w.identity); break;
        case yes: ++out.unchanged; break;
        case hidden: ++out.hidden; break;
        }
    }
    return out;
}

std::string Against::words(std::size_t nr_new) const {
    std::string out = fmt::format("{} new, {} fixed, {} unchanged",
                                  nr_new ? std::to_string(nr_new) : "nothing", fixed.size(), unchanged);
    if (uncovered)
        out += fmt::format(", {} uncovered (in sequences in which it broke earlier before)", uncovered);
    if (hidden) out += fmt::format(", {} hidden (in sequences in which it breaks earlier now)", hidden);
    return out;
}

void Against::put(Json& j) const {
    Json gone = Json::array();
    for (const bench::Identity& i : fixed) gone.push_back(print_identity(i));
    j.update(
        {{"fixed", std::move(gone)}, {"unchanged", unchanged}, {"uncovered", uncovered}, {"hidden", hidden}});
}

std::size_t nr_new(const bench::Report& now) {
    return static_cast<std::size_t>(
        std::ranges::count_if(now.findings, [](const bench::Finding& f) { return !f.known; }));
}

} // namespace mmodel::cli
