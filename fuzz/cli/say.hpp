// SPDX-License-Identifier: GPL-2.0 OR MIT
// What the command says, and to whom: one JSON object a line, messages, the exit status; and how it writes
// words and numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "fuzz/campaign/input.hpp"
#include "fuzz/ops/shell.hpp"
#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

using Json = nlohmann::ordered_json; // keys stay in the order in which they are written

// How the user called us, for commands to repeat.
extern std::string program;

// "mmodel: <what>" on stderr, or nowhere if that cannot be written.
void say(std::string_view what);
// The same, after what is on its way to stdout; returns the status.
int complain(const Failure& f);
int complain(const bench::Problem& p);

// What a field means; a later one of the same number may have more of them, and lacks none.
inline constexpr int json_schema = 1;
// One JSON object on a line of its own, with its "schema". Text that is not UTF-8 is made so.
void print_json(Json j);

// Writes a whole file; if that cannot be done, says why.
[[nodiscard]] std::optional<std::string> write_file(const std::filesystem::path& path, std::string_view text);
// Why a file of that name could not be written, before there is anything to write; what is there stays as it
// is.
[[nodiscard]] std::optional<std::string> why_not_writable(const std::filesystem::path& path);
// The same of files in a directory, which is made if it is not there.
[[nodiscard]] std::optional<std::string> why_not_a_place(const std::filesystem::path& dir);

// The status to exit with. If there was a Ctrl-C, ends as one does, so that a shell sees it; if nobody reads
// what was written, as a broken pipe does.
int end(int status);
[[noreturn]] void end_of_pipe();

// ---- words and numbers

// "12,345 events/s", "-" if there was no time
[[nodiscard]] std::string rate(u64 n, std::string_view noun, double seconds);
[[nodiscard]] std::string plural(u64 n, std::string_view noun);

// This command as a word for the shell, and " --tree DIR" (nothing without one), for commands to copy.
[[nodiscard]] std::string this_command();
[[nodiscard]] std::string tree_words(const std::filesystem::path& tree);

} // namespace mmodel::cli
