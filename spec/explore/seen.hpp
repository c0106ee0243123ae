// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a view (graph.hpp: ViewOf) tells of an operation beside the machine: the frames that became nobody's
// in it, which events there were, how many allocations were made to fail. For graph.cpp.
#pragma once

#include <vector>

#include "model/machine/event.hpp"
#include "spec/explore/space.hpp"

namespace mmodel::explore {

class Seen {
public:
    explicit Seen(const Space& space) : space_(space) {}

    void begin(const Machine& m);                // an operation, or a node at rest
    void note(const Machine& m, const Event& e); // after the event

    [[nodiscard]] const std::vector<Pfn>& held() const { return held_; } // oldest first
    [[nodiscard]] u16 path() const { return path_; }                     // a checksum of the events' kinds
    [[nodiscard]] u8 faults() const { return faults_; } // allocations that failed though there was memory

private:
    const Space& space_;
    std::vector<Pfn> held_, lost_; // lost: nobody's since before the operation
    u16 path_{};
    u8 faults_{};
};

} // namespace mmodel::explore
