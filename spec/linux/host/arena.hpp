// SPDX-License-Identifier: GPL-2.0 OR MIT
// Memory for a modelled machine as compiled kernel code sees it: frames in a direct map (always read-write),
// and, page by page and with the PTE's own permissions, the vmemmap and the vmalloc range. Who answers an
// access there is the backend: the host's own page tables (mmap_arena.hpp), or a software MMU (mmu.hpp).
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "model/machine/machine.hpp"
#include "spec/linux/host/shared_pages.hpp"
#include "spec/linux/host/stale.hpp"

namespace mmodel::bench {

// The host refused memory or a mapping. The message says which limit.
struct HostError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Address space of the host's, all zeroes, given back at the end. Throws HostError.
class Reserved {
public:
    // At `wish` if that is free, so that two runs have the same addresses. Aligned to `align`, a power of
    // two.
    Reserved(unsigned long wish, u64 bytes, u64 align, int prot);
    ~Reserved();
    Reserved(const Reserved&) = delete;
    Reserved& operator=(const Reserved&) = delete;
    [[nodiscard]] std::byte* at() const { return at_; }
    [[nodiscard]] unsigned long addr() const { return reinterpret_cast<unsigned long>(at_); }
    [[nodiscard]] u64 bytes() const { return bytes_; }

private:
    void* whole_;
    u64 whole_bytes_, bytes_;
    std::byte* at_;
};

// Who wants to hear of stores of kernel code's, once they are in the frames.
struct StoreListener {
    virtual void stored(Pfn p) noexcept = 0;

protected:
    ~StoreListener() = default;
};

class Arena {
public:
    virtual ~Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // To be written as well.
    [[nodiscard]] std::byte* frame(Pfn p) const {
        if (shared_by(p) != no_page) own(p);
        return memory(p);
    }
    // To be read only.
    [[nodiscard]] const std::byte* contents(Pfn p) const {
        const PageId id = shared_by(p);
        return id == no_page ? memory(p) : pages_[id];
    }
    // Where a frame lies in the direct map, whatever lies there while it shares its contents.
    [[nodiscard]] std::byte* memory(Pfn p) const { return direct_map_.at() + (p.value << shift_); }
    // A frame may share its contents with others, until somebody stores to it. Never with a backend that does
    // not hear of each access.
    [[nodiscard]] PageId shared_by(Pfn p) const { return shared_ ? shared()[p.value] : no_page; }
    // From now on all frames have contents of their own.
    void share_no_more();
    // All of the frame's bytes.
    void fill_frame(Pfn p, std::byte with);
    [[nodiscard]] u64 page() const { return page_; } // bytes
    [[nodiscard]] u64 nr_frames() const { return nr_frames_; }
    [[nodiscard]] unsigned long* pmds() { return pmds_.data(); }
    [[nodiscard]] u64 nr_pmds() const { return pmds_.size(); }
    [[nodiscard]] unsigned long vmemmap() const { return vmemmap_.addr(); }
    [[nodiscard]] unsigned long direct_map() const { return direct_map_.addr(); }
    // The vmalloc range: whole PTE tables, aligned; nothing is mapped at first.
    [[nodiscard]] unsigned long vmalloc() const { return vmalloc_.addr(); }
    [[nodiscard]] unsigned long vmalloc_end() const { return vmalloc() + vmalloc_.bytes(); }
    // Room for what is no frame's: objects of kmalloc() and the like. Plain memory.
    [[nodiscard]] const Reserved& object_space() const { return objects_; }

    // Where an address lies, if it lies there.
    [[nodiscard]] std::optional<Pfn> frame_at(unsigned long addr) const;
    [[nodiscard]] std::optional<Vpage> vpage_at(unsigned long addr) const;
    [[nodiscard]] std::optional<Vmap> vmap_at(unsigned long addr) const;

    // Where the byte at an address of the vmemmap, the vmalloc range or the direct map can be read and
    // written by the bench, to the end of its page; nullptr: nothing is mapped. No permission is asked.
    [[nodiscard]] virtual std::byte* at(unsigned long addr) = 0;
    // The same, for kernel code that writes there.
    [[nodiscard]] virtual std::byte* writable(unsigned long addr) = 0;
    // The same, for whole pages, each of which becomes `page`.
    virtual void put_pages(unsigned long addr, u64 nr, const std::byte* page);
    // The frame behind an address of the vmemmap or the vmalloc range. Nothing: the machine knows.
    [[nodiscard]] virtual std::optional<Pfn> frame_behind(unsigned long) const { return std::nullopt; }
    // What kernel code has stored so far is in the frames from now on.
    virtual void commit() {}
    // As kernel code would copy it, permissions and all.
    virtual void copy(void* to, const void* from, u64 bytes) { std::memcpy(to, from, bytes); }
    // From now on kernel code's accesses are answered from this TLB, where it holds something; nullptr: by
    // the page tables alone. Only a backend that is asked can do so.
    virtual void answer_from(StaleTlb*) {}
    // Until nullptr, the listener is told of stores to frames that are watched: at the next access of the
    // code or event at the latest. No frame is watched at first. Only a backend that hears of each store can
    // do so.
    virtual void tell_stores(StoreListener*) {}
    virtual void watch(Pfn) {}
    // Frames that kernel code may use from now on, or may not any more. At boot: those behind the vmemmap.
    void lend(Pfn start, u64 nr) { set_lent(start, nr, true); }
    void take_back(Pfn start, u64 nr) { set_lent(start, nr, false); }
    [[nodiscard]] bool is_lent(Pfn p) const { return lent_.at()[p.value] != std::byte{0}; }
    // A frame is clean to a reader from keep() on until something is stored to it, by kernel code or, as
    // stored() says, by the bench: what he found in it is still so. Never with a backend that does not hear
    // of each store.
    enum class Reader : u8 { judge = 1, snapshot = 2, sharer = 4 };
    [[nodiscard]] bool is_clean(Pfn p, Reader r) const {
        return clean_ && (clean_->at()[p.value] & std::byte(r)) != std::byte{0};
    }
    void keep(Pfn p, Reader r) const {
        if (clean_) clean_->at()[p.value] |= std::byte(r);
    }
    void stored(Pfn p) {
        if (clean_) clean_->at()[p.value] = std::byte{0};
    }
    // The bench is about to write to these bytes, all in frames.
    void stored(std::span<const std::byte> bytes);
    // Objects and other memory likewise. A backend that does not hear of each access does not care.
    virtual void lend_object(const void*, u64) {}
    virtual void take_back_object(const void*, u64) {}
    virtual void share(const void*, u64, bool) {} // bytes, may be written

    // Pages from `start` on are from now on these frames; no_pfn: nothing.
    virtual void map_vmap(Vmap start, std::span<const Pfn> pages) = 0;
    virtual void unmap_vmap(Vmap start, u64 nr) = 0;
    // One page of the vmemmap from now on is this frame, with this permission; not present: it is nothing.
    virtual void map_page(Vpage v, Pte pte) = 0;
    // The vmemmap under a PMD is a leaf of the machine's, or nothing.
    void map_leaf(const Machine& m, u64 pmd_idx);
    void install_table(u64 pmd_idx, Pfn table);
    // Every PMD that is no longer as it booted is mapped anew, and frames are lent as at boot.
    void reset(const Machine& boot);
    // What is where, beside what frames hold: PMDs, ... and, last, which frames are lent, a byte each.
    // Whoever writes to it calls moved(), and not reset() any more; not with mappings of the host's
    // (mmap_arena.hpp).
    [[nodiscard]] virtual std::vector<std::span<std::byte>> layout();
    void moved() { changed_.clear(), changed_lent_.clear(); }

protected:
    // `prot`: of the direct map and of both ranges, as long as nothing is mapped there.
    Arena(const Machine& boot, int direct_map_prot, int range_prot);
    virtual void show_leaf(u64 pmd_idx, const Pmd& pmd) = 0;

    // What the geometry says: a page is 1 << shift_ bytes, of ptrs_ pages a PMD.
    u64 page_, nr_frames_, nr_vpages_, ptrs_;
    int shift_;
    [[nodiscard]] u64 in_page(unsigned long addr) const { return addr & (page_ - 1); }
    // An entry of a table or a PMD as the shims have it.
    [[nodiscard]] unsigned long entry_of(Pfn p, unsigned long flags) const {
        return p.value << shift_ | flags;
    }
    [[nodiscard]] Pfn pfn_of(unsigned long entry) const { return Pfn{entry >> shift_}; }
    Reserved direct_map_, vmemmap_, vmalloc_, objects_;
    std::vector<unsigned long> pmds_;
    Reserved lent_;                  // a byte a frame
    std::optional<Reserved> clean_;  // likewise
    std::optional<Reserved> shared_; // the number of its contents a frame; no_page: they are its own

    [[nodiscard]] PageId* shared() const { return reinterpret_cast<PageId*>(shared_->at()); }
    // Frames may share contents from now on. `doubt`: what lies where a frame is, is then its contents, too.
    void may_share(bool doubt);
    // Needs: they may.
    void set_contents(Pfn p, PageId page);
    // The contents of a frame, under a number.
    [[nodiscard]] PageId page_of(Pfn p);
    SharedPages pages_;
    bool sharing_{};

private:
    void set_lent(Pfn start, u64 nr, bool on);
    void own(Pfn p) const;
    void forget_pages();

    std::vector<PageId> were_; // by frame: the number its contents had, as long as it is clean to the sharer
    bool doubts_{};

    std::vector<u64> changed_;      // PMDs that are not as at boot
    std::vector<Pfn> changed_lent_; // frames that may not be lent, or not taken back, as at boot
};

} // namespace mmodel::bench
