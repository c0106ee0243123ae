// SPDX-License-Identifier: GPL-2.0 OR MIT
// A violation as people read it, and as programs do.
#pragma once

#include "fuzz/cli/say.hpp"
#include "fuzz/ops/trace.hpp"

namespace mmodel::cli {

[[nodiscard]] std::string_view meaning(const spec::Violation& v);
[[nodiscard]] std::string_view name_of(const spec::Violation& v);

// The operations on one line: "alloc_folio folio=0 size=2M; optimise folio=0".
[[nodiscard]] std::string one_line(const Geometry& g, const std::vector<Op>& ops);
// A shell command that feeds this trace to `mmodel replay`, for a tree if one is named.
[[nodiscard]] std::string replay_command(const Trace& t, const std::filesystem::path& tree = {});
// The same for a file that `mmodel replay` reads.
[[nodiscard]] std::string replay_command(const std::filesystem::path& file,
                                         const std::filesystem::path& tree);

// "free_vmemmap_page(), event 537: free_bootmem_page(pfn 263)", or that it was at rest.
[[nodiscard]] std::string where_text(const spec::Violation& v);

struct FindingText {
    const spec::Violation& violation;
    std::string subject; // "the model", "Linux 6.12.117, mm/hugetlb_vmemmap.c"
    const Trace& trace;
    std::string command; // shows it again
};
// Five lines a kernel developer can act on; all but the command are wrapped at the terminal's width.
[[nodiscard]] std::string five_lines(const FindingText& f);

// {"invariant":...,"meaning":...,"found":...}; "function", "event" (its number) and "what" (the event) unless
// it was at rest.
[[nodiscard]] Json violation_json(const spec::Violation& v);
// The same with "operations" (how many), "trace" and "again", the command that shows it; on a tree if one is
// named.
[[nodiscard]] Json violation_json(const spec::Violation& v, const Trace& t,
                                  const std::filesystem::path& tree = {});

} // namespace mmodel::cli
