// SPDX-License-Identifier: GPL-2.0 OR MIT
// A trace is one run as plain data: the machine, what is broken on purpose, the operations and what must come
// of them. Its text is a contract: `mmodel trace 1`, `geometry ...`, one operation a line. Read and written
// here and nowhere else.
//
// After the operations, `concurrent 1,3 schedule 0x5 1x3 0x2` says that the last four run at the same time:
// one of them is task 0, three are task 1, and task 0 does five steps, task 1 three, and so on
// (spec/tasks).
#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/machine/geometry.hpp"
#include "model/op.hpp"
#include "spec/tasks/schedule.hpp"

namespace mmodel {

inline constexpr u64 trace_version = 1;
inline constexpr std::size_t max_trace_bytes = std::size_t{64} << 20; // larger texts are refused unread
inline constexpr std::size_t max_trace_ops = 1'000'000;
inline constexpr std::size_t max_line_bytes = 4096; // without its line end
inline constexpr std::size_t max_name_bytes = 100;  // of a sabotage or an invariant
inline constexpr u16 max_fault = no_fault - 1;

struct Trace {
    Config config = presets().front();
    std::string sabotage{}; // a name from spec/, kept as text; empty: nothing is broken on purpose
    u32 stale{}; // on a kernel tree's file: accesses are answered from old translations, in this way
                 // (spec/linux/host/stale.hpp); 0: from the page table
    std::vector<Op> ops{};     // canonical() and is_valid() for the configuration
    concurrent::Tasks tasks{}; // of the last operations; empty: they run one after the other
    std::string expect{};      // "ok" or the name of the invariant that must break; empty: nothing is claimed

    bool operator==(const Trace&) const = default;
};

// Where reading stopped, counted in lines and bytes from 1, and why: what was seen and what was wanted.
struct TraceError {
    u64 line{1};
    u64 column{1};
    std::string what{};

    bool operator==(const TraceError&) const = default;
};

// Fields that hold one number, in the order in which a line prints them. `fail` follows them.
inline constexpr std::array number_fields{f_folio,  f_area,   f_chunk,  f_size,     f_from, f_nid,   f_cpu,
                                          f_on,     f_walker, f_folios, f_page,     f_to,   f_bytes, f_align,
                                          f_atomic, f_again,  f_static, f_reserved, f_dyn,  f_atom,  f_paged};

// One of number_fields as a number, whether or not the operation uses it. Setting keeps the field's low bits.
[[nodiscard]] u64 field_value(const Op& op, Field f);
void set_field(Op& op, Field f, u64 value);

// How many values a field may have on a machine: 0 to n - 1. For f_fail, those of one entry, "none" left out.
[[nodiscard]] u64 nr_values(const Config& c, Field f);

// Canonical, and every field that the operation uses is below nr_values().
[[nodiscard]] bool is_valid(const Config& c, const Op& op);

// The line of the tasks without its end, "" where there are none; what stands behind its first word, and
// back.
[[nodiscard]] std::string print_tasks(const concurrent::Tasks& t);
[[nodiscard]] std::expected<std::vector<u32>, std::string> parse_task_sizes(std::string_view text);
[[nodiscard]] std::expected<concurrent::Slice, std::string> parse_slice(std::string_view text,
                                                                        std::size_t nr_tasks);

// Reads a trace. Linear in the text's length; line ends are LF or CRLF, and the last one may be missing.
// Operations come back canonical, whatever order their fields, faults and folios were written in.
[[nodiscard]] std::expected<Trace, TraceError> parse_trace(std::string_view text);

// The text that parse_trace() reads back as this trace. Needs: a configuration that print_config() can write,
// operations that are valid for it, names that are names.
[[nodiscard]] std::string print_trace(const Trace& trace);

// One line without its end: "alloc_folio folio=1 size=1G fail=2,5". Fields that are zero are left out, but
// for `folio`, `area` and `chunk`.
[[nodiscard]] std::string print_op(const Geometry& g, const Op& op);

// "line 3, column 10: ..."
[[nodiscard]] std::string print_error(const TraceError& e);

} // namespace mmodel
