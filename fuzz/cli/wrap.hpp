// SPDX-License-Identifier: GPL-2.0 OR MIT
// Lines that fit the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mmodel::cli {

// $COLUMNS if that is a number, else the width of the terminal that standard output is, else 0: in a pipe,
// lines are as long as they are.
[[nodiscard]] std::size_t columns();

// ... but for columns of tasks and for tables, which are laid out for this width.
inline constexpr std::size_t width_in_a_pipe = 120;

// The line, broken between words where it would be longer than `width` (0: never); what follows a break is
// indented by `hang`. A word is never cut, and spaces inside a line stay as they are. No line ends at the
// end.
[[nodiscard]] std::string wrapped(std::string_view line, std::size_t hang, std::size_t width = columns());

// wrapped(), to standard output, with its line end.
void print_wrapped(std::string_view line, std::size_t hang);

// "  found   what was found", wrapped beside its label, with its line end. `label_width`: with the space
// behind.
[[nodiscard]] std::string labelled(std::string_view label, std::string_view text, std::size_t label_width);

} // namespace mmodel::cli
