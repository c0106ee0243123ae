// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a monitor knows of the percpu allocator: the facts about chunks, areas and the vmalloc range. Part of
// spec/judge/monitor.hpp; it judges the model and the real file alike, by events and by what the allocator's
// state says.
#pragma once

#include <unordered_map>
#include <vector>

#include "model/outcome.hpp"
#include "model/world.hpp"

namespace mmodel::spec {

class Monitor;

// Up to this many chunks, every chunk is looked at after every operation; with more, those that it touched.
inline constexpr u64 max_chunks_judged_each_time = 256;

// Pages of a unit that boot populated: what pcpu_nr_populated starts with. Needs: percpu is booted.
[[nodiscard]] i64 nr_pages_from_boot(const pcpu::Pcpu& p);

// What may be asked of the allocator: something, of no more than the smallest unit, aligned to a power of two
// of at most a page. Less than four bytes count as four. The rest is refused, -EINVAL, and nothing else is.
[[nodiscard]] bool may_be_asked(const pcpu::Sizes& s, u64 bytes, u64 align);

class PercpuJudge {
public:
    PercpuJudge(const World& before, const Op& op);

    void note(Monitor& out, const Event& e);
    void judge_rest(Monitor& out, const World& w);
    void judge_outcome(Monitor& out, const World& w, const Ran& ran);
    // What an allocation has got, while other operations run.
    void judge_own(Monitor& out, const World& w);

private:
    using Pcpu = pcpu::Pcpu;
    using Chunk = pcpu::Chunk;
    using ChunkId = pcpu::ChunkId;

    struct Zeroed {
        u64 addr, bytes;
    };

    void judge_mapping(Monitor& out, const World& w, Vmap v, const std::vector<ChunkId>& chunks);
    void judge_chunk(Monitor& out, const World& w, ChunkId id);
    [[nodiscard]] int judge_hints(Monitor& out, const Pcpu& p, ChunkId id);
    void judge_chunk_list(Monitor& out, const Pcpu& p, ChunkId id);
    void judge_chunk_areas(Monitor& out, const Pcpu& p, ChunkId id);
    void judge_totals(Monitor& out, const World& w);
    void judge_all_chunks(Monitor& out, const World& w);

    void judge_boot(Monitor& out, const World& w, const Ran& ran);
    void judge_kept_pages(Monitor& out, const Pcpu& p);
    void judge_alloc(Monitor& out, const World& w, const Ran& ran);
    void judge_area(Monitor& out, const World& w, const pcpu::Area& a, u64 align);
    void judge_free(Monitor& out, const World& w, const Ran& ran);
    void judge_balance(Monitor& out, const World& w, const Ran& ran);
    void judge_lookup(Monitor& out, const World& w, const Ran& ran);
    void judge_chunk_operation(Monitor& out, const World& w, const Ran& ran);
    void require_as_before(Monitor& out, const World& w, const char* what);

    Op op_;
    Gfp may_; // its allocations
    // Before the operation.
    bool was_booted_;
    u64 nr_chunks_;
    i64 nr_populated_, nr_mapped_;
    int nr_empty_;
    pcpu::Area area_;          // in the operation's slot
    ChunkId slot_;             // ... the chunk there
    u64 nr_chunk_populated_{}; // ... its populated pages
    // During it.
    std::unordered_map<u64, u8> asked_; // frame -> the node it was asked of
    std::vector<Vmap> changed_;         // vmalloc pages whose entry changed
    std::vector<Zeroed> zeroed_;
    u64 nr_page_allocs_{};
};

} // namespace mmodel::spec
