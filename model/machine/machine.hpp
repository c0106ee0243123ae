// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine: frames, the page tables of the vmemmap and of the vmalloc range, what TLBs may still hold,
// which stores are not yet ordered, RCU walkers, CPUs, the buddy allocator per node, boot memory, hot-added
// blocks. A value; its parts change only through the functions below, one for each event of kernel.hpp.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "model/machine/buddy.hpp"
#include "model/machine/geometry.hpp"
#include "model/machine/page.hpp"
#include "model/machine/radix_array.hpp"
#include "model/machine/vmalloc.hpp"

namespace mmodel {

inline constexpr u8 max_compounds = 16;
inline constexpr u8 nr_walkers = 4;

// A compound page whose struct pages are initialised: head, order, refcount, hugetlb mark. Where it is used
// by nobody, order is 0.
struct Compound {
    Pfn head{};
    u8 order{};
    bool operator==(const Compound&) const = default;
};

// A speculative PFN walker: inside an RCU read section, looking at the struct page of `page`.
struct Walker {
    bool inside{};
    bool may_write{}; // it has seen a refcount that is not zero: it will try to change it
    Pfn page{};
    bool operator==(const Walker&) const = default;
};

// A memory block added after boot.
struct HotBlock {
    bool present{};
    bool self_hosted{}; // memmap_on_memory: its vmemmap lies in its own first frames
    Nid nid{};
    Pfn vmemmap{}; // first frame behind its vmemmap, which PMD leaves map
    bool operator==(const HotBlock&) const = default;
};

// The kernel's own counters, as it counts them.
struct Counters {
    i64 static_key{};  // hugetlb_optimize_vmemmap_key
    i64 memmap{};      // nr_memmap_pages
    i64 memmap_boot{}; // nr_memmap_boot_pages
    bool operator==(const Counters&) const = default;
};

// What is true, counted by the machine as frames change hands.
struct Tally {
    i64 vmemmap_buddy{}; // frames behind the vmemmap that came from the page allocator
    i64 vmemmap_boot{};  // ... from boot memory
    i64 detached{}; // frames taken from an allocator (or unmapped) that nothing refers to: leaked, at rest
    i64 tables{};   // page tables
    i64 private_tables{}; // ... installed nowhere
    i64 vmalloc{};        // frames mapped in the vmalloc range
    i64 shared_tails{};   // pages of tails that a zone's folios share
    i64 memblock{};       // free frames that the page allocator does not have yet
    i64 objects{};        // what kmalloc() gave and kfree() has not got back
    bool operator==(const Tally&) const = default;
};

class Machine {
public:
    Machine() = default;
    explicit Machine(const Config& c);

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] const Geometry& geometry() const { return config_.geometry; }

    // ---- what is where
    [[nodiscard]] Nid nid_of(Pfn p) const;
    // Two a node: the memory that was there at boot, and what was hot-added (ZONE_MOVABLE).
    [[nodiscard]] u8 zone_of(Pfn p) const {
        return static_cast<u8>(nid_of(p).value * 2 + (p >= config_.hot_start()));
    }
    [[nodiscard]] bool is_populated(Pfn p) const;     // memory that exists (hot blocks once added)
    [[nodiscard]] bool is_free(Pfn p) const;          // in the buddy allocator. O(orders)
    [[nodiscard]] FreeRun free_run_from(Pfn p) const; // from a frame of the machine's on. O(orders)
    [[nodiscard]] bool is_reserved(Pfn p) const;      // PageReserved()
    [[nodiscard]] bool is_self_hosted(Pfn p) const;   // PageVmemmapSelfHosted()
    [[nodiscard]] const Frame& frame(Pfn p) const { return frames_[p.value]; }
    [[nodiscard]] std::optional<Pfn>
    first_detached() const; // the lowest frame that is nobody's. O(frames ever touched)
    [[nodiscard]] std::optional<Vpage>
    boot_vpage(Pfn p) const; // the vmemmap page it was populated for, if it was
    [[nodiscard]] u64 pmd_idx(Vpage v) const { return arithmetic::pmd_of(v.value, pmd_shift_); }
    [[nodiscard]] Pmd pmd(u64 idx) const;
    [[nodiscard]] PteRef pte_ref(Vpage v) const; // needs: the PMD is a table
    [[nodiscard]] Pte pte(PteRef r) const { return ptes_[r.table.value << pmd_shift_ | r.idx]; }
    [[nodiscard]] Pte translate(Vpage v) const;    // what the page table says, leaf or table
    [[nodiscard]] bool is_mapped(Pfn p) const;     // an entry of an installed table, or a leaf, maps it
    [[nodiscard]] bool may_be_cached(Pfn p) const; // some CPU may still translate something to it
    [[nodiscard]] bool
    is_under_unsplit_block(Pfn p) const; // part of an allocation of higher order, not split
    [[nodiscard]] std::optional<Vpage>
    installed_at(PteRef r) const; // what it maps, if its table is installed

    // Calls f(pte) for every translation of v that a CPU may use although the page table no longer says so.
    template <class F>
    void for_each_stale(Vpage v, F&& f) const {
        if (stale_leaf_[pmd_idx(v)].set)
            f(Pte::map(*leaf_head(pmd_idx(v)) + (v.value & ((u64{1} << pmd_shift_) - 1)), true));
        for (const Pte& p : stale_[v.value].pte)
            if (p.present()) f(p);
    }
    // Calls f(v, pte) for every stale page-sized translation there is.
    template <class F>
    void for_all_stale(F&& f) const {
        stale_.for_each(0, ~u64{0}, [&](u64 v, const StaleSet& s) {
            for (const Pte& p : s.pte)
                if (p.present()) f(Vpage{v}, p);
        });
    }

    // zone->vmemmap_tails[]. A page that is there stays there.
    [[nodiscard]] std::optional<Pfn> shared_tail(u8 zone, u8 order) const;
    [[nodiscard]] const std::vector<SharedTail>& shared_tails() const { return shared_tails_; }
    [[nodiscard]] bool is_shared_tail(Pfn p) const { return frame(p).owner == Owner::shared_tail; }

    [[nodiscard]] bool has_stale() const { return stale_.hash() || stale_leaf_.hash(); }

    // ---- struct pages
    // The contents of a frame, as `copy` or `junk`: what a reader who maps it would find.
    [[nodiscard]] Contents read(Pfn p) const;
    // The same, said as it is kept: `fresh` follows whoever has the described memory, `copy` does not.
    [[nodiscard]] Contents as_kept(Pfn p) const;
    // What initialisation leaves in vmemmap page v for the compound page that has it now (or none), as
    // `copy`.
    [[nodiscard]] Contents freshly_initialised(Vpage v) const;
    [[nodiscard]] const Compound* compound_at(Vpage v) const;
    void prep_compound(u8 i, Pfn head, u8 order) { compounds_[i] = {head, order}; }
    void dissolve_compound(u8 i) { compounds_[i] = {}; }
    [[nodiscard]] const Compound& compound(u8 i) const { return compounds_[i]; }
    // Overwrites what a frame contains: by a store, or (real kernel) because that is what its memory was
    // found to hold.
    void write(Pfn p, const Contents& c);
    // A frame that v maps and that reads as v's initialisation leaves it is from now on just that, whoever
    // has v later.
    void settle(Pfn p, Vpage v);
    // Whether it is.
    [[nodiscard]] bool is_settled(Pfn p, Vpage v) const {
        const Contents& c = contents_[p.value];
        if (c.kind == Contents::Kind::implicit) return !frame(p).released && boot_vpage(p) == v;
        return c == Contents::fresh(v);
    }

    // ---- events
    // A block from node nid, else (unless this_node) from the others in order; nothing if there is none. Not
    // yet anybody's.
    [[nodiscard]] std::optional<Pfn> take_block(Nid nid, Order order, bool this_node);
    [[nodiscard]] std::optional<Pfn> take_contig(Nid nid, Order order);    // of that node, any order
    [[nodiscard]] std::optional<Pfn> take_in_block(u8 block, Order order); // of that hot-added block
    void give_block(Pfn p, Order order);
    void give_range(Pfn start, u64 nr); // [start, start + nr), in the largest blocks that fit
    // A single frame for kernel use: detached, contents junk. `order` is 0.
    [[nodiscard]] std::optional<Pfn> alloc_page(Nid nid, bool this_node);
    // The same, but of that frame, which is free: for who enumerates what the allocator may choose.
    [[nodiscard]] std::optional<Pfn> alloc_this_page(Pfn p);
    [[nodiscard]] std::optional<Pfn> alloc_this_table(Pfn p);
    void free_page(Pfn p);
    void free_bootmem_page(Pfn p);
    void split_page(Pfn p);
    [[nodiscard]] std::optional<Pfn> alloc_table(Nid nid);
    void free_table(Pfn table);
    void set_pte(PteRef r, Pte pte);
    // A detached frame becomes the zone's page of tails for an order, which has none yet.
    void publish_tail(const SharedTail& t);
    void install_table(u64 pmd_idx, Pfn table);
    void order_stores() { unordered_.clear(); }
    void note_store(Pfn p);
    [[nodiscard]] bool is_unordered(Pfn p) const;
    void flush_tlb(Vpage start, Vpage end);
    void flush_tlb_all();
    // An order-0 page that may also come from highmem (__GFP_HIGHMEM).
    [[nodiscard]] std::optional<Pfn> alloc_highmem_page(Nid nid, bool this_node);
    // The vmalloc range: an entry changes, and with it who has the frames.
    void set_vmalloc_pte(Vmap v, Pte pte);
    void install_vmalloc_table(Vmap v, Pfn table);
    [[nodiscard]] const Vmalloc& vmalloc() const { return vmalloc_; }
    [[nodiscard]] Vmalloc& vmalloc() { return vmalloc_; }
    [[nodiscard]] u64 tag(Pfn p) const { return tags_[p.value].value; }
    void set_tag(Pfn p, u64 tag) { tags_.set(p.value, PageTag{tag}); }
    // CPUs. At boot only the boot CPU is online.
    [[nodiscard]] bool is_online(u8 cpu) const { return online_ >> cpu & 1; }
    void set_online(u8 cpu, bool on) { online_ = (online_ & ~(u64{1} << cpu)) | u64{on} << cpu; }
    void set_lock(Lock l, bool held);
    [[nodiscard]] bool is_locked(Lock l) const { return lock_depth_[static_cast<u8>(l)] > 0; }
    // What belongs to who runs: the locks it holds, its stores that no barrier has ordered yet. Of several
    // tasks on one machine each has its own, and the machine has those of the one that runs.
    struct Running {
        std::array<u8, 4> lock_depth{};
        std::vector<Pfn> unordered{};
    };
    void exchange(Running& r) {
        std::swap(lock_depth_, r.lock_depth);
        std::swap(unordered_, r.unordered);
    }

    // ---- memory blocks
    // Adds hot block `b` to a node. Its vmemmap comes from `vmemmap` on (whole PMD leaves); the rest goes to
    // the buddy.
    void add_block(u8 b, Nid nid, Pfn vmemmap, bool self_hosted);
    // Before the page allocator is up. The vmemmap under a PMD is not populated yet: the frames that boot had
    // behind it are memblock's. Needs: all of it is as at boot.
    void unpopulate(u64 pmd_idx);
    [[nodiscard]] bool is_as_at_boot(u64 pmd_idx) const;
    // The lowest frame that memblock has on a node, detached; or nothing.
    [[nodiscard]] std::optional<Pfn> alloc_memblock(Nid nid);
    void free_memblock(Pfn p); // a detached one
    // vmemmap_populate() with memblock's pages: what is mapped stays. Needs: there is memory.
    void populate(Vpage start, Vpage end);
    // The page allocator gets what memblock has. Calls f(p) for each frame.
    template <class F>
    void end_memblock(F&& f) {
        std::vector<Pfn> free;
        frames_.for_each(0, config_.nr_frames(), [&](u64 i, const Frame& x) {
            if (x.owner == Owner::memblock) free.push_back(Pfn{i});
        });
        for (const Pfn p : free) release(p), f(p);
    }
    // Somebody initialises the struct pages of vmemmap page v, for who has the memory that they describe.
    void init_struct_pages(Vpage v);
    [[nodiscard]] const HotBlock& hot_block(u8 b) const { return hot_[b]; }
    // Memory pressure: this many pages of the node's free memory are not to be had.
    void set_pressure(Nid nid, u64 nr) { pressure_[nid.value] = nr; }
    [[nodiscard]] u64 pressure(Nid nid) const { return pressure_[nid.value]; }
    [[nodiscard]] u64 nr_free_pages(Nid nid) const; // that can be had without __GFP_HIGHMEM
    [[nodiscard]] u64
    nr_free_or_held_pages(Nid nid) const; // all: also those under memory pressure, and highmem
    [[nodiscard]] u64 nr_free_highmem_pages(Nid nid) const;
    [[nodiscard]] const Buddy& buddy() const { return buddy_; }

    // What makes two machines' differences: calls frames(p, a, b), ptes(ref, a, b), contents(p, a, b).
    template <class F, class P, class C>
    static void diff(const Machine& a, const Machine& b, F&& frames, P&& ptes, C&& contents) {
        RadixArray<Frame>::diff(a.frames_, b.frames_, [&](u64 i, const Frame& x, const Frame& y) {
            frames(Pfn{i}, x, y);
            return true;
        });
        RadixArray<Pte>::diff(a.ptes_, b.ptes_, [&](u64 i, const Pte& x, const Pte& y) {
            ptes(PteRef{Pfn{i >> a.pmd_shift_}, static_cast<u32>(i & ((u64{1} << a.pmd_shift_) - 1))}, x, y);
            return true;
        });
        RadixArray<Contents>::diff(a.contents_, b.contents_,
                                   [&](u64 i, const Contents& x, const Contents& y) {
                                       contents(Pfn{i}, x, y);
                                       return true;
                                   });
    }

    [[nodiscard]] u64 hash() const;
    bool operator==(const Machine&) const = default;

    Counters counters{};
    Tally tally{};
    std::array<Walker, nr_walkers> walkers{};

private:
    [[nodiscard]] Area area_of(Pfn p) const;
    [[nodiscard]] u8 node_at(Pfn p) const;          // p is in no hot block
    [[nodiscard]] bool is_boot_memory(Pfn p) const; // behind a node's vmemmap since boot, never freed
    [[nodiscard]] std::optional<u8> hot_vmemmap_block(Pfn p) const;
    [[nodiscard]] std::optional<Pfn> leaf_head(u64 pmd_idx) const;
    [[nodiscard]] std::optional<Pfn> take_from_node(Nid nid, Order order, bool contig);
    [[nodiscard]] Area highmem_area(u8 nid) const {
        return static_cast<Area>(config_.nr_nodes + max_hot_blocks + nid);
    }
    [[nodiscard]] u64 nr_lowmem_pages(Nid nid) const;
    std::optional<Pfn> detach(std::optional<Pfn> p);
    template <class F>
    bool any_area(Nid nid, F&& f) const;
    void set_owner(Pfn p, Frame& f, Owner owner);
    void release(Pfn p);
    [[nodiscard]] bool add_stale(Vpage v, Pte pte);
    void drop_stale(Vpage v);
    void count_pte(Pfn p, int delta, bool stale);
    [[nodiscard]] std::vector<std::pair<u64, Pte>> entries_of(Pfn table) const; // by index into ptes_

    Config config_{};
    u8 pmd_shift_{};
    RadixArray<Frame> frames_;
    RadixArray<Contents> contents_;
    RadixArray<Pte> ptes_;        // by table frame and entry
    RadixArray<Pte> pmds_;        // by PMD: the installed table; not present: as boot or hot-plug left it
    RadixArray<StaleSet> stale_;  // by vmemmap page
    RadixArray<Mark> stale_leaf_; // by PMD: some CPU may still use the leaf that was there
    RadixArray<Mark> absent_;     // by PMD: not populated when the others were
    RadixArray<Mark> split_;      // by PMD: split_page() was called for the block that its leaf mapped
    Buddy buddy_;
    std::array<Compound, max_compounds> compounds_{};
    std::array<HotBlock, max_hot_blocks> hot_{};
    std::array<u64, max_nodes> pressure_{};
    std::array<u8, 4> lock_depth_{};
    Vmalloc vmalloc_;
    RadixArray<PageTag> tags_; // by frame
    u64 online_{};             // mask of CPUs
    std::vector<SharedTail> shared_tails_;
    std::vector<Pfn> unordered_; // frames with stores that no barrier has ordered yet
};

} // namespace mmodel

#include "model/machine/lookups.hpp"
