// SPDX-License-Identifier: GPL-2.0 OR MIT
// What there is, said in a sentence each: `mmodel list`, `mmodel help trace`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mmodel::cli {

struct ListOptions {
    std::string what{}; // one of list_names()
    bool json{};
};
[[nodiscard]] const std::vector<std::string>& list_names();
int list(const ListOptions& o);
// The names of a list, which one of them names: "SPACE", "space". None: there is no such list.
[[nodiscard]] std::vector<std::string> listed_names(std::string one);

// The whole grammar of text traces.
void print_grammar();

// A line a thing: its name, and its sentence beside it; beneath it where names are long.
struct Described {
    std::string name, sentence;
};
void print_described(const std::vector<Described>& all, std::size_t indent = 0);

} // namespace mmodel::cli
