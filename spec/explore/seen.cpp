// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/seen.hpp"

#include <algorithm>

#include "spec/explore/key.hpp"

namespace mmodel::explore {
namespace {

std::vector<Pfn> nobodys_frames(const Machine& m, const Space& space) {
    std::vector<Pfn> found;
    for (const FrameRange& r : space.pool)
        for (Pfn p = r.start; p < r.end; ++p)
            if (m.frame(p).owner == Owner::detached) found.push_back(p);
    return found;
}

bool has(const std::vector<Pfn>& frames, Pfn p) { return std::ranges::find(frames, p) != frames.end(); }

} // namespace

void Seen::begin(const Machine& m) {
    held_.clear();
    lost_ = nobodys_frames(m, space_);
    path_ = 0;
    faults_ = 0;
}

void Seen::note(const Machine& m, const Event& e) {
    const std::vector<Pfn> now = nobodys_frames(m, space_);
    std::erase_if(held_, [&](Pfn p) { return !has(now, p); });
    for (const Pfn p : now)
        if (!has(held_, p) && !has(lost_, p)) held_.push_back(p);
    path_ = static_cast<u16>(path_ * 31 + 1 + static_cast<u16>(e.kind));
    const bool of_frames = e.kind == EventKind::alloc_pages_node || e.kind == EventKind::pte_alloc_one_kernel;
    faults_ += is_allocation(e.kind) && !e.ok && !(of_frames && free_frames(m, space_).empty());
}

} // namespace mmodel::explore
