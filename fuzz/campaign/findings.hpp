// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is known to be wrong with kernel files: spec/linux/findings/*.md, one finding a file. The first lines
// are "key: value", then come prose and a fenced block with a trace that shows it.
//
//     format: 2
//     file: mm/hugetlb_vmemmap.c
//     finding: inv_no_page_is_leaked op=optimise way=page extent=one      (see spec/linux/host/identity.hpp)
//     also: inv_...                        any number: in what other ways the same mistake may show
//     seen: 6.12.117 b6e565450b0e7e5f      one or more: the version, and the hash of the file's text
//     geometries: x86-64 tiny512           where the sweeps find it, if not everywhere
//
// And lists of findings that are allowed: one such finding a line, comments from # on.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/campaign/campaign.hpp"

namespace mmodel::cli {

inline constexpr int record_format = 2;

struct Record {
    struct Seen {
        std::string version; // "6.12.117"
        std::string source;  // bench::Tree::source of that file
    };
    std::filesystem::path path;
    std::string file; // "mm/hugetlb_vmemmap.c"
    bench::Identity finding;
    std::vector<bench::Identity> also{};
    std::vector<Seen> seen{};
    std::vector<std::string> geometries{}; // where the sweeps find it; none: everywhere
    Trace trace{};
};

// Whether it was seen in this text of the file, or in this version.
[[nodiscard]] bool is_about(const Record& r, const bench::Tree& tree);
[[nodiscard]] bool is_found_on(const Record& r, std::string_view geometry);

// One of them. Its trace must be readable and able to show what the record says, or nobody can check it.
[[nodiscard]] std::expected<Record, std::string> read_record(const std::filesystem::path& path);
// Every record in a directory, by name. One that cannot be understood, or whose trace cannot show what it
// says, is an error that names file and line.
[[nodiscard]] std::expected<std::vector<Record>, std::string> read_findings(const std::filesystem::path& dir);
// A record of what was found, without a reason, for a human to add.
[[nodiscard]] std::string print_record(const bench::Tree& tree, const bench::Finding& f);

// A finding that is allowed, or a file of such; where each was said.
struct Allowed {
    bench::Identity identity;
    std::string said; // "FILE: line 3", or the line itself
};
[[nodiscard]] std::expected<std::vector<Allowed>, std::string>
read_allowed(const std::string& file_or_finding);

// Whether what a record says is expected of a tree: of one with that text of the file, and, since files are
// edited, of each of a series (6.12) in which it was seen. What another series does wrong is new there.
[[nodiscard]] bool counts_for(const Record& r, const bench::Tree& tree);
// What a campaign against this tree's file is to expect.
[[nodiscard]] std::vector<bench::Known> known_of(const std::vector<Record>& records, const bench::Tree& tree);

// The same, of who explores it (bench::Unit::known).
[[nodiscard]] std::vector<bench::Identity> identities_known(const std::vector<Record>& records,
                                                            const bench::Tree& tree);

// What was found in a tree's file, against what is recorded for it.
struct Comparison {
    std::vector<const bench::Finding*> unrecorded{}; // found, not recorded
    std::vector<Record> not_found{};                 // recorded of this version or text, no longer found
    std::vector<Record> confirmed{};                 // both
    [[nodiscard]] bool is_as_recorded() const { return unrecorded.empty() && not_found.empty(); }
};
[[nodiscard]] Comparison compare(const std::vector<Record>& records, const bench::Report& report);
// The record of a finding; nullptr: there is none.
[[nodiscard]] const Record* record_of(const std::vector<Record>& records, const bench::Tree& tree,
                                      const bench::Identity& found);

// The command that shows a finding again; what else its trace shows on the way is passed.
[[nodiscard]] std::string again_command(const bench::Finding& f, const std::string& replay);

} // namespace mmodel::cli
