// SPDX-License-Identifier: GPL-2.0 OR MIT
// The machine of model/machine/machine.hpp, as far as HVO's algorithms and the primitives of kernel.hpp use
// it, with formulas for what it stores. Questions that steer control flow are decided path by path (Paths);
// everything else stays a formula over the state before the operation.
#pragma once

#include <optional>
#include <ranges>

#include "model/hvo/pool.hpp"
#include "spec/symbolic/paths.hpp"
#include "spec/symbolic/terms.hpp"

namespace mmodel::symbolic {

// Folios at fixed places over a few PMDs, and frames: those that boot mapped, first, and some more.
struct HvoShape {
    const char* name;
    Geometry geometry;
    u64 nr_pmds;
    std::vector<hvo::Folio> folios; // by slot
    std::vector<u8> sizes;          // of each, into geometry.folio_order
    u64 nr_spare;                   // frames beyond those that boot mapped
    std::vector<u16> lists;         // masks that list operations are run with

    [[nodiscard]] u64 nr_vpages() const { return nr_pmds * geometry.ptrs_per_pte; }
    [[nodiscard]] u64 nr_frames() const { return nr_vpages() + nr_spare; }
};

// Contents that were ever met, by a number that a cell can hold. The first codes are the same in every run.
class ContentsCodes {
public:
    explicit ContentsCodes(const HvoShape& s);
    static constexpr u64 junk = 0;
    [[nodiscard]] static u64 fresh(u64 v) { return 1 + v; }
    [[nodiscard]] u64 flagged_head(int k) const { return 1 + nr_vpages_ + static_cast<u64>(k); }
    [[nodiscard]] u64 of(const Contents& c);
    [[nodiscard]] const Contents& operator[](u64 code) const { return all_[code < all_.size() ? code : 0]; }
    [[nodiscard]] u64 size() const { return all_.size(); }

private:
    u64 nr_vpages_;
    std::vector<Contents> all_;
};

// What is there at rest. Also the view that invariant.hpp asks.
struct HvoState {
    enum Kind : u64 { boot, hot, self_hosted };                 // where a PMD's vmemmap came from
    enum Place : u64 { other, vmemmap, table, detached, free }; // who has a frame
    enum Slot : u64 { none, lru, hugetlb };

    // Any state at all: a name for every cell.
    HvoState(z3::context& c, const HvoShape& s, const ContentsCodes& codes);
    // The state that boot leaves, with every PMD's vmemmap from anywhere.
    static HvoState booted(z3::context& c, const HvoShape& s, const ContentsCodes& codes);

    z3::context& c;
    const HvoShape& shape;
    const ContentsCodes& codes;
    unsigned bits;                       // of a frame number
    Terms leaf, split, table_of, kind;   // by PMD
    Terms frame_of, writable;            // by vmemmap page: its entry, where the PMD is a table
    Terms place, released, contents;     // by frame
    Terms slot;                          // by folio
    Count key, memmap_drift, boot_drift; // counters; the last two: by how much they differ from the truth
    Term enabled, walker_inside, walker_may, walker_at;
    // What is only there while an operation runs.
    u64 nr_private_tables{};
    bool locked{};
    Term stale, unordered;

    [[nodiscard]] Term is(const Terms& cells, u64 i, u64 value) const {
        return cells[i] == number(c, value, cells[i].get_sort().bv_size());
    }
    [[nodiscard]] Term frame(u64 v) const {
        return z3::ite(leaf[pmd_of(v)], number(c, v, bits), frame_of[v]);
    }
    [[nodiscard]] u64 pmd_of(u64 v) const { return v / shape.geometry.ptrs_per_pte; }

    // ---- the view
    [[nodiscard]] u64 nr_pmds() const { return shape.nr_pmds; }
    [[nodiscard]] auto pmds() const { return std::views::iota(u64{0}, nr_pmds()); }
    [[nodiscard]] std::vector<u64> vpages() const;
    [[nodiscard]] std::vector<u64> frames() const;
    [[nodiscard]] std::vector<int> folios() const;
    [[nodiscard]] int folio_at(u64 v) const;
    [[nodiscard]] u64 start(int k) const;
    [[nodiscard]] u64 end(int k) const;
    [[nodiscard]] Term is_leaf(u64 p) const { return leaf[p]; }
    [[nodiscard]] Term has_table_of_its_own(u64 p) const;
    [[nodiscard]] Term leaf_is_as_booted(u64 p) const;
    [[nodiscard]] Term is_self_hosted(u64 p) const { return is(kind, p, self_hosted); }
    [[nodiscard]] Term is_block_split(u64 p) const { return !is(kind, p, hot) || split[p]; }
    [[nodiscard]] Term is_optimised(int k) const;
    [[nodiscard]] Term maps_vmemmap_frame(u64 v) const;
    [[nodiscard]] Term is_writable(u64 v) const { return leaf[pmd_of(v)] || writable[v]; }
    [[nodiscard]] Term is_alone(u64 v, u64 lo, u64 hi) const;
    [[nodiscard]] Term is_settled(u64 v) const;
    [[nodiscard]] Term walker_may_write(u64 v) const;
    [[nodiscard]] Term is_hugetlb(int k) const { return is(slot, static_cast<u64>(k), hugetlb); }
    [[nodiscard]] Term reads_flagged_head(int k) const;
    [[nodiscard]] Term is_same_frame(u64 a, u64 b) const { return frame(a) == frame(b); }
    [[nodiscard]] Term is_vmemmap(u64 f) const { return is(place, f, vmemmap); }
    [[nodiscard]] Term is_mapped(u64 f) const;
    [[nodiscard]] Term is_page_table(u64 f) const { return is(place, f, table); }
    [[nodiscard]] Term is_installed(u64 f) const;
    [[nodiscard]] Term is_reserved(u64 f) const;
    [[nodiscard]] Term is_detached(u64 f) const { return is(place, f, detached); }
    [[nodiscard]] Term key_counts_optimised() const;
    [[nodiscard]] Term memmap_is_true() const { return memmap_drift.term() == 0; }
    [[nodiscard]] Term memmap_boot_is_true() const { return boot_drift.term() == 0; }
    [[nodiscard]] Term has_no_stale() const { return !stale; }
    [[nodiscard]] Term has_no_lock() const { return c.bool_val(!locked); }
    [[nodiscard]] Term has_no_private_table() const { return c.bool_val(nr_private_tables == 0); }
    [[nodiscard]] Term has_no_unordered_store() const { return !unordered; }

    // Frame numbers are frames, enumerations what they can be: of any state, no invariant.
    [[nodiscard]] Term well_formed() const;
    [[nodiscard]] std::string show(const z3::model& m) const;
};

// What initialisation leaves in vmemmap page v of this folio.
Contents initialised(const HvoShape& s, const hvo::Folio& f, u64 v);

class HvoMachine {
public:
    HvoMachine(Paths& p, const HvoShape& s, const HvoState& before, ContentsCodes& codes);

    // ---- as in model/machine/machine.hpp
    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] const Geometry& geometry() const { return shape_.geometry; }
    [[nodiscard]] Nid nid_of(Pfn) const { return Nid{0}; }
    [[nodiscard]] u64 pmd_idx(Vpage v) const { return now.pmd_of(v.value); }
    [[nodiscard]] Pmd pmd(u64 idx) const;
    [[nodiscard]] PteRef pte_ref(Vpage v) const;
    [[nodiscard]] Pte pte(PteRef r) const;
    [[nodiscard]] Pte translate(Vpage v) const { return Pte::map(handles_.of(now.frame(v.value)), true); }
    [[nodiscard]] bool is_reserved(Pfn p) const { return paths_.decide(reserved(p)); }
    [[nodiscard]] bool is_self_hosted(Pfn p) const;
    [[nodiscard]] Contents read(Pfn p) const;
    void write(Pfn p, const Contents& c);
    void settle(Pfn p, Vpage v);
    [[nodiscard]] std::optional<Pfn> alloc_page(Nid, bool);
    [[nodiscard]] std::optional<Pfn> alloc_highmem_page(Nid n, bool t) { return alloc_page(n, t); }
    [[nodiscard]] std::optional<Pfn> alloc_table(Nid);
    [[nodiscard]] std::optional<Pfn> alloc_this_page(Pfn p) { return take(frame(p), HvoState::detached); }
    [[nodiscard]] std::optional<Pfn> alloc_this_table(Pfn p);
    void free_page(Pfn p);
    void free_bootmem_page(Pfn p) { free_page(p); }
    void free_table(Pfn table);
    void split_page(Pfn p);
    [[nodiscard]] std::optional<Vpage> installed_at(PteRef r) const;
    void set_pte(PteRef r, Pte pte);
    void install_table(u64 idx, Pfn table);
    void order_stores() { unordered_.clear(); }
    void note_store(Pfn p) { unordered_.push_back({frame(p), paths_true()}); }
    void flush_tlb(Vpage start, Vpage end);
    void flush_tlb_all();
    void set_lock(Lock l, bool held) { depth_[static_cast<u8>(l)] += held ? 1 : -1; }
    [[nodiscard]] bool is_locked(Lock l) const { return depth_[static_cast<u8>(l)] > 0; }
    void prep_compound(u8 i, Pfn, u8) { now.slot[i] = number(now.c, HvoState::hugetlb, 2); }
    void dissolve_compound(u8 i) { now.slot[i] = number(now.c, HvoState::none, 2); }
    void give_range(Pfn, u64) {}
    [[nodiscard]] std::optional<Pfn> take_contig(Nid, Order);
    [[nodiscard]] std::optional<Pfn> take_in_block(u8, Order) { return std::nullopt; }
    [[nodiscard]] HotBlock hot_block(u8) const { return {}; }

    struct Counters {
        Count &static_key, &memmap, &memmap_boot;
    };
    // A walker; asking for it decides which it is.
    struct Walkers {
        HvoMachine& m;
        Walker& operator[](u8);
        void fill(const Walker&);
    };

    // ---- for who watches and who runs it
    static constexpr u64 table_handle = u64{1} << 30; // + PMD: the table that was there before the operation
    [[nodiscard]] static bool is_frame(Pfn p) { return p.value < table_handle; }
    [[nodiscard]] Term frame(Pfn p) const { return handles_.term(p); }
    [[nodiscard]] Term reserved(Pfn p) const;
    [[nodiscard]] Term at(const Terms& cells, Pfn p) const { return select(cells, frame(p)); }
    [[nodiscard]] Term is_mapped(Pfn p) const; // also by entries of a table that is not installed
    [[nodiscard]] Term may_be_cached(Pfn p) const;
    [[nodiscard]] Term is_under_unsplit_block(Pfn p) const;
    [[nodiscard]] Term is_unordered(Pfn p) const;
    [[nodiscard]] const std::vector<Pte>& entries(Pfn table) const { return tables_.at(table.value).entries; }
    [[nodiscard]] hvo::SlotState slot_state(u8 i);
    void end(const hvo::Pool& pool, u16 known_slots);
    [[nodiscard]] const ContentsCodes& codes() const { return codes_; }
    [[nodiscard]] u64 code(Pfn p) const { return paths_.pick(at(now.contents, p)); }

    struct Stale {
        u64 v;
        Term frame, writable, when;
    };
    [[nodiscard]] const std::vector<Stale>& stale() const { return stale_; }
    [[nodiscard]] bool is_leaf_stale(u64 p) const { return stale_leaf_[p]; }

    HvoState now;
    Counters counters{now.key, now.memmap_drift, now.boot_drift};
    Walkers walkers{*this};
    std::optional<u8> taking{}; // the folio slot that take_contig() is for

private:
    struct Table {
        std::vector<Pte> entries;
        std::optional<u64> pmd;
    };
    struct Unordered {
        Term frame, when;
    };
    [[nodiscard]] Term paths_true() const { return now.c.bool_val(true); }
    // What holds of a frame that boot or hot-plug mapped, and of its PMD; of others nothing does.
    [[nodiscard]] Term of_boot_frame(const Term& f,
                                     const std::function<Term(u64 frame, u64 pmd)>& holds) const;
    [[nodiscard]] std::optional<Term> any_free();
    [[nodiscard]] Pfn take(const Term& f, HvoState::Place owner);
    [[nodiscard]] Contents resolved(const Contents& c) const;
    void set_live_pte(u64 v, Pte pte);
    friend struct Walkers;

    Paths& paths_;
    const HvoShape& shape_;
    ContentsCodes& codes_;
    Config config_;
    mutable Handles handles_;
    std::map<u64, Table> tables_; // by handle: those that this operation allocated
    std::vector<Stale> stale_;
    std::vector<bool> stale_leaf_;
    std::vector<Unordered> unordered_;
    int depth_[4]{};
    std::optional<Walker> walker_;
};

} // namespace mmodel::symbolic
