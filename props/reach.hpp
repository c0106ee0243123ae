// SPDX-License-Identifier: GPL-2.0 OR MIT
// Reach: what random sequences are there for really happens. A Reach counts, by name, the paths that
// operations take.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "fuzz/ops/generate.hpp"
#include "model/world.hpp"
#include "props/example.hpp"

namespace mmodel {

using Paths = std::map<std::string, u64>;

// What `nr_sequences` sequences of `nr_ops` reach; Reach has run(World&, const Op&) and `Paths nr`.
template <class Reach>
Paths reached(const char* geometry, const Mix& mix, u64 nr_sequences, std::size_t nr_ops = 60) {
    const Config c = config_of(geometry);
    Reach reach;
    for (u64 seed = 0; seed < nr_sequences; ++seed) {
        World w(c);
        reach.start();
        for (const Op& op : random_ops(c, mix, seed, nr_ops)) reach.run(w, op);
    }
    return reach.nr;
}

inline void require_reached(const Paths& nr, const Paths& least) {
    for (const auto& [what, n] : least) {
        INFO(what << ": " << (nr.contains(what) ? nr.at(what) : 0) << ", wanted " << n);
        CHECK((nr.contains(what) && nr.at(what) >= n));
    }
}

} // namespace mmodel
