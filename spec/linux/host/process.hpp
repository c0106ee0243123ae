// SPDX-License-Identifier: GPL-2.0 OR MIT
// A child process with a pipe in each direction, as its parent holds it.
#pragma once

#include <sys/types.h>

#include <expected>
#include <functional>
#include <new>

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {

class Process {
public:
    Process() = default;
    ~Process() { stop(); }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // What the child does, with its ends of the pipes; it may not return.
    using Child = std::function<void(int in, int out, pid_t parent)>;
    // Needs: there is none yet.
    [[nodiscard]] std::expected<void, Problem> start(const Child& child);
    [[nodiscard]] bool is_there() const { return pid_ > 0; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] int to() const { return to_; }
    [[nodiscard]] int from() const { return from_; }
    // What the child has computed so far. A machine that is busy with other things does not make it look like
    // a hang.
    [[nodiscard]] double cpu_seconds() const;

    struct Ended {
        int status;
        bool killed; // by us
    };
    // Ends it and its process group. `patience_ms`: how long it may take to end by itself.
    Ended end(int patience_ms);
    void stop() {
        if (is_there()) end(0);
    }

private:
    pid_t pid_{-1};
    int to_{-1}, from_{-1};
};

// Memory that parent and child share, all zeroes; nullptr: there is none to be had.
[[nodiscard]] void* share_memory(std::size_t bytes);
void unshare_memory(void* at, std::size_t bytes);
template <typename T>
[[nodiscard]] T* share() {
    void* at = share_memory(sizeof(T));
    return at ? new (at) T{} : nullptr;
}
template <typename T>
void unshare(T* at) {
    if (at) unshare_memory(at, sizeof(T));
}

} // namespace mmodel::bench
