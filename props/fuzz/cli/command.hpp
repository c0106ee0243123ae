// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs the built `mmodel` in a process group of its own and catches what it says.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace mmodel::test {

using Json = nlohmann::json;

// A directory under the build directory, gone again with this.
class TempDir {
public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    // Writes a file here; its path.
    [[nodiscard]] std::string put(const std::string& name, std::string_view text) const;

private:
    std::filesystem::path path_;
};

struct Said {
    int status{}; // the exit status; 128 + n: killed by signal n, as a shell has it; -1: killed by us, it ran
                  // too long
    std::string out{}, err{};
    double seconds{};
};

using Args = std::vector<std::string>;

// A small disk that only the command sees. Where the system lets nobody mount, the exit status is `no_mount`.
struct Disk {
    std::string at{}; // a directory; empty: no disk
    bool read_only{}; // else it is full
};
inline constexpr int no_mount = 125;

struct Around {
    std::string program{}; // empty: $MMODEL_BIN, or the command that was built
    std::vector<std::pair<std::string, std::string>> env{};
    std::string in{"/dev/null"}; // a file for standard input
    std::string out{};           // a file for standard output; empty: caught
    double patience{60};         // seconds
    Disk disk{};
    std::optional<std::size_t> max_file_bytes{}; // as ulimit -f has it, of its output, too
};

// The command while it runs.
class Running {
public:
    explicit Running(const Args& args, Around around = {});
    void signal(int nr) const; // to all of its group, as a terminal does
    [[nodiscard]] Said wait();

private:
    TempDir dir_;
    Around around_;
    pid_t pid_{};
    std::chrono::steady_clock::time_point start_{std::chrono::steady_clock::now()};
};

[[nodiscard]] Said run_mmodel(const Args& args, const Around& around = {});

[[nodiscard]] std::string slurp(const std::filesystem::path& path);
[[nodiscard]] bool has(std::string_view text, std::string_view part);

// Each line as the JSON object that it must be; fails the test otherwise.
[[nodiscard]] std::vector<Json> json_lines(const std::string& text);

// The table that `run` begins with, up to the first empty line, is no wider than 120 columns.
void check_table(const std::string& out);

// The regular files of corpus/<name>, sorted.
[[nodiscard]] std::vector<std::filesystem::path> corpus_files(const std::string& name);

} // namespace mmodel::test
