// SPDX-License-Identifier: GPL-2.0 OR MIT
// Where in a tree's files something of a finding stands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

struct Place {
    std::string file; // below the tree's directory: "mm/percpu-vm.c"
    std::size_t line; // from 1
};
// Where the function is defined in what the tree's file is compiled from; nothing: it is not there, and a
// shim's or the kernel's own.
[[nodiscard]] std::optional<Place> definition_of(const bench::Tree& tree, std::string_view function);

// Lines of a file, with their numbers, and one of them marked: "> 412  ...". Tabs are narrow.
struct Excerpt {
    std::string file;
    std::vector<std::string> lines;
};
// Of a function: some lines around the first call of `callee` in it, or, without one, how it begins. Nothing
// where definition_of() says so.
[[nodiscard]] std::optional<Excerpt> excerpt_of(const bench::Tree& tree, std::string_view function,
                                                std::string_view callee = {});

} // namespace mmodel::cli
