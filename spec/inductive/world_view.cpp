// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/inductive/world_view.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "spec/inductive/invariant.hpp"
#include "spec/judge/monitor.hpp"

namespace mmodel::symbolic {
namespace {

constexpr u64 max_vpages_of_a_folio = 64; // larger ones are looked at on small machines only

class HvoView {
public:
    explicit HvoView(const World& w) : w_(w), m_(w.machine()), small_(m_.config().nr_frames() <= all_frames) {
        for (u8 i = 0; i < max_folios; ++i) {
            const hvo::FolioSlot& s = w.pool().slots[i];
            if (s.state == hvo::SlotState::none) continue;
            if (!m_.geometry().optimizable_pages(w.pool().folio(m_.geometry(), i).order)) continue;
            if (end(i) - start(i) <= max_vpages_of_a_folio || small_) folios_.push_back(i);
        }
        std::set<u64> pages;
        for (const int k : folios_)
            for (u64 v = start(k); v < end(k); ++v) pages.insert(v);
        const u64 all = m_.geometry().vpage_of(Pfn{m_.config().nr_frames()}).value;
        for (u64 v = 0; small_ && v < all; ++v)
            if (m_.translate(Vpage{v}).present()) pages.insert(v);
        vpages_.assign(pages.begin(), pages.end());
        std::set<u64> frames;
        for (const u64 v : vpages_) {
            const Pfn p = m_.translate(Vpage{v}).pfn();
            frames.insert(p.value);
            ++mappers_[p.value];
            if (const Pmd d = m_.pmd(pmd_of(v)); d.kind == Pmd::Kind::table) tables_.insert(d.pfn.value);
        }
        std::set<u64> pmds;
        for (const u64 v : vpages_) pmds.insert(pmd_of(v));
        for (u64 d = 0; small_ && d * m_.geometry().ptrs_per_pte < all; ++d) pmds.insert(d);
        pmds_.assign(pmds.begin(), pmds.end());
        frames.insert(tables_.begin(), tables_.end());
        for (u64 f = 0; small_ && f < m_.config().nr_frames(); ++f)
            if (m_.is_populated(Pfn{f})) frames.insert(f);
        frames_.assign(frames.begin(), frames.end());
    }

    [[nodiscard]] const std::vector<u64>& pmds() const { return pmds_; }
    [[nodiscard]] const std::vector<u64>& vpages() const { return vpages_; }
    [[nodiscard]] const std::vector<u64>& frames() const { return frames_; }
    [[nodiscard]] const std::vector<int>& folios() const { return folios_; }
    [[nodiscard]] u64 start(int k) const { return m_.geometry().vpage_of(folio(k).head).value; }
    [[nodiscard]] u64 end(int k) const { return start(k) + m_.geometry().vmemmap_pages(folio(k).order); }
    [[nodiscard]] int folio_at(u64 v) const {
        for (const int k : folios_)
            if (v >= start(k) && v < end(k)) return k;
        return -1;
    }
    [[nodiscard]] u64 pmd_of(u64 v) const { return m_.pmd_idx(Vpage{v}); }
    [[nodiscard]] bool is_leaf(u64 p) const { return m_.pmd(p).kind != Pmd::Kind::table; }
    [[nodiscard]] bool has_table_of_its_own(u64 p) const {
        const Pmd d = m_.pmd(p);
        const Frame& f = m_.frame(d.pfn);
        return d.kind == Pmd::Kind::table && f.owner == Owner::page_table && f.installed == p + 1;
    }
    [[nodiscard]] bool leaf_is_as_booted(u64 p) const {
        const Pmd d = m_.pmd(p);
        if (d.kind != Pmd::Kind::leaf) return d.kind == Pmd::Kind::none;
        for (u64 i = 0; i < m_.geometry().ptrs_per_pte; ++i)
            if (m_.frame(d.pfn + i).released) return false;
        return true;
    }
    [[nodiscard]] bool is_self_hosted(u64 p) const {
        const Vpage v{p * m_.geometry().ptrs_per_pte};
        for (u8 b = 0; b < max_hot_blocks; ++b) {
            if (!m_.hot_block(b).present || !m_.hot_block(b).self_hosted) continue;
            const Vpage start = m_.geometry().vpage_of(m_.config().hot_block_start(b));
            if (v >= start && v < start + m_.config().vmemmap_frames(m_.config().hot_block_frames))
                return true;
        }
        return false;
    }
    [[nodiscard]] bool is_block_split(u64 p) const {
        const u64 ptrs = m_.geometry().ptrs_per_pte;
        for (u64 v = p * ptrs; v < (p + 1) * ptrs; ++v)
            if (const Pte e = m_.translate(Vpage{v}); e.present() && m_.is_under_unsplit_block(e.pfn()))
                return false;
        return true;
    }
    [[nodiscard]] bool is_optimised(int k) const { return k >= 0 && hvo::is_optimised(m_, folio(k).head); }
    [[nodiscard]] bool maps_vmemmap_frame(u64 v) const {
        return is_vmemmap(m_.translate(Vpage{v}).pfn().value);
    }
    [[nodiscard]] bool is_writable(u64 v) const { return m_.translate(Vpage{v}).writable(); }
    [[nodiscard]] bool is_alone(u64 v, u64 lo, u64 hi) const {
        const Pfn p = m_.translate(Vpage{v}).pfn();
        u64 here = 0;
        for (u64 w = lo; w < hi; ++w) here += m_.translate(Vpage{w}).pfn() == p;
        return mappers_.at(p.value) == here && m_.frame(p).nr_ptes <= here;
    }
    [[nodiscard]] bool is_settled(u64 v) const {
        return m_.is_settled(m_.translate(Vpage{v}).pfn(), Vpage{v});
    }
    [[nodiscard]] bool walker_may_write(u64 v) const {
        return std::ranges::any_of(m_.walkers, [&](const Walker& x) {
            return x.inside && x.may_write && m_.geometry().vpage_of(x.page) == Vpage{v};
        });
    }
    [[nodiscard]] bool is_hugetlb(int k) const {
        return w_.pool().slots[static_cast<std::size_t>(k)].state == hvo::SlotState::hugetlb;
    }
    [[nodiscard]] bool reads_flagged_head(int k) const {
        Contents head = m_.freshly_initialised(Vpage{start(k)});
        head.optimised = true;
        return m_.read(m_.translate(Vpage{start(k)}).pfn()) == head;
    }
    [[nodiscard]] bool is_same_frame(u64 a, u64 b) const {
        return m_.translate(Vpage{a}).pfn() == m_.translate(Vpage{b}).pfn();
    }
    // What a leaf maps has been the vmemmap's since boot; the machine writes it down when that changes.
    [[nodiscard]] bool is_vmemmap(u64 f) const {
        const Frame& x = m_.frame(Pfn{f});
        if (x.owner != Owner::other) return x.owner == Owner::vmemmap;
        return !x.released && m_.boot_vpage(Pfn{f}).has_value();
    }
    [[nodiscard]] bool is_mapped(u64 f) const { return mappers_.contains(f); }
    [[nodiscard]] bool is_page_table(u64 f) const {
        // Tables of the vmalloc range are none of the vmemmap's.
        return m_.frame(Pfn{f}).owner == Owner::page_table && m_.frame(Pfn{f}).installed != ~u64{0};
    }
    [[nodiscard]] bool is_installed(u64 f) const {
        if (tables_.contains(f)) return true;
        const u64 at = m_.frame(Pfn{f}).installed;
        return at && at != ~u64{0} && m_.pmd(at - 1) == Pmd{Pmd::Kind::table, Pfn{f}};
    }
    [[nodiscard]] bool is_reserved(u64 f) const { return m_.is_reserved(Pfn{f}); }
    [[nodiscard]] bool is_detached(u64 f) const { return m_.frame(Pfn{f}).owner == Owner::detached; }
    [[nodiscard]] bool key_counts_optimised() const {
        i64 n = 0;
        for (u8 i = 0; i < max_folios; ++i)
            n += w_.pool().slots[i].state == hvo::SlotState::hugetlb &&
                 hvo::is_optimised(m_, w_.pool().slots[i].head);
        return m_.counters.static_key == n;
    }
    [[nodiscard]] bool memmap_is_true() const { return m_.counters.memmap == m_.tally.vmemmap_buddy; }
    [[nodiscard]] bool memmap_boot_is_true() const {
        return m_.counters.memmap_boot == m_.tally.vmemmap_boot;
    }
    [[nodiscard]] bool has_no_stale() const { return !m_.has_stale(); }
    [[nodiscard]] bool has_no_lock() const {
        return !m_.is_locked(Lock::page_table) && !m_.is_locked(Lock::mmap_read);
    }
    [[nodiscard]] bool has_no_private_table() const { return m_.tally.private_tables == 0; }
    [[nodiscard]] bool has_no_unordered_store() const {
        return std::ranges::none_of(frames_, [&](u64 f) { return m_.is_unordered(Pfn{f}); });
    }

private:
    [[nodiscard]] hvo::Folio folio(int k) const { return w_.pool().folio(m_.geometry(), static_cast<u8>(k)); }

    const World& w_;
    const Machine& m_;
    bool small_;
    std::vector<u64> pmds_, vpages_, frames_;
    std::vector<int> folios_;
    std::map<u64, u64> mappers_; // how many of the pages looked at map a frame
    std::set<u64> tables_;
};

// A place where a chunk may be is a chunk's id, or, behind these, addresses that are reserved for none.
class PercpuView {
public:
    explicit PercpuView(const World& w) : m_(w.machine()), p_(w.pcpu()) {
        for (pcpu::ChunkId id = 0; p_.booted && id < p_.chunks.end_id(); ++id)
            if (p_.chunks.is_live(id) && id != p_.first_chunk && id != p_.reserved_chunk)
                chunks_.push_back(id);
        for (int cpu = 0; p_.booted && cpu < p_.nr_cpu_ids(); ++cpu)
            if (p_.is_possible(cpu)) cpus_.push_back(static_cast<u64>(cpu));
        for (const VmapArea& a : m_.vmalloc().areas())
            if (p_.booted && !a.lazy && !is_of_a_chunk(a)) orphans_.push_back(a.start);
        for (u64 i = 0; i < orphans_.size(); ++i) chunks_.push_back(u64{p_.chunks.end_id()} + i);
        for (const u64 k : chunks_)
            for (const u64 u : cpus_)
                for (u64 i = 0; i < nr_pages(); ++i)
                    if (const Pte e = pte(k, u, i); e.present()) ++mappers_[e.pfn().value];
        for (const auto& [f, n] : mappers_) frames_.push_back(f);
    }
    [[nodiscard]] const std::vector<u64>& chunks() const { return chunks_; }
    [[nodiscard]] const std::vector<u64>& cpus() const { return cpus_; }
    [[nodiscard]] const std::vector<u64>& frames() const { return frames_; }
    [[nodiscard]] u64 nr_pages() const { return static_cast<u64>(p_.layout.unit_pages); }
    [[nodiscard]] bool is_mapped(u64 k, u64 u, u64 i) const { return pte(k, u, i).present(); }
    [[nodiscard]] bool is_writable(u64 k, u64 u, u64 i) const { return pte(k, u, i).writable(); }
    [[nodiscard]] bool is_unflushed(u64 k, u64 u, u64 i) const {
        return m_.vmalloc().cache(at(k, u, i)).unflushed;
    }
    [[nodiscard]] bool is_uncached(u64 k, u64 u, u64 i) const {
        return m_.vmalloc().cache(at(k, u, i)) == CacheState{};
    }
    [[nodiscard]] bool is_stale(u64 k, u64 u, u64 i) const {
        return m_.vmalloc().stale(at(k, u, i)).pte.front().present();
    }
    [[nodiscard]] bool has_table(u64 k, u64 u, u64 i) const {
        return m_.vmalloc().table(at(k, u, i)).present();
    }
    [[nodiscard]] bool is_alone(u64 k, u64 u, u64 i) const {
        const Pte e = pte(k, u, i);
        return !e.present() || (is_vmalloc(e.pfn().value) && m_.frame(e.pfn()).nr_ptes == 1);
    }
    [[nodiscard]] bool names_chunk(u64 k, u64 u, u64 i) const {
        const Pte e = pte(k, u, i);
        return !e.present() || !is_live(k) || m_.tag(e.pfn()) == pcpu::tag_of(static_cast<pcpu::ChunkId>(k));
    }
    [[nodiscard]] bool is_live(u64 k) const { return k < p_.chunks.end_id(); }
    [[nodiscard]] bool is_populated(u64 k, u64 i) const {
        return is_live(k) && chunk(k).populated.test(static_cast<int>(i));
    }
    [[nodiscard]] bool is_lazy(u64) const { return false; } // addresses given back are no place
    [[nodiscard]] bool is_reserved(u64 k) const {
        for (const u64 u : cpus_) {
            const VmapArea* a = m_.vmalloc().area_at(at(k, u, 0));
            if (!a || a->lazy) return false;
        }
        return true;
    }
    [[nodiscard]] bool has_array() const { return !p_.pages.empty(); }
    [[nodiscard]] bool is_vmalloc(u64 f) const { return m_.frame(Pfn{f}).owner == Owner::vmalloc; }
    [[nodiscard]] bool is_mapped_somewhere(u64 f) const { return mappers_.contains(f); }
    [[nodiscard]] bool is_detached(u64 f) const { return m_.frame(Pfn{f}).owner == Owner::detached; }
    // Every frame of the range is a possible CPU's page of a chunk, or the first chunk's.
    [[nodiscard]] bool has_no_surplus() const {
        i64 nr = 0;
        for (const auto& [f, n] : mappers_) nr += static_cast<i64>(n);
        return m_.tally.vmalloc == nr + first_mapped();
    }
    [[nodiscard]] bool populated_is_true() const {
        i64 nr = 0;
        for (const u64 k : chunks_)
            if (is_live(k)) nr += chunk(k).populated.count(0, static_cast<int>(nr_pages()));
        return p_.nr_populated == nr + (p_.booted ? spec::nr_pages_from_boot(p_) : 0);
    }
    [[nodiscard]] bool objects_are_true() const {
        return m_.tally.objects ==
               static_cast<i64>((chunks_.size() - orphans_.size()) * pcpu::objects_per_chunk +
                                u64{!p_.pages.empty()});
    }
    [[nodiscard]] bool has_no_lock() const { return !m_.is_locked(Lock::spin) && !m_.is_locked(Lock::mutex); }

private:
    [[nodiscard]] const pcpu::Chunk& chunk(u64 k) const { return p_.chunks[static_cast<pcpu::ChunkId>(k)]; }
    // One of its groups' areas.
    [[nodiscard]] bool is_of_a_chunk(const VmapArea& a) const {
        for (pcpu::ChunkId id = 0; id < p_.chunks.end_id(); ++id)
            for (const u64 u : cpus_)
                if (p_.chunks.is_live(id) && pcpu::Pcpu::is_vmalloc_addr(p_.chunks[id].base_addr) &&
                    m_.vmalloc().area_at(at(id, u, 0)) == &a)
                    return true;
        return false;
    }
    [[nodiscard]] Vmap at(u64 k, u64 cpu, u64 i) const {
        if (!is_live(k)) return orphans_[k - p_.chunks.end_id()];
        return p_.chunk_vmap(chunk(k), static_cast<int>(cpu), static_cast<int>(i));
    }
    [[nodiscard]] Pte pte(u64 k, u64 cpu, u64 i) const { return m_.vmalloc().pte(at(k, cpu, i)); }
    [[nodiscard]] i64 first_mapped() const {
        if (!p_.booted || !pcpu::Pcpu::is_vmalloc_addr(p_.base_addr)) return 0;
        return i64{p_.layout.unit_pages} * i64{p_.nr_possible()};
    }

    const Machine& m_;
    const pcpu::Pcpu& p_;
    std::vector<u64> chunks_, cpus_, frames_;
    std::vector<Vmap> orphans_;
    std::map<u64, u64> mappers_;
};

} // namespace

namespace {

// Calls say(name, holds) for every conjunct.
template <class Say>
void say_all(const World& w, bool hvo, bool percpu, Say&& say) {
    if (hvo) hvo_invariant<bool>(HvoView(w), say);
    if (percpu && w.pcpu().booted) percpu_invariant<bool>(PercpuView(w), say);
}

std::string first_broken(const World& w, bool hvo, bool percpu) {
    std::string broken;
    say_all(w, hvo, percpu, [&](const char* name, bool holds) {
        if (!holds && broken.empty()) broken = name;
    });
    return broken;
}

} // namespace

std::string broken_hvo_invariant(const World& w) { return first_broken(w, true, false); }
std::string broken_percpu_invariant(const World& w) { return first_broken(w, false, true); }

std::map<std::string, u64> nr_conjuncts(const World& w) {
    std::map<std::string, u64> nr;
    say_all(w, true, true, [&](const char* name, bool) { ++nr[name]; });
    return nr;
}

} // namespace mmodel::symbolic
