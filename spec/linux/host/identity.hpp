// SPDX-License-Identifier: GPL-2.0 OR MIT
// What tells one finding from another: the invariant, the kind of operation, the kernel function and the
// event where it shows, and the shape of what is wrong. Nothing in it hangs on sizes, slots, numbers of
// pages, on which allocation failed, or on lines of the file: the same defect on a 2 MiB and on a 1 GiB folio
// is one finding.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "model/op.hpp"
#include "spec/judge/invariant.hpp"

namespace mmodel::bench {

// Which of several places (the pages of a folio) are wrong. Of a few places more than one of these can be
// true: of two the second alone is one, and all but the first.
enum Extent : u8 { one_place = 1, several_places = 2, all_but_the_first = 4, all_places = 8 };

struct Identity {
    spec::Inv inv{};
    OpKind op{};
    std::string function{};           // empty: at rest
    std::optional<EventKind> event{}; // nothing: at rest, or between events
    spec::Way way{};
    int excess{};            // of a number: -1 too small, 1 too large; 0: it is about no number
    u8 extent{};             // what may be true, a mask of Extent; 0: it is about no places
    std::string condition{}; // of the kernel's own check, its local names left out; no blanks

    bool operator==(const Identity&) const = default;
};

// Needs: the violation is the operation's.
[[nodiscard]] Identity identity_of(const spec::Violation& v, OpKind op);

// Whether `found` is the finding `known`. All parts are the same; of the extents one is that both may have;
// and of the functions, `known`'s may be one that the file does not have any more: then it was renamed, and
// any that stands in its place is it. `has_function`: of the file in which `found` was.
using HasFunction = std::function<bool(std::string_view)>;
[[nodiscard]] bool is_same(const Identity& known, const Identity& found, const HasFunction& has_function);

// The invariant, then key=value: "inv_no_page_is_leaked op=optimise way=page extent=one". Parts that are
// empty are left out: in= the function, event=, way=, number=too-small or too-large, extent=, check=.
// parse_identity(print_identity(x)) == x.
[[nodiscard]] std::string print_identity(const Identity& i);

struct IdentityError {
    u64 column{1}; // bytes, from 1
    std::string what{};
};
[[nodiscard]] std::expected<Identity, IdentityError> parse_identity(std::string_view line);

} // namespace mmodel::bench
