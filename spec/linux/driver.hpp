// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs operations on a compiled kernel file in this process: its callbacks become events of a machine, its
// memory is an arena's, and a monitor judges. One at a time in a process, and best in a child: kernel code
// that is wrong may do anything.
#pragma once

#include <memory>

#include "model/world.hpp"
#include "spec/linux/arena.hpp"
#include "spec/monitor.hpp"

namespace mmodel::bench {

using RealKernel = Kernel<spec::Monitor>;

// How far a run has come; lives in shared memory so that a parent can read it when the child is gone.
struct Progress {
    volatile u64 op_idx{};
    volatile u64 nr_events{}; // of this operation
    volatile u64 nr_events_total{};
    const char* volatile where{}; // the kernel function that caused the latest event (the child's address
                                  // space)
};

// An operation may cause this many events; more is an operation that does not end.
inline constexpr u64 max_events = 4'000'000;

struct RealStep {
    Ran ran{};
    std::vector<spec::Violation> violations{}; // of this operation, in order
};

class Driver {
public:
    // `unit_init` is the unit's mmodel_unit_init(). Throws HostError.
    Driver(const Config& c, mmodel_unit* (*unit_init)(const mmodel_host*), Progress& progress);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    // The machine and the kernel file's own state as after boot.
    void reset();
    [[nodiscard]] RealStep run(const Op& op);
    [[nodiscard]] const Arena& arena() const { return arena_; }

private:
    friend struct Host;
    friend struct RealCalls;

    [[nodiscard]] Contents describe(const void* page, Pfn head, u8 order) const;
    void hand_out(Pfn p, int byte);
    void sync_frame(Pfn p, Vpage v);
    void sync_pending();
    void sync_folios(const Op& op);
    void check_readers(const hvo::Folio& f);

    Config config_;
    World boot_;
    World world_;
    Progress& progress_;
    Arena arena_;
    mmodel_host host_{};
    mmodel_unit* unit_{};
    RealKernel* kernel_{}; // while an operation runs
    spec::Monitor* monitor_{};
    struct Pending {
        Vpage vpage;
        const char* where;
    };
    std::optional<Pending>
        pending_;                  // a store to a struct page there was announced and may have happened since
    std::vector<Pfn> unreserved_;  // boot frames whose struct page lost its reserved mark
    std::vector<Vpage> scribbled_; // vmemmap pages whose boot frame was freed and has been handed out since
};

} // namespace mmodel::bench
