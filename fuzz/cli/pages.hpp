// SPDX-License-Identifier: GPL-2.0 OR MIT
// The manual pages and what bash completes: the text of --help, written for other readers.
#pragma once

#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

namespace mmodel::cli {

// One page of section 1, as roff: of the command, or of a subcommand of it. Nothing that only this host says.
[[nodiscard]] std::string man_page(const CLI::App& app);

// A script for bash: subcommands, options, and of what follows them directories, files and names, as their
// types say: DIR, FILE or OUT, what `mmodel list` lists ("SPACE"), "mmu|mmap".
[[nodiscard]] std::string bash_completion(const CLI::App& app);

// All of it into a directory, laid out as share/ is; the exit status.
int write_pages(const CLI::App& app, const std::filesystem::path& share);

} // namespace mmodel::cli
