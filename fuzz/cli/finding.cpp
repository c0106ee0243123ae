// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/finding.hpp"

#include <fmt/format.h>

namespace mmodel::cli {

std::string_view name_of(const spec::Violation& v) { return spec::fact(v.inv).name; }
std::string_view meaning(const spec::Violation& v) { return spec::fact(v.inv).sentence; }

std::string one_line(const Geometry& g, const std::vector<Op>& ops) {
    std::string out;
    for (const Op& op : ops) out += (out.empty() ? "" : "; ") + print_op(g, op);
    return out;
}

std::string replay_command(const Trace& t, const std::filesystem::path& tree) {
    std::string text = print_trace(t), escaped;
    for (const char c : text) escaped += c == '\n' ? "\\n" : std::string{c};
    const std::string to = tree.empty() ? "" : " --tree " + shell_quoted(tree.string());
    return fmt::format("printf '{}' | {} replay -{}", escaped, shell_quoted(program), to);
}

std::string five_lines(const FindingText& f) {
    const spec::Violation& v = f.violation;
    const std::string where = v.where.empty()
                                  ? "after the operation, at rest"
                                  : fmt::format("{}(), event {}: {}", v.where, v.event_idx, v.event);
    return fmt::format("{}: {}\n  where  {}: {}\n  found  {}\n  trace  {}: {}\n  again  {}\n", name_of(v),
                       meaning(v), f.subject, where, v.detail.empty() ? "-" : v.detail,
                       print_config(f.trace.config), one_line(f.trace.config.geometry, f.trace.ops),
                       f.command);
}

Json violation_json(const spec::Violation& v, const Trace& t) {
    return {{"invariant", name_of(v)},
            {"meaning", meaning(v)},
            {"operations", t.ops.size()},
            {"trace", print_trace(t)}};
}

} // namespace mmodel::cli
