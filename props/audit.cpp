// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/audit.hpp"

#include <map>
#include <vector>

#include "model/hvo/boot_operations.hpp"

namespace mmodel {
namespace {

std::string num(i64 n) { return std::to_string(n); }

enum class Has : u8 { nobody, free, vmemmap, table, folio, boot, percpu, embedded, memblock };
constexpr const char* names[] = {"nobody",  "the buddy",   "the vmemmap",    "a page table",
                                 "a folio", "boot memory", "a percpu chunk", "the first percpu chunk",
                                 "memblock"};

class Auditor {
public:
    explicit Auditor(const World& w)
        : w_(w), m_(w.machine()), c_(m_.config()), has_(c_.nr_frames()), nr_ptes_(c_.nr_frames()),
          nr_stale_(c_.nr_frames()) {}

    std::string run() {
        count_free();
        count_vmemmap();
        count_tables();
        count_folios();
        count_boot_memory();
        count_memblock();
        count_vmalloc();
        count_first_chunk();
        m_.for_all_stale([&](Vpage, Pte p) { ++nr_stale_[p.pfn().value]; });
        for (u64 p = 0; p < c_.nr_frames() && wrong_.empty(); ++p) judge_frame(Pfn{p});
        judge_tally();
        judge_free_pages();
        return wrong_;
    }

private:
    void complain(const std::string& why) {
        if (wrong_.empty()) wrong_ = why;
    }
    void expect(i64 counted, i64 said, const std::string& what) {
        if (counted != said) complain(what + ": " + num(counted) + " counted, the machine says " + num(said));
    }
    void give(Pfn p, Has owner) {
        Has& h = has_[p.value];
        if (h != Has::nobody)
            complain("pfn " + num(static_cast<i64>(p.value)) + " belongs to " + names[static_cast<int>(h)] +
                     " and to " + names[static_cast<int>(owner)]);
        h = owner;
    }
    [[nodiscard]] u64 nr_vpages() const { return c_.geometry.vpage_of(Pfn{c_.nr_frames()}).value; }

    void count_free() {
        for (u64 p = 0; p < c_.nr_frames(); ++p)
            if (m_.is_free(Pfn{p})) give(Pfn{p}, Has::free);
    }

    // A frame that several vmemmap pages share is one owner's.
    void count_vmemmap() {
        for (u64 v = 0; v < nr_vpages(); ++v) {
            const Pte pte = m_.translate(Vpage{v});
            if (pte.present() && has_[pte.pfn().value] != Has::vmemmap) give(pte.pfn(), Has::vmemmap);
        }
    }

    void count_tables() {
        std::map<u64, u64> installed; // table frame -> PMDs it is installed in
        for (u64 i = 0; i <= m_.pmd_idx(Vpage{nr_vpages()}); ++i)
            if (const Pmd pmd = m_.pmd(i); pmd.kind == Pmd::Kind::table) {
                ++installed[pmd.pfn.value];
                expect(static_cast<i64>(i + 1), static_cast<i64>(m_.frame(pmd.pfn).installed),
                       "PMD of the table in pfn " + num(static_cast<i64>(pmd.pfn.value)));
            }
        for (const auto& [table, times] : installed) {
            expect(static_cast<i64>(times), 1,
                   "PMDs that hold the table in pfn " + num(static_cast<i64>(table)));
            give(Pfn{table}, Has::table);
        }
        // At rest no table is private.
        for (u64 p = 0; p < c_.nr_frames(); ++p) {
            if (m_.frame(Pfn{p}).owner != Owner::page_table) continue;
            if (!installed.contains(p) && m_.frame(Pfn{p}).installed != ~u64{0}) // of vmalloc
                complain("the table in pfn " + num(static_cast<i64>(p)) + " is installed nowhere");
            for (u32 i = 0; i < c_.geometry.ptrs_per_pte; ++i)
                if (const Pte pte = m_.pte({Pfn{p}, i}); pte.present()) ++nr_ptes_[pte.pfn().value];
        }
    }

    void count_folios() {
        for (u8 i = 0; i < max_folios; ++i) {
            if (w_.pool().slots[i].state == hvo::SlotState::none) continue;
            const hvo::Folio f = w_.pool().folio(c_.geometry, i);
            for (u64 p = 0; p < u64{1} << f.order; ++p) give(f.head + p, Has::folio);
        }
    }

    void count_boot_memory() {
        const u64 gigantic = u64{1} << c_.geometry.folio_order[c_.geometry.nr_hstates() - 1];
        for (u8 n = 0; n < c_.nr_nodes; ++n)
            for (u64 p = 0; p < (c_.boot_gigantic - w_.pool().boot_taken[n]) * gigantic; ++p)
                give(c_.node_start(n) + (c_.frames_per_node - c_.boot_gigantic * gigantic + p), Has::boot);
    }

    // What boot has not handed to the page allocator yet; nothing once no folio is on its way.
    void count_memblock() {
        if (!hvo::is_booting(w_.pool())) return;
        for (u64 p = 0; p < c_.nr_frames(); ++p)
            if (m_.frame(Pfn{p}).owner == Owner::memblock) give(Pfn{p}, Has::memblock);
    }

    // Each mapped page of the vmalloc range has a frame of its own.
    void count_vmalloc() {
        const Vmalloc& vmalloc = m_.vmalloc();
        for (Vmap v{0}; v.value < vmalloc.nr_pages(); ++v) {
            const bool first = v.value % c_.geometry.ptrs_per_pte == 0;
            if (const Pte table = vmalloc.table(v); first && table.present()) give(table.pfn(), Has::table);
            const Pte pte = vmalloc.pte(v);
            if (!pte.present()) continue;
            give(pte.pfn(), Has::percpu);
            ++nr_ptes_[pte.pfn().value];
        }
    }

    // What the embedded first chunk kept of the memory it took: the used part of each CPU's unit.
    void count_first_chunk() {
        const pcpu::Pcpu& p = w_.pcpu();
        if (!p.booted || pcpu::Pcpu::is_vmalloc_addr(p.base_addr)) return;
        const auto& ai = p.layout.ai;
        const u64 used = (ai.static_size + ai.reserved_size + ai.dyn_size) / p.page_bytes();
        for_each_possible_cpu(p, [&](int cpu) {
            const u64 unit = p.base_addr + p.layout.unit_offsets[static_cast<std::size_t>(cpu)];
            for (u64 i = 0; i < used; ++i) give(Pfn{unit / p.page_bytes() + i}, Has::embedded);
        });
    }

    void judge_frame(Pfn p) {
        const Frame& f = m_.frame(p);
        const Has h = has_[p.value];
        const std::string who = "pfn " + num(static_cast<i64>(p.value));
        if ((h != Has::nobody) != m_.is_populated(p))
            complain(who + " is " + (m_.is_populated(p) ? "nobody's" : "somebody's and does not exist"));
        expect(nr_ptes_[p.value], f.nr_ptes, "entries that map " + who);
        expect(nr_stale_[p.value], f.nr_stale, "stale translations to " + who);
        const bool by_leaf = h == Has::vmemmap && nr_ptes_[p.value] == 0; // boot's and hot-plug's: implicit
        const Owner owner = h == Has::table                 ? Owner::page_table
                            : h == Has::percpu              ? Owner::vmalloc
                            : h == Has::vmemmap && !by_leaf ? Owner::vmemmap
                            : h == Has::memblock            ? Owner::memblock
                                                            : Owner::other;
        if (f.owner != owner)
            complain(who + ", of " + names[static_cast<int>(h)] + ", is marked " +
                     num(static_cast<i64>(f.owner)) + " and not " + num(static_cast<i64>(owner)));
        if (m_.is_mapped(p) != (h == Has::vmemmap || h == Has::percpu))
            complain(who + ": is_mapped() is wrong");
        if (h == Has::free) ++free_[m_.nid_of(p).value];
    }

    void judge_tally() {
        Tally t;
        for (u64 p = 0; p < c_.nr_frames(); ++p) {
            const bool boot = m_.is_reserved(Pfn{p}) && !m_.is_self_hosted(Pfn{p});
            if (has_[p] == Has::vmemmap) ++(boot ? t.vmemmap_boot : t.vmemmap_buddy);
            if (has_[p] == Has::table) ++t.tables;
            if (has_[p] == Has::percpu) ++t.vmalloc;
            if (has_[p] == Has::memblock) ++t.memblock;
        }
        expect(t.vmemmap_buddy, m_.tally.vmemmap_buddy, "frames behind the vmemmap from the page allocator");
        expect(t.vmemmap_boot, m_.tally.vmemmap_boot, "frames behind the vmemmap from boot memory");
        expect(t.vmalloc, m_.tally.vmalloc, "frames mapped in the vmalloc range");
        expect(t.tables, m_.tally.tables, "page tables");
        expect(t.memblock, m_.tally.memblock, "frames of memblock");
        expect(0, m_.tally.detached, "detached frames");
        expect(0, m_.tally.private_tables, "private tables");
    }

    void judge_free_pages() {
        for (u8 n = 0; n < c_.nr_nodes; ++n)
            expect(free_[n], static_cast<i64>(m_.nr_free_or_held_pages(Nid{n})),
                   "free pages of node " + num(n));
    }

    const World& w_;
    const Machine& m_;
    const Config& c_;
    std::vector<Has> has_;
    std::vector<u32> nr_ptes_, nr_stale_;
    std::array<i64, max_nodes> free_{};
    std::string wrong_;
};

} // namespace

std::string audit(const World& w) { return Auditor(w).run(); }

} // namespace mmodel
