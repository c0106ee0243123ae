// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine's own C compiler: how it is run under limits, and what it can instrument.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

// How a command ended.
struct Ended {
    int status;    // of waitpid(); 0: it did all it was asked for
    bool too_long; // it had to be ended
};
// Runs a command without a shell, with what it starts, under limits; its output and errors go to `log`.
[[nodiscard]] Ended run_command(const std::vector<std::string>& words, const std::filesystem::path& log,
                                const CompileLimits& limits);

// A name that no other file of any process has, in this one or another thread.
[[nodiscard]] std::string own_name(std::string_view what);

// What a compiler adds, and entry points of ours, in the shims' common, that it then calls.
struct Instrumentation {
    const char* source;                          // "": none
    std::vector<std::vector<std::string>> flags; // of one compiler or another
};
extern const Instrumentation memory_accesses, branches;
// A name that is defined nowhere ends the compilation; of a compiler that cannot (tcc), the loading.
extern const Instrumentation no_undefined;

// The flags that the compiler takes: the first with which it compiles the entry points. Nothing: it cannot.
// Tried once for each compiler.
[[nodiscard]] std::optional<std::vector<std::string>>
flags_for(const Instrumentation& what, const std::vector<std::string>& cc, const std::filesystem::path& shims,
          const std::filesystem::path& work_dir, const CompileLimits& limits);

} // namespace mmodel::bench
