// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/percpu/agree.hpp"

#include "spec/linux/host/differ.hpp"

namespace mmodel::bench {
namespace {

using pcpu::BlockMd;
using pcpu::Chunk;
using pcpu::ChunkId;
using pcpu::Pcpu;
// How much memory the units were cut from is not kept by the kernel.
Difference layout(const pcpu::Layout& r, pcpu::Layout m) {
    m.ai.alloc_size = r.ai.alloc_size;
    if (auto d = differ("the unit size", static_cast<i64>(r.unit_size), static_cast<i64>(m.unit_size)))
        return d;
    if (auto d = differ("the number of units", r.nr_units, m.nr_units)) return d;
    for (std::size_t cpu = 0; cpu < r.unit_offsets.size() && cpu < m.unit_offsets.size(); ++cpu)
        if (auto d = differ("the unit offset of CPU " + std::to_string(cpu),
                            static_cast<i64>(r.unit_offsets[cpu]), static_cast<i64>(m.unit_offsets[cpu])))
            return d;
    if (auto d = differ("the number of lists", r.nr_slots, m.nr_slots)) return d;
    return r == m ? Difference{} : "the layout of the units differs";
}

Difference lists(const Pcpu& r, const Pcpu& m) {
    for (int list = 0; list < r.chunks.nr_lists(); ++list) {
        ChunkId a = r.chunks.first(list), b = m.chunks.first(list);
        for (; a == b && a != pcpu::no_chunk; a = r.chunks.next(a)) b = m.chunks.next(b);
        const auto name = [](ChunkId id) {
            return id == pcpu::no_chunk ? std::string("its end") : "chunk " + std::to_string(id);
        };
        if (a != b)
            return "list " + std::to_string(list) + " goes on with " + name(a) + ", the model's with " +
                   name(b);
    }
    return std::nullopt;
}

struct Pair {
    const char* what;
    i64 real, model;
};

// Texts are made only where something differs: this is done after each operation.
template <class Whose>
Difference first_of(std::initializer_list<Pair> pairs, const Whose& named) {
    for (const Pair& p : pairs)
        if (p.real != p.model) return differ(named(p.what), p.real, p.model);
    return std::nullopt;
}

// Where a hint is nothing, where it starts is nothing either. The edges of a chunk's own are not kept.
template <class Whose>
Difference block(const BlockMd& r, const BlockMd& m, bool edges, const Whose& named) {
    return first_of(
        {{"contig_hint", r.contig_hint, m.contig_hint},
         {"contig_hint_start", r.contig_hint ? r.contig_hint_start : 0,
          r.contig_hint ? m.contig_hint_start : 0},
         {"scan_hint", r.scan_hint, m.scan_hint},
         {"scan_hint_start", r.scan_hint ? r.scan_hint_start : 0, r.scan_hint ? m.scan_hint_start : 0},
         {"first_free", r.first_free, m.first_free},
         {"left_free", edges ? r.left_free : 0, edges ? m.left_free : 0},
         {"right_free", edges ? r.right_free : 0, edges ? m.right_free : 0}},
        named);
}

Difference bits(const char* what, ChunkId id, const pcpu::Bitmap& r, const pcpu::Bitmap& m) {
    if (r == m) return std::nullopt;
    int at = 0;
    while (at < r.nr_bits && at < m.nr_bits && r.test(at) == m.test(at)) ++at;
    return what + (" of chunk " + std::to_string(id)) + " differs from the model's at " + std::to_string(at);
}

Difference chunk(ChunkId id, const Chunk& r, const Chunk& m) {
    if (r == m) return std::nullopt;
    const auto of = [=](const char* what) { return what + (" of chunk " + std::to_string(id)); };
    const auto in = [=](const char* what) { return "chunk " + std::to_string(id) + ": " + what; };
    if (auto d = first_of({{"base_addr", static_cast<i64>(r.base_addr), static_cast<i64>(m.base_addr)},
                           {"free_bytes", r.free_bytes, m.free_bytes},
                           {"nr_populated", r.nr_populated, m.nr_populated},
                           {"nr_empty_pop_pages", r.nr_empty_pop_pages, m.nr_empty_pop_pages},
                           {"isolated", r.isolated, m.isolated},
                           {"start_offset", r.start_offset, m.start_offset},
                           {"end_offset", r.end_offset, m.end_offset}},
                          of))
        return d;
    if (auto d = bits("the alloc_map", id, r.alloc_map, m.alloc_map)) return d;
    if (auto d = bits("the populated map", id, r.populated, m.populated)) return d;
    if (auto d = block(r.chunk_md, m.chunk_md, false, in)) return d;
    for (std::size_t i = 0; i < r.md_blocks.size() && i < m.md_blocks.size(); ++i) {
        if (r.md_blocks[i] == m.md_blocks[i]) continue;
        const auto in_page = [=](const char* what) {
            return "chunk " + std::to_string(id) + ", page " + std::to_string(i) + ": " + what;
        };
        if (auto d = block(r.md_blocks[i], m.md_blocks[i], true, in_page)) return d;
    }
    return std::nullopt;
}

Difference chunks(const Pcpu& r, const Pcpu& m) {
    for (ChunkId id = 0; id < std::max(r.chunks.end_id(), m.chunks.end_id()); ++id) {
        if (r.chunks.is_live(id) && m.chunks.is_live(id) && &r.chunks[id] == &m.chunks[id]) continue;
        if (r.chunks.is_live(id) != m.chunks.is_live(id))
            return "chunk " + std::to_string(id) +
                   (r.chunks.is_live(id) ? " is there, the model has none"
                                         : " is not there, the model has one");
        if (!r.chunks.is_live(id)) continue;
        if (auto d = chunk(id, r.chunks[id], m.chunks[id])) return d;
    }
    return std::nullopt;
}

// Of the whole, part by part.
std::optional<Differs> at_boot(const Pcpu& r, const Pcpu& m) {
    if (auto d = layout(r.layout, m.layout)) return Differs{*d, spec::Way::layout};
    if (auto d = differ("the number of frames that units keep", static_cast<i64>(r.nr_embedded_frames),
                        static_cast<i64>(m.nr_embedded_frames)))
        return Differs{*d, spec::Way::layout};
    return std::nullopt;
}

} // namespace

std::optional<Differs> first_difference(const Ran& real, const Ran& model, const Pcpu& r, const Pcpu& m,
                                        bool is_boot) {
    using spec::Way;
    if (auto d = differ(real.outcome, model.outcome)) return Differs{*d, Way::returned};
    if (r.booted != m.booted)
        return Differs{r.booted ? "it is booted, the model is not" : "it is not booted, the model is",
                       Way::booted};
    if (!r.booted) return std::nullopt;
    if (is_boot) // it does not change after
        if (auto d = at_boot(r, m)) return d;
    if (auto d = differ("pcpu_nr_empty_pop_pages", r.nr_empty_pop_pages, m.nr_empty_pop_pages))
        return Differs{*d, Way::nr_empty_pop_pages};
    if (auto d = differ("pcpu_nr_populated", r.nr_populated, m.nr_populated))
        return Differs{*d, Way::nr_populated};
    if (auto d = lists(r, m)) return Differs{*d, Way::order_of_lists};
    if (auto d = chunks(r, m)) return Differs{*d, Way::chunks};
    if (auto d = differ("pcpu_atomic_alloc_failed", r.atomic_alloc_failed, m.atomic_alloc_failed))
        return Differs{*d, Way::atomic_alloc_failed};
    if (auto d = differ("whether the balance worker is due", r.balance_scheduled, m.balance_scheduled))
        return Differs{*d, Way::balance_worker};
    if (r.base_addr != m.base_addr || r.areas != m.areas || r.slots != m.slots)
        return Differs{"an area or a chunk is not where the model's is", Way::areas};
    return std::nullopt;
}

} // namespace mmodel::bench
