// SPDX-License-Identifier: GPL-2.0 OR MIT
// RapidCheck's generators of machines and of what a percpu layout is built from. They draw and shrink as
// RapidCheck does, number by number, towards the plainest.
#pragma once

#include <iosfwd>

#include <rapidcheck.h>

#include "model/machine/geometry.hpp"
#include "model/percpu/layout.hpp"

namespace mmodel {

void showValue(const Config& c, std::ostream& os); // as a geometry line

// A machine of this preset, by nodes, memory, CPUs, distances, hot-plug, highmem and addresses. It shrinks to
// the preset. One in ten or so is none that can be: why_impossible() says why.
[[nodiscard]] rc::Gen<Config> gen_config(const std::string& preset);

namespace pcpu {

// What pcpu_build_alloc_info() is asked for.
struct LayoutRequest {
    CpuMap cpus{};
    u64 reserved{}, dyn{}, atom{}, static_size{}; // bytes
};
void showValue(const LayoutRequest& r, std::ostream& os);

// At least one CPU is possible, and there is a layout for it. It shrinks to CPU 0 and one static byte.
[[nodiscard]] rc::Gen<LayoutRequest> gen_layout_request(const Sizes& s);

} // namespace pcpu
} // namespace mmodel
