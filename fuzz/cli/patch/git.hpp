// SPDX-License-Identifier: GPL-2.0 OR MIT
// git, asked for what a repository has and for how patches are read. It runs no hook, no external diff or
// filter, fetches nothing, and writes into no repository.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mmodel::cli {

struct GitSaid {
    int status{}; // of the exit; 127: there is no git
    std::string out{}, err{};
    [[nodiscard]] bool ok() const { return status == 0; }
    // The first line that says what went wrong, without "fatal: "; of git, not of the machine it runs on.
    [[nodiscard]] std::string why() const;
};

class Git {
public:
    // `dir`: where it runs. `above`: repositories that lie there or above are none for it; empty: any is.
    explicit Git(std::filesystem::path dir, std::filesystem::path above = {})
        : dir_(std::move(dir)), above_(std::move(above)) {}
    [[nodiscard]] GitSaid run(const std::vector<std::string>& args, std::string_view in = {}) const;
    [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }

private:
    std::filesystem::path dir_, above_;
};

// What stands between line ends; the last line may lack its own.
[[nodiscard]] std::vector<std::string> lines_of_text(std::string_view text, char end = '\n');

} // namespace mmodel::cli
