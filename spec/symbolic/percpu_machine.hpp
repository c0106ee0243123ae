// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine as percpu-vm uses it, with formulas for what it stores: the vmalloc range, its page table, TLBs
// and caches, frames and their tags. Chunks lie at fixed places of the range; units, groups and addresses are
// the layout's, which is a real one.
#pragma once

#include <optional>

#include "model/percpu/pcpu.hpp"
#include "spec/symbolic/paths.hpp"
#include "spec/symbolic/terms.hpp"

namespace mmodel::symbolic {

struct PercpuShape {
    const char* name;
    u64 nr_chunks;
    u64 nr_frames;
    u64 unit_pages;
    std::vector<int> cpu_of_unit; // pcpu::no_cpu: surplus
    u64 ptrs;          // entries of a page table: some unit lies across two, so that it can be mapped in part
    pcpu::Pcpu pcpu{}; // layout and sizes; no chunk yet

    [[nodiscard]] u64 span() const { return cpu_of_unit.size() * unit_pages; } // pages of a chunk's area
    [[nodiscard]] u64 nr_vmaps() const { return nr_chunks * span(); }
    [[nodiscard]] Vmap base(u64 c) const { return Vmap{c * span()}; }
    [[nodiscard]] u64 vmap(u64 c, u64 unit, u64 i) const { return c * span() + unit * unit_pages + i; }
};

[[nodiscard]] PercpuShape percpu_shape(const char* name, u64 chunks, std::vector<int> cpu_of_unit, u64 pages,
                                       u64 ptrs, u64 frames);

// What is there at rest. Also the view that invariant.hpp asks.
struct PercpuState {
    enum Place : u64 { other, vmalloc, table, detached, free };
    enum Area : u64 { none, reserved, lazy };
    PercpuState(z3::context& c, const PercpuShape& s);
    static PercpuState booted(z3::context& c, const PercpuShape& s);

    z3::context& c;
    const PercpuShape& shape;
    unsigned bits;
    Terms present, frame_of, writable, stale, unflushed, cached; // by page of the range
    Terms has_table_at;                                          // by PMD of the range
    Terms place, tag;                                            // by frame
    Terms live, area, populated;                                 // by chunk; populated: by chunk and page
    Term array;                                                  // the array of page pointers exists
    Count populated_drift, objects_drift; // counters: by how much they differ from the truth
    bool locked{};

    [[nodiscard]] Term is(const Terms& cells, u64 i, u64 value) const {
        return cells[i] == number(c, value, cells[i].get_sort().bv_size());
    }

    // ---- the view
    [[nodiscard]] std::vector<u64> chunks() const;
    [[nodiscard]] std::vector<u64> cpus() const; // units that a CPU has
    [[nodiscard]] std::vector<u64> frames() const;
    [[nodiscard]] u64 nr_pages() const { return shape.unit_pages; }
    [[nodiscard]] Term is_mapped(u64 k, u64 u, u64 i) const { return present[shape.vmap(k, u, i)]; }
    [[nodiscard]] Term is_writable(u64 k, u64 u, u64 i) const { return writable[shape.vmap(k, u, i)]; }
    [[nodiscard]] Term is_unflushed(u64 k, u64 u, u64 i) const { return unflushed[shape.vmap(k, u, i)]; }
    [[nodiscard]] Term is_uncached(u64 k, u64 u, u64 i) const {
        return !cached[shape.vmap(k, u, i)] && !unflushed[shape.vmap(k, u, i)];
    }
    [[nodiscard]] Term is_stale(u64 k, u64 u, u64 i) const { return stale[shape.vmap(k, u, i)]; }
    [[nodiscard]] Term has_table(u64 k, u64 u, u64 i) const {
        return has_table_at[shape.vmap(k, u, i) / shape.ptrs];
    }
    [[nodiscard]] Term is_alone(u64 k, u64 u, u64 i) const;
    [[nodiscard]] Term names_chunk(u64 k, u64 u, u64 i) const;
    [[nodiscard]] Term is_live(u64 k) const { return live[k]; }
    [[nodiscard]] Term is_populated(u64 k, u64 i) const { return populated[k * nr_pages() + i]; }
    [[nodiscard]] Term is_lazy(u64 k) const { return is(area, k, lazy); }
    [[nodiscard]] Term is_reserved(u64 k) const { return is(area, k, reserved); }
    [[nodiscard]] Term has_array() const { return array; }
    [[nodiscard]] Term is_vmalloc(u64 f) const { return is(place, f, vmalloc); }
    [[nodiscard]] Term is_mapped_somewhere(u64 f) const;
    [[nodiscard]] Term is_detached(u64 f) const { return is(place, f, detached); }
    [[nodiscard]] Term has_no_surplus() const;
    [[nodiscard]] Term populated_is_true() const { return populated_drift.term() == 0; }
    [[nodiscard]] Term objects_are_true() const { return objects_drift.term() == 0; }
    [[nodiscard]] Term has_no_lock() const { return c.bool_val(!locked); }

    [[nodiscard]] Term well_formed() const;
    [[nodiscard]] std::string show(const z3::model& m) const;
};

class PercpuMachine;

// As model/machine/vmalloc.hpp.
class PercpuVmalloc {
public:
    explicit PercpuVmalloc(PercpuMachine& m) : m_(m) {}
    [[nodiscard]] u64 nr_pages() const;
    [[nodiscard]] Pte pte(Vmap v) const;
    [[nodiscard]] Pte table(Vmap v) const;
    [[nodiscard]] std::vector<Vmap> mapped(Vmap start, Vmap end) const;
    [[nodiscard]] std::optional<Vmap> find_areas(const Congruent&) const;
    [[nodiscard]] u64 nr_lazy_pages() const;
    [[nodiscard]] VmapArea lazy_span() const;
    void reserve(Vmap base, const Congruent&);
    void give_back(Vmap base, const Congruent&);
    void purge();
    void flush_tlb(Vmap start, Vmap end);
    void flush_cache_vmap(Vmap start, Vmap end);
    void flush_cache_vunmap(Vmap start, Vmap end);

private:
    PercpuMachine& m_;
};

class PercpuMachine {
public:
    PercpuMachine(Paths& p, const PercpuShape& s, const PercpuState& before)
        : now(before), paths_(p), shape_(s), handles_(before.c, before.bits) {}

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] const Geometry& geometry() const { return config_.geometry; }
    [[nodiscard]] const PercpuVmalloc& vmalloc() const { return vmalloc_; }
    [[nodiscard]] PercpuVmalloc& vmalloc() { return vmalloc_; }
    [[nodiscard]] std::optional<Pfn> alloc_page(Nid, bool) { return alloc(PercpuState::detached); }
    [[nodiscard]] std::optional<Pfn> alloc_highmem_page(Nid, bool) { return alloc(PercpuState::detached); }
    [[nodiscard]] std::optional<Pfn> alloc_table(Nid) { return alloc(PercpuState::table); }
    [[nodiscard]] std::optional<Pfn> alloc_this_page(Pfn p) { return take(frame(p), PercpuState::detached); }
    [[nodiscard]] std::optional<Pfn> alloc_this_table(Pfn p) { return take(frame(p), PercpuState::table); }
    void free_page(Pfn p);
    void set_vmalloc_pte(Vmap v, Pte pte);
    void install_vmalloc_table(Vmap v, Pfn) {
        now.has_table_at[v.value / shape_.ptrs] = now.c.bool_val(true);
    }
    void set_tag(Pfn p, u64 tag) { store(now.tag, frame(p), number(now.c, tag, 4)); }
    void set_lock(Lock l, bool held) { depth_[static_cast<u8>(l)] += held ? 1 : -1; }
    [[nodiscard]] bool is_locked(Lock l) const { return depth_[static_cast<u8>(l)] > 0; }

    [[nodiscard]] static bool is_frame(Pfn) { return true; }
    [[nodiscard]] Term frame(Pfn p) const { return handles_.term(p); }
    [[nodiscard]] Term is_mapped(Pfn p) const;
    // The chunks, and of `of` (all of them where that is none) what is known: they become concrete.
    [[nodiscard]] pcpu::Pcpu begin(std::optional<u64> of);
    void end(const pcpu::Pcpu& p, std::optional<u64> of);

    PercpuState now;
    Tally tally{};

private:
    friend class PercpuVmalloc;
    [[nodiscard]] std::optional<Pfn> alloc(PercpuState::Place owner);
    [[nodiscard]] Pfn take(const Term& f, PercpuState::Place owner);

    Paths& paths_;
    const PercpuShape& shape_;
    Config config_ = *parse_config("tiny");
    mutable Handles handles_;
    PercpuVmalloc vmalloc_{*this};
    int depth_[4]{};
    i64 counted_{}; // pages populated, before, of the chunk that is concrete
    bool had_array_{};
    std::vector<bool> was_live_;
};

} // namespace mmodel::symbolic
