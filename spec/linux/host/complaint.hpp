// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a compiler says of a tree's file that does not compile, in the few lines that its owner needs.
#pragma once

#include <string>
#include <string_view>

namespace mmodel::bench {

// As a terminal can take it. Empty: it said nothing.
[[nodiscard]] std::string first_error(std::string_view log);

// That; where another file of the tree declares what does not fit; and what is not there at all, of the shims
// or of the tree.
[[nodiscard]] std::string complaint(std::string_view log);

} // namespace mmodel::bench
