// SPDX-License-Identifier: GPL-2.0 OR MIT
// The line of a trace that makes its last operations tasks: "concurrent 1,3 schedule 0x5 1x3 0x2".
#include "fuzz/ops/trace.hpp"

namespace mmodel {
namespace {

// Cuts what stands before `separator` off the text.
std::string_view next_part(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const auto part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

} // namespace

std::string print_tasks(const concurrent::Tasks& t) {
    std::string out;
    for (const u32 n : t.nr_ops) out += (out.empty() ? "concurrent " : ",") + std::to_string(n);
    if (out.empty()) return out;
    out += " schedule";
    for (const concurrent::Slice& s : t.schedule)
        out += " " + std::to_string(s.task) + "x" + std::to_string(s.steps);
    return out;
}

std::expected<std::vector<u32>, std::string> parse_task_sizes(std::string_view text) {
    const std::string want = "is not how many operations each task has; wanted 1 to " +
                             std::to_string(concurrent::max_tasks) + " numbers, as in 1,3";
    std::vector<u32> out;
    for (bool more = true; more;) {
        more = text.find(',') != text.npos;
        const auto n = parse_u64(next_part(text, ','));
        if (!n || *n == 0 || *n > max_trace_ops || out.size() == concurrent::max_tasks)
            return std::unexpected(want);
        out.push_back(static_cast<u32>(*n));
    }
    return out;
}

std::expected<concurrent::Slice, std::string> parse_slice(std::string_view text, std::size_t nr_tasks) {
    const bool has_steps = text.find('x') != text.npos;
    const auto task = parse_u64(next_part(text, 'x'));
    const auto steps = parse_u64(text);
    if (!has_steps || !task || *task >= nr_tasks || !steps || *steps == 0 ||
        *steps > concurrent::max_slice_steps)
        return std::unexpected("is no task and its steps; wanted tasks 0 to " + std::to_string(nr_tasks - 1) +
                               " and 1 to " + std::to_string(concurrent::max_slice_steps) +
                               " steps, as in 0x5");
    return concurrent::Slice{static_cast<u32>(*task), static_cast<u32>(*steps)};
}

} // namespace mmodel
