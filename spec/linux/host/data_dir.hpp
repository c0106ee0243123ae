// SPDX-License-Identifier: GPL-2.0 OR MIT
// What comes with the command: shims, records. It lies in share/mmodel/ beside the bin/ of the command, of a
// package as of a build (where the links are made by fuzz/cli/install.cmake), so that all of it may be moved.
#pragma once

#include <filesystem>
#include <string_view>

namespace mmodel::bench {

// "shim", "findings": where that is, without links; whether or not it is there.
[[nodiscard]] std::filesystem::path data_dir(std::string_view what);

} // namespace mmodel::bench
