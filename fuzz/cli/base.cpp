// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/base.hpp"

namespace mmodel::cli {

void Base::cannot(const std::string& why) {
    status_ = worse(status_, exit_environment);
    complain(Failure{"the base cannot be judged, so that nothing is compared: " + why, exit_environment});
}

std::expected<Base, Failure> Base::open(const LinuxOptions& o, const std::vector<bench::Tree>& files,
                                        const std::vector<std::string>& geometries, const Sources& sources) {
    Base out;
    out.dir_ = o.base;
    if (o.base.empty()) return out;
    const auto tree = open_tree(o.base);
    if (!tree && tree.error().usage) return std::unexpected(Failure{tree.error().what});
    if (!tree) {
        out.cannot(tree.error().what);
        return out;
    }
    std::vector<bench::Tree> chosen;
    for (const bench::Tree& f : files) {
        auto one = tree->judged_by(f.name);
        if (one)
            chosen.push_back(std::move(*one));
        else
            out.cannot(one.error().what);
    }
    out.checks_ = std::make_unique<TreeChecks>(std::move(chosen), o.seed, geometries, o.backend, o.stale,
                                               [&](const bench::Tree& t) { return sources.of(t).known; });
    return out;
}

void Base::check(const LinuxOptions& o, const Budget& budget) {
    if (!checks_) return;
    checks_->run(budget, o.sweeps);
    for (std::size_t i = 0; i < checks_->size(); ++i)
        if (const auto r = checks_->report(i); !r) cannot(r.error().what);
}

std::optional<std::size_t> Base::index_of(const std::string& name) const {
    for (std::size_t i = 0; checks_ && i < checks_->size(); ++i)
        if (checks_->tree(i).name == name && checks_->report(i)) return i;
    return std::nullopt;
}

std::vector<bench::Known> Base::hints_for(const bench::Tree& tree) const {
    const auto i = index_of(tree.name);
    return i ? as_known(*checks_->report(*i)) : std::vector<bench::Known>{};
}

std::optional<Against> Base::compare(bench::Report& now, Expected& expected, TreeChecks& checks,
                                     std::size_t nr) {
    const auto i = index_of(now.tree.name);
    if (!i) return std::nullopt;
    for (bench::Finding& f : now.findings) // a hint is known to nobody else
        if (f.known && *f.known >= expected.known.size()) f.known.reset();
    const auto before = [&](const bench::Finding& f) { return Replays::Before{checks_->shows(*i, f), dir_}; };
    const auto after = [&](const bench::Finding& f) { return checks.shows(nr, f); };
    return cli::compare(now, expected, *checks_->report(*i), dir_, {before, after});
}

} // namespace mmodel::cli
