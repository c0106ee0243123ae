// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is drawn, and how often: `mmodel run`, the bench for kernel trees and RapidCheck's generators
// (props/gen) differ only in who makes the choices.
#pragma once

#include <functional>
#include <vector>

#include "model/machine/geometry.hpp"
#include "model/op.hpp"

namespace mmodel {

// Who makes the choices: 64 bits a call, each as likely as any other.
using Rng = std::function<u64()>;

enum class Subsystem : u8 { hvo, percpu, both };

// Whether a target that is about this subsystem runs such operations. Memory pressure belongs to each.
constexpr bool belongs(OpKind k, Subsystem s) {
    const bool pressure = k == OpKind::take_pages || k == OpKind::give_pages;
    return s == Subsystem::both || pressure || is_percpu(k) == (s == Subsystem::percpu);
}

// What to draw. Slots are few, so that operations meet the same folio again.
struct Mix {
    u8 nr_folios{4};
    unsigned gigantic_percent{12}; // of the folios taken
    unsigned fault_percent{40};    // of the operations that allocate
    u16 max_fault{24};             // faults are drawn from [0, max_fault), small ones more often
    Subsystem subsystem{};
    u8 nr_areas{20};
    u8 nr_chunks{2};
    unsigned free_percent{45}; // of the percpu areas taken or given back
};

// One operation, canonical and in range for the configuration; what it does depends on the world it meets.
[[nodiscard]] Op random_op(const Config& c, const Mix& mix, Rng& rng);

// pcpu_boot as an architecture would call it; one in 16 times as none would.
[[nodiscard]] Op random_boot(const Config& c, const Mix& mix, Rng& rng);

// A sequence of n. With percpu: a boot first, then times of taking areas and times of giving them back, so
// that chunks fill and empty.
[[nodiscard]] std::vector<Op> random_ops(const Config& c, const Mix& mix, Rng& rng, std::size_t n);
// The same seed gives the same sequence on every machine and compiler.
[[nodiscard]] std::vector<Op> random_ops(const Config& c, const Mix& mix, u64 seed, std::size_t n);

} // namespace mmodel
