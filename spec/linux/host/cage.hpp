// SPDX-License-Identifier: GPL-2.0 OR MIT
// What code that nobody knows may do to the process that runs it and to everybody else: limits on resources,
// a filter for system calls, a process group that ends as one. Everything here is called in a child.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "model/machine/types.hpp"

namespace mmodel::bench {

struct Limits {
    u64 address_space; // bytes, beyond what the process has now
    u64 file_bytes;    // of any one file that it writes
    u64 cpu_seconds;   // of the process's life; 0: no limit
};

// A process group of its own, which dies with `parent`; none of the parent's signal handlers, and nothing of
// the parent's open: descriptors 0, 1 and 2 are /dev/null, those in `keep` become 3, 4, ... in their order. Needs: all of `keep` are above 2.
void leave_parent(pid_t parent, const std::vector<int>& keep);

// No core files; a stack of at most 8 MiB; the first whom the host ends when it runs out of memory.
void limit(const Limits& limits);

// Filters the calls to the system from now on; false: the host does not let us. `loading`: files may be
// opened for reading and memory be reserved; else only what a run needs. What kernel code has no business
// with (processes, signals, descriptors, sockets, ptrace) raises SIGSYS, the rest fails with EPERM.
enum class Phase : u8 { loading, running };
[[nodiscard]] bool filter_system_calls(Phase phase);

// The name of a call that raises SIGSYS.
[[nodiscard]] const char* name_of_system_call(int nr);

// Ends a child and its process group, and fetches its status. `patience_ms`: how long it may take to end by
// itself first. `killed` is set when it had to be ended.
int reap(pid_t pid, int patience_ms, bool& killed);

// What of all this the host cannot do, each a line for people; empty: nothing. Found out by a child that
// tries, once a process.
[[nodiscard]] const std::vector<std::string>& cage_gaps();

} // namespace mmodel::bench
