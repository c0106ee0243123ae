// SPDX-License-Identifier: GPL-2.0 OR MIT
// The software MMU: kernel code is compiled so that each access asks first (shim/common/mmodel_tsan.c), and
// is answered by the page tables that lie in the machine's own frames. No signal, no mapping of the host's: a
// wrong access is an exception, at that access. Of any geometry, on any host.
#pragma once

#include <string>

#include "spec/linux/host/arena.hpp"
#include "spec/linux/shim/common/mmodel_mmu.h"

namespace mmodel::bench {

// Thrown through the kernel code that made a wrong access.
struct BadAccess {
    std::string what;
    bool is_write{};
    bool is_write_to_read_only{}; // through an entry that is there
    const void* pc{};             // in the code, behind the access
};

class Mmu final : public Arena {
public:
    // `poison`: scratch memory is overwritten after each access, so that code which goes around the MMU reads
    // nonsense, and what it wrote is seen at the next access there. Throws HostError.
    Mmu(const Machine& boot, bool poison);

    // From now on the object that has this entry point asks here: an mmodel_mmu_attach(). Its statics are its
    // own memory, as is the stack of the thread that calls.
    void attach(void (*entry)(mmodel_mmu*));

    [[nodiscard]] std::byte* at(unsigned long addr) override;
    [[nodiscard]] std::byte* writable(unsigned long addr) override;
    void put_pages(unsigned long addr, u64 nr, const std::byte* page) override;
    [[nodiscard]] std::optional<Pfn> frame_behind(unsigned long addr) const override;
    void commit() override;
    void copy(void* to, const void* from, u64 bytes) override;
    void lend_object(const void* at, u64 bytes) override;
    void take_back_object(const void* at, u64 bytes) override;
    void share(const void* at, u64 bytes, bool writable) override;
    void map_vmap(Vmap start, std::span<const Pfn> pages) override;
    void unmap_vmap(Vmap start, u64 nr) override;
    void map_page(Vpage, Pte) override {} // the table's frame says it
    void answer_from(StaleTlb* tlb) override;
    void tell_stores(StoreListener* to) override;
    void watch(Pfn p) override;

private:
    struct Access {
        unsigned long addr;
        u64 bytes;
        unsigned kind;
        const void* pc;
    };
    // A piece of scratch memory, within a page, and what it shows. Nothing is taken to a frame that is only
    // read.
    struct Piece {
        std::byte* scratch;
        std::byte* frame; // nullptr: only read
        u64 bytes;
    };
    struct Entry {
        Pfn pfn;
        bool writable;
        bool stale{}; // a CPU's TLB says so, not the page table
    };

    struct Port : mmodel_mmu {
        Mmu* self{};
    };
    static Mmu& of(mmodel_mmu* m) { return *static_cast<Port*>(m)->self; }

    void access(const Access& a);
    // What of an access lies within one page of the vmemmap, if nothing is wrong with it; else nullptr.
    [[nodiscard]] std::byte* vmemmap_place(const Access& a);
    // The frame that an access begins in; nothing: it is to memory that is no frame's. Throws BadAccess.
    [[nodiscard]] std::optional<Pfn> frame_of(const Access& a);
    // Where the first bytes of an access are, and how many lie together. Throws BadAccess.
    [[nodiscard]] std::byte* place(const Access& a, u64& bytes);
    [[nodiscard]] const std::byte* source(unsigned long from, u64& bytes, const void* pc);
    // Some bytes, or all, of a page become others.
    void store(unsigned long to, std::span<const std::byte> bytes, const void* pc);
    void copy(unsigned long to, unsigned long from, u64 bytes, const void* pc);
    void fill(unsigned long to, int byte, u64 bytes, const void* pc);
    [[nodiscard]] bool is_scratch(unsigned long addr) const {
        return addr - vmemmap() < vmemmap_.bytes() || addr - vmalloc() < vmalloc_.bytes();
    }
    // What maps the page at an address of a range that is scratch memory.
    [[nodiscard]] std::optional<Entry> translate(unsigned long addr) const;
    // ... for kernel code, which may run on a CPU that still uses another translation.
    [[nodiscard]] std::optional<Entry> translate_for_code(unsigned long addr) const;
    [[nodiscard]] bool is_own(const Access& a) const;    // of the code that runs
    [[nodiscard]] bool is_object(const Access& a) const; // all of it, of a live one
    [[nodiscard]] bool is_shared(const Access& a) const;
    [[nodiscard]] std::string name(unsigned long addr) const;
    [[noreturn]] void refuse(const Access& a, const std::string& why, bool read_only = false) const;
    // A store to the frame is about to happen.
    void note_store(Pfn p) {
        stored(p);
        if (watched_.at()[p.value] != std::byte{0}) told_next_.push_back(p), count_pending();
    }
    void count_pending() { port_.nr_pending = pending_.size() + told_next_.size(); }
    void show(const Access& a, std::byte* frame, u64 bytes);
    void poison_before(const Access& a, u64 bytes);
    void set_shadow(const void* at, u64 bytes, bool on);
    void show_leaf(u64, const Pmd&) override {} // its entry says it

    Port port_{};
    bool poison_;
    int ptrs_shift_; // a PMD is 1 << ptrs_shift_ pages
    StaleTlb* tlb_{};
    StoreListener* listener_{};
    std::vector<Pfn> watched_frames_, told_next_;
    std::vector<Piece> pending_;
    std::vector<mmodel_shared> shared_;
    Reserved shadow_, watched_;  // of objects, and of frames: see mmodel_mmu
    Reserved vmap_;              // by page of the vmalloc range: its frame number + 1
    std::vector<bool> poisoned_; // by page of scratch memory, the vmemmap first
};

} // namespace mmodel::bench
