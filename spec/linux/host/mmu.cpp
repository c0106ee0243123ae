// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/mmu.hpp"

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "spec/linux/shim/hvo/mmodel_hvo_abi.h"

namespace mmodel::bench {
namespace {

constexpr unsigned char scratch_poison = 0xa5;

// What is taken as the stack, seen from where the unit is attached: nothing else lies that near, and asking
// the system is not always allowed.
constexpr u64 below = u64{64} << 20, above = u64{1} << 20;

std::string hex(unsigned long n) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%#lx", n);
    return text.data();
}

// Most accesses are to a word.
void copy_small(std::byte* to, const std::byte* from, u64 bytes) {
    if (bytes == sizeof(u64))
        std::memcpy(to, from, sizeof(u64));
    else
        std::memcpy(to, from, bytes);
}

struct Extent {
    unsigned long inside, start, end; // an address, and of the loaded object it lies in from where to where
};

int visit(dl_phdr_info* object, std::size_t, void* data) {
    auto& e = *static_cast<Extent*>(data);
    unsigned long start = ~0ul, end = 0;
    for (const auto& h : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
        if (h.p_type != PT_LOAD) continue;
        start = std::min(start, object->dlpi_addr + h.p_vaddr);
        end = std::max(end, object->dlpi_addr + h.p_vaddr + h.p_memsz);
    }
    if (e.inside < start || e.inside >= end) return 0;
    e.start = start, e.end = end;
    return 1;
}

} // namespace

Mmu::Mmu(const Machine& boot, bool poison)
    : Arena(boot, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE), poison_(poison),
      ptrs_shift_(std::countr_zero(ptrs_)), shadow_(0, objects_.bytes() / 8, page_, PROT_READ | PROT_WRITE),
      watched_(0, nr_frames_, page_, PROT_READ | PROT_WRITE),
      vmap_(0, (vmalloc_.bytes() >> shift_) * sizeof(u64), page_, PROT_READ | PROT_WRITE) {
    if (poison_) poisoned_.resize(nr_vpages_ + (vmalloc_.bytes() >> shift_));
    port_.self = this;
    port_.objects = objects_.addr(), port_.objects_bytes = objects_.bytes();
    port_.shadow = reinterpret_cast<const unsigned char*>(shadow_.at());
    clean_.emplace(0, nr_frames_, page_, PROT_READ | PROT_WRITE);
    may_share(poison);
    port_.frames = direct_map_.addr(), port_.frames_bytes = nr_frames_ * page_;
    port_.page_shift = static_cast<unsigned>(shift_);
    port_.lent = reinterpret_cast<const unsigned char*>(lent_.at());
    port_.clean = reinterpret_cast<unsigned char*>(clean_->at());
    port_.watched = reinterpret_cast<const unsigned char*>(watched_.at());
    port_.shared_by = shared();
    port_.pmds = pmds_.data();
    port_.ptrs_shift = static_cast<unsigned>(ptrs_shift_);
    port_.vmemmap = vmemmap();
    answer_from(nullptr);
    port_.commit = [](mmodel_mmu* m) { of(m).commit(); };
    port_.access = [](mmodel_mmu* m, unsigned long addr, unsigned long n, unsigned kind, const void* pc) {
        of(m).access({addr, n, kind, pc});
    };
    port_.copy = [](mmodel_mmu* m, void* to, const void* from, unsigned long n, const void* pc) {
        of(m).copy(reinterpret_cast<unsigned long>(to), reinterpret_cast<unsigned long>(from), n, pc);
    };
    port_.fill = [](mmodel_mmu* m, void* to, int byte, unsigned long n, const void* pc) {
        of(m).fill(reinterpret_cast<unsigned long>(to), byte, n, pc);
    };
    for (u64 i = 0; i < pmds_.size(); ++i) map_leaf(boot, i);
}

void Mmu::attach(void (*entry)(mmodel_mmu*)) {
    Extent object{reinterpret_cast<unsigned long>(entry), 0, 0};
    if (!dl_iterate_phdr(visit, &object))
        throw HostError("cannot find out where the compiled kernel file is loaded");
    port_.stack = reinterpret_cast<unsigned long>(__builtin_frame_address(0)) - below;
    port_.stack_bytes = below + above;
    port_.statics = object.start, port_.statics_bytes = object.end - object.start;
    entry(&port_);
}

// ---- what is where

std::optional<Mmu::Entry> Mmu::translate(unsigned long addr) const {
    if (const auto v = vmap_at(addr)) {
        const u64 entry = reinterpret_cast<const u64*>(vmap_.at())[v->value];
        return entry ? std::optional(Entry{Pfn{entry - 1}, true}) : std::nullopt;
    }
    const u64 v = (addr - vmemmap()) >> shift_;
    const unsigned long pmd = pmds_[v / ptrs_];
    if (!(pmd & MMODEL_PRESENT)) return std::nullopt;
    const Pfn below = pfn_of(pmd);
    if (pmd & MMODEL_LEAF) return Entry{below + v % ptrs_, true};
    const unsigned long pte = reinterpret_cast<const unsigned long*>(frame(below))[v % ptrs_];
    if (!(pte & MMODEL_PRESENT)) return std::nullopt;
    return Entry{pfn_of(pte), (pte & MMODEL_RW) != 0};
}

// The entry points walk the page tables themselves only where those tell all.
void Mmu::answer_from(StaleTlb* tlb) {
    tlb_ = tlb;
    port_.vmemmap_bytes = tlb_ || poison_ ? 0 : vmemmap_.bytes();
}

std::optional<Mmu::Entry> Mmu::translate_for_code(unsigned long addr) const {
    if (!tlb_) return translate(addr);
    const auto v = vmap_at(addr);
    const auto held = tlb_->held({.vmalloc = v.has_value(), .page = v ? v->value : vpage_at(addr)->value});
    return held ? Entry{held->pfn(), held->writable(), true} : translate(addr);
}

std::byte* Mmu::at(unsigned long addr) {
    if (const auto p = frame_at(addr)) return frame(*p) + in_page(addr);
    if (!is_scratch(addr)) return nullptr;
    const auto entry = translate(addr);
    if (!entry || entry->pfn.value >= nr_frames_) return nullptr;
    return frame(entry->pfn) + in_page(addr);
}

std::byte* Mmu::writable(unsigned long addr) {
    u64 bytes;
    commit();
    return place({addr, 1, MMODEL_WRITE, nullptr}, bytes);
}

void Mmu::put_pages(unsigned long addr, u64 nr, const std::byte* page) {
    if (!sharing_) return Arena::put_pages(addr, nr, page);
    commit();
    const PageId id = pages_.of({page, page_});
    for (u64 i = 0; i < nr; ++i)
        set_contents(*frame_of({addr + i * page_, page_, MMODEL_WRITE, nullptr}), id);
}

std::optional<Pfn> Mmu::frame_behind(unsigned long addr) const {
    const auto entry = is_scratch(addr) ? translate(addr) : std::nullopt;
    if (!entry || entry->pfn.value >= nr_frames_) return std::nullopt;
    return entry->pfn;
}

bool Mmu::is_own(const Access& a) const {
    return a.addr - port_.stack < port_.stack_bytes || a.addr - port_.statics < port_.statics_bytes;
}

bool Mmu::is_object(const Access& a) const {
    const u64 first = a.addr - objects_.addr();
    for (u64 at = first; at < first + a.bytes; at = (at | 7) + 1) {
        const u64 in_word = std::min((at | 7) + 1, first + a.bytes) - (at & ~u64{7});
        if (in_word > port_.shadow[at >> 3]) return false;
    }
    return true;
}

bool Mmu::is_shared(const Access& a) const {
    return std::ranges::any_of(shared_, [&](const mmodel_shared& s) {
        return a.addr - s.addr < s.bytes && a.bytes <= s.bytes - (a.addr - s.addr) &&
               (s.writable || !(a.kind & MMODEL_WRITE));
    });
}

// As the model calls it, and by what it is.
std::string Mmu::name(unsigned long addr) const {
    if (const auto v = vpage_at(addr))
        return "page " + std::to_string(v->value) + " of the vmemmap, byte " + std::to_string(in_page(addr));
    if (vmap_at(addr)) return hex(vmalloc_start + (addr - vmalloc())) + " of the vmalloc range";
    if (const auto p = frame_at(addr))
        return "pfn " + std::to_string(p->value) + ", byte " + std::to_string(in_page(addr));
    if (addr - objects_.addr() < objects_.bytes()) return "object space at " + hex(addr - objects_.addr());
    return "address " + hex(addr);
}

void Mmu::refuse(const Access& a, const std::string& why, bool read_only) const {
    throw BadAccess{std::string(a.kind & MMODEL_WRITE ? "a write of " : "a read of ") +
                        std::to_string(a.bytes) + " bytes at " + name(a.addr) + ": " + why,
                    (a.kind & MMODEL_WRITE) != 0, read_only, a.pc};
}

std::optional<Pfn> Mmu::frame_of(const Access& a) {
    std::optional<Pfn> p;
    if (is_scratch(a.addr)) {
        const auto entry = translate_for_code(a.addr);
        if (!entry) refuse(a, "nothing is mapped there");
        if (entry->pfn.value >= nr_frames_) refuse(a, "what is mapped there is no memory");
        const auto behind = [&] { return "pfn " + std::to_string(entry->pfn.value); };
        if (a.kind & MMODEL_WRITE && !entry->writable)
            refuse(a,
                   (entry->stale ? "the CPU's TLB still has it" : "it is mapped") +
                       std::string(" read-only, to ") + behind(),
                   true);
        if (!is_lent(entry->pfn))
            refuse(a, behind() + (entry->stale ? ", which the CPU's TLB still has there, was freed"
                                               : ", which is mapped there, was freed"));
        p = entry->pfn;
    } else if ((p = frame_at(a.addr))) {
        if (!is_lent(*p)) refuse(a, "the frame is free, or somebody else's");
    } else if (a.addr - objects_.addr() < objects_.bytes()) {
        if (!is_object(a)) refuse(a, "it is past an object, or in one that was freed");
    } else if (!is_own(a) && !is_shared(a)) {
        refuse(a, "this memory is nobody's");
    }
    if (p && a.kind & MMODEL_WRITE) note_store(*p);
    return p;
}

std::byte* Mmu::place(const Access& a, u64& bytes) {
    const auto p = frame_of(a);
    bytes = p ? std::min(a.bytes, page_ - in_page(a.addr)) : a.bytes;
    return p ? frame(*p) + in_page(a.addr) : reinterpret_cast<std::byte*>(a.addr);
}

// ---- accesses

std::byte* Mmu::vmemmap_place(const Access& a) {
    const unsigned long offset = a.addr - vmemmap();
    if (offset >= vmemmap_.bytes() || a.bytes > page_ - in_page(offset) || tlb_) return nullptr;
    const u64 v = offset >> shift_, pmd_idx = v >> ptrs_shift_, in_pmd = v & (ptrs_ - 1);
    unsigned long entry = pmds_[pmd_idx];
    if (!(entry & MMODEL_PRESENT)) return nullptr;
    if (entry & MMODEL_LEAF)
        entry += in_pmd << shift_;
    else
        entry = reinterpret_cast<const unsigned long*>(frame(pfn_of(entry)))[in_pmd];
    const unsigned long needed = a.kind & MMODEL_WRITE ? MMODEL_PRESENT | MMODEL_RW : MMODEL_PRESENT;
    const Pfn p = pfn_of(entry);
    if ((entry & needed) != needed || p.value >= nr_frames_ || !is_lent(p)) return nullptr;
    if (!(a.kind & MMODEL_WRITE)) return const_cast<std::byte*>(contents(p)) + in_page(offset);
    note_store(p);
    return frame(p) + in_page(offset);
}

void Mmu::access(const Access& a) {
    if (std::byte* p = vmemmap_place(a)) return show(a, p, a.bytes);
    for (Access rest = a; rest.bytes;) {
        u64 n;
        std::byte* p = place(rest, n);
        if (is_scratch(rest.addr)) show(rest, p, n);
        rest.addr += n, rest.bytes -= n;
    }
}

void Mmu::show(const Access& a, std::byte* frame, u64 bytes) {
    auto* scratch = reinterpret_cast<std::byte*>(a.addr);
    if (poison_) poison_before(a, bytes);
    copy_small(scratch, frame, bytes);
    const bool write = a.kind & MMODEL_WRITE;
    if (!write && !poison_) return;
    pending_.push_back({scratch, write ? frame : nullptr, bytes});
    count_pending();
}

void Mmu::commit() {
    if (const auto n = std::exchange(port_.stored_bytes, 0))
        std::memcpy(reinterpret_cast<void*>(port_.stored_to), reinterpret_cast<void*>(port_.stored_from), n);
    if (!port_.nr_pending) return;
    for (const Piece& p : pending_) {
        if (p.frame) copy_small(p.frame, p.scratch, p.bytes);
        if (poison_) std::memset(p.scratch, scratch_poison, p.bytes);
    }
    pending_.clear();
    port_.nr_pending = 0;
    for (const Pfn p : std::exchange(told_next_, {}))
        if (listener_) listener_->stored(p);
}

void Mmu::tell_stores(StoreListener* to) {
    commit();
    listener_ = to;
    if (to) return;
    for (const Pfn p : std::exchange(watched_frames_, {})) watched_.at()[p.value] = std::byte{0};
}

void Mmu::watch(Pfn p) {
    if (!listener_ || watched_.at()[p.value] != std::byte{0}) return;
    watched_.at()[p.value] = std::byte{1};
    watched_frames_.push_back(p);
}

// Nobody has touched scratch memory since it was poisoned.
void Mmu::poison_before(const Access& a, u64 bytes) {
    const auto v = vmap_at(a.addr);
    const u64 i = v ? nr_vpages_ + v->value : vpage_at(a.addr)->value;
    auto* scratch = reinterpret_cast<unsigned char*>(a.addr);
    if (!poisoned_[i]) std::memset(scratch - in_page(a.addr), scratch_poison, page_);
    poisoned_[i] = true;
    if (std::any_of(scratch, scratch + bytes, [](unsigned char b) { return b != scratch_poison; }))
        refuse(a, "something wrote there that the compiler did not announce");
}

const std::byte* Mmu::source(unsigned long from, u64& bytes, const void* pc) {
    const auto p = frame_of({from, bytes, MMODEL_READ, pc});
    if (!p) return reinterpret_cast<const std::byte*>(from);
    bytes = std::min(bytes, page_ - in_page(from));
    return contents(*p) + in_page(from);
}

// What is small and goes to a frame that shares its contents leaves it one that shares others.
void Mmu::store(unsigned long to, std::span<const std::byte> bytes, const void* pc) {
    constexpr u64 small = 512;
    const auto p = frame_of({to, bytes.size(), MMODEL_WRITE, pc});
    if (p && bytes.size() <= small && shared_by(*p) != no_page)
        return set_contents(*p, pages_.patched(shared_by(*p), in_page(to), bytes));
    std::memmove(p ? frame(*p) + in_page(to) : reinterpret_cast<std::byte*>(to), bytes.data(), bytes.size());
}

void Mmu::copy(unsigned long to, unsigned long from, u64 bytes, const void* pc) {
    const bool within_pages = bytes <= page_ - std::max(in_page(to), in_page(from));
    if (bytes == page_ && within_pages && sharing_) {
        const auto source = frame_of({from, bytes, MMODEL_READ, pc}),
                   p = frame_of({to, bytes, MMODEL_WRITE, pc});
        if (source && p) return set_contents(*p, page_of(*source));
    }
    if (bytes && within_pages) { // no room is needed
        const std::byte* p = source(from, bytes, pc);
        return store(to, {p, bytes}, pc);
    }
    std::array<std::byte, 4096> room;
    std::vector<std::byte> large(bytes > room.size() ? bytes : 0);
    std::byte* const read = large.empty() ? room.data() : large.data();
    for (u64 done = 0, n; done < bytes; done += n) {
        const std::byte* p = source(from + done, n = bytes - done, pc);
        std::memcpy(read + done, p, n);
    }
    for (u64 done = 0, n; done < bytes; done += n) {
        std::byte* p = place({to + done, bytes - done, MMODEL_WRITE, pc}, n);
        std::memcpy(p, read + done, n);
    }
}

void Mmu::copy(void* to, const void* from, u64 bytes) {
    commit();
    copy(reinterpret_cast<unsigned long>(to), reinterpret_cast<unsigned long>(from), bytes, nullptr);
}

void Mmu::fill(unsigned long to, int byte, u64 bytes, const void* pc) {
    for (u64 done = 0, n; done < bytes; done += n) {
        std::byte* p = place({to + done, bytes - done, MMODEL_WRITE, pc}, n);
        std::memset(p, byte, n);
    }
}

// ---- who may use what

void Mmu::set_shadow(const void* at, u64 bytes, bool on) {
    const u64 first = (reinterpret_cast<unsigned long>(at) - objects_.addr()) / 8;
    std::memset(shadow_.at() + first, on ? 8 : 0, (bytes + 7) / 8);
    if (on && bytes % 8) shadow_.at()[first + bytes / 8] = static_cast<std::byte>(bytes % 8);
}

void Mmu::lend_object(const void* at, u64 bytes) { set_shadow(at, bytes, true); }
void Mmu::take_back_object(const void* at, u64 bytes) { set_shadow(at, bytes, false); }

void Mmu::share(const void* at, u64 bytes, bool writable) {
    const auto addr = reinterpret_cast<unsigned long>(at);
    std::erase_if(shared_, [&](const mmodel_shared& s) { return s.addr == addr; });
    shared_.push_back({addr, bytes, writable});
    port_.shared = shared_.data(), port_.nr_shared = shared_.size();
}

void Mmu::map_vmap(Vmap start, std::span<const Pfn> pages) {
    auto* entry = reinterpret_cast<u64*>(vmap_.at()) + start.value;
    for (const Pfn p : pages) {
        if (p != no_pfn) *entry = p.value + 1;
        ++entry;
    }
}

void Mmu::unmap_vmap(Vmap start, u64 nr) {
    constexpr u64 many = 1 << 20;
    std::byte* first = vmap_.at() + start.value * sizeof(u64);
    if (nr >= many && !start.value)
        madvise(first, nr * sizeof(u64), MADV_DONTNEED);
    else
        std::memset(first, 0, nr * sizeof(u64));
}

} // namespace mmodel::bench
