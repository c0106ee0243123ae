// SPDX-License-Identifier: GPL-2.0 OR MIT
// Work that takes a while: progress on a terminal, Ctrl-C.
#pragma once

#include <chrono>
#include <string>

namespace mmodel::cli {

// A line on stderr that replaces the one before; nothing unless stderr is a terminal. Goes away when this
// does.
class Progress {
public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(const std::string& text);

private:
    bool terminal_{}, shown_{};
    std::chrono::steady_clock::time_point last_{};
};

// From now on the first Ctrl-C is only noted; the second ends the program.
void catch_interrupt();
[[nodiscard]] bool interrupted();

} // namespace mmodel::cli
