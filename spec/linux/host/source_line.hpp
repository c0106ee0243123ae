// SPDX-License-Identifier: GPL-2.0 OR MIT
// Where a place in a compiled object stands in the source, asked of addr2line when a finding needs it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/machine/types.hpp"

namespace mmodel::bench {

struct SourceLine {
    std::string function, file; // a file's name without its directories
    std::string line;
};

// What contains the byte at `offset` of the object: the innermost function, inlined ones too, that does not
// stand below `not_in`. Nothing when addr2line is not there, or does not know.
[[nodiscard]] std::optional<SourceLine> find_source_line(const std::filesystem::path& object, u64 offset,
                                                         const std::filesystem::path& not_in);

// What a command on the PATH says, at most so much, without a shell; empty when it could not run.
[[nodiscard]] std::string said_by(std::vector<std::string> words, std::size_t most);

} // namespace mmodel::bench
