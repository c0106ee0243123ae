// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/expected.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {

void Expected::add_base(const bench::Report& base, const std::string& dir) {
    for (const bench::Finding& f : base.findings) {
        known.push_back(
            {f.identity,
             Trace{.config = f.config, .sabotage = {}, .stale = f.stale, .ops = f.ops, .expect = {}}});
        said.push_back(dir);
    }
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

Against::Against(const bench::Report& old, const bench::Report& now, const std::string& dir) : base(dir) {
    const auto has_function = [&](std::string_view name) { return now.tree.has_function(name); };
    for (const bench::Finding& was : old.findings) {
        const auto is_it = [&](const bench::Finding& f) {
            return is_same(was.identity, f.identity, has_function);
        };
        if (std::ranges::any_of(now.findings, is_it))
            ++unchanged;
        else
            fixed.push_back(was.identity);
    }
}

std::size_t nr_new(const bench::Report& now) {
    return static_cast<std::size_t>(
        std::ranges::count_if(now.findings, [](const bench::Finding& f) { return !f.known; }));
}

void Against::put(Json& j, const bench::Report& now) const {
    Json gone = Json::array();
    for (const bench::Identity& i : fixed) gone.push_back(print_identity(i));
    j["base"] = {{"tree", base}, {"new", nr_new(now)}, {"fixed", gone}, {"unchanged", unchanged}};
}

void print_against(const bench::Report& now, const Against& a) {
    fmt::print("{}", labelled("base",
                              fmt::format("{}: {} new, {} fixed, {} unchanged", a.base,
                                          nr_new(now) ? std::to_string(nr_new(now)) : "nothing",
                                          a.fixed.size(), a.unchanged),
                              9));
}

void print_fixed(const Against& a) {
    if (!a.fixed.empty()) fmt::print("\n");
    for (const bench::Identity& i : a.fixed) fmt::print("{}", labelled("fixed", print_identity(i), 7));
}

} // namespace mmodel::cli
