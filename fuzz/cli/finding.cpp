// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/finding.hpp"

#include <fmt/format.h>

#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {

std::string_view name_of(const spec::Violation& v) { return spec::fact(v.inv).name; }
std::string_view meaning(const spec::Violation& v) { return spec::fact(v.inv).sentence; }

std::string one_line(const Geometry& g, const std::vector<Op>& ops) {
    std::string out;
    for (const Op& op : ops) out += (out.empty() ? "" : "; ") + print_op(g, op);
    return out;
}

std::string replay_command(const Trace& t, const std::filesystem::path& tree) {
    return fmt::format("{} | {} replay -{}", printf_words(print_trace(t)), this_command(), tree_words(tree));
}

std::string replay_command(const std::filesystem::path& file, const std::filesystem::path& tree) {
    return fmt::format("{} replay {}{}", this_command(), path_word(file), tree_words(tree));
}

std::string where_text(const spec::Violation& v) {
    return v.where.empty() ? "after the operation, at rest"
                           : fmt::format("{}(), event {}: {}", v.where, v.event_idx, v.event);
}

std::string five_lines(const FindingText& f) {
    const spec::Violation& v = f.violation;
    const std::string ops = one_line(f.trace.config.geometry, f.trace.ops);
    return wrapped(fmt::format("{}: {}", name_of(v), meaning(v)), 2) + "\n" +
           labelled("where", fmt::format("{}: {}", f.subject, where_text(v)), 7) +
           labelled("found", v.detail.empty() ? "-" : v.detail, 7) +
           labelled("trace",
                    fmt::format("{}: {}{}", print_config(f.trace.config),
                                f.trace.stale ? fmt::format("stale {}; ", f.trace.stale) : "", ops),
                    7) +
           "  again  " + f.command + "\n";
}

Json violation_json(const spec::Violation& v) {
    Json out{{"invariant", name_of(v)}, {"meaning", meaning(v)}, {"found", v.detail}};
    if (!v.where.empty()) out.update({{"event", v.event_idx}, {"what", v.event}, {"function", v.where}});
    return out;
}

Json violation_json(const spec::Violation& v, const Trace& t, const std::filesystem::path& tree) {
    Json out = violation_json(v);
    out.update({{"operations", t.ops.size()}, {"trace", print_trace(t)}, {"again", replay_command(t, tree)}});
    return out;
}

} // namespace mmodel::cli
