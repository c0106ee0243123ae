// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "spec/linux/shim/hvo/mmodel_hvo_abi.h"

namespace mmodel::bench {
namespace {

// Where the regions lie if nothing else does: what kernel code stores holds pointers, and two runs are the
// same bit by bit.
constexpr unsigned long direct_map_wish = 0x2000'0000'0000, vmemmap_wish = 0x3000'0000'0000,
                        vmalloc_wish = 0x3100'0000'0000, objects_wish = 0x1f00'0000'0000;

constexpr u64 object_bytes = u64{1} << 32; // of address space

u64 round_up(u64 n, u64 to) { return (n + to - 1) / to * to; }

// From 7.1 on a tail says where its head is by a mask: the struct pages of the largest folio are aligned.
u64 vmemmap_align(const Geometry& g) {
    const u64 largest = u64{g.struct_page_bytes} << g.folio_order[g.nr_hstates() - 1u];
    return std::max(largest, u64{g.ptrs_per_pte} * g.page_bytes);
}

} // namespace

Reserved::Reserved(unsigned long wish, u64 bytes, u64 align, int prot)
    : whole_bytes_(bytes + align), bytes_(bytes) {
    whole_ = mmap(reinterpret_cast<void*>(wish), whole_bytes_, prot,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole_ == MAP_FAILED)
        throw HostError(std::string("cannot reserve address space for the modelled memory: ") +
                        std::strerror(errno) + (errno == ENOMEM ? " (see the limits on memory)" : ""));
    at_ = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<unsigned long>(whole_), align));
}

Reserved::~Reserved() { munmap(whole_, whole_bytes_); }

Arena::Arena(const Machine& boot, int direct_map_prot, int range_prot)
    : page_(boot.geometry().page_bytes), nr_frames_(boot.config().nr_frames()),
      nr_vpages_(round_up(boot.geometry().vpage_of(Pfn{nr_frames_}).value, boot.geometry().ptrs_per_pte)),
      ptrs_(boot.geometry().ptrs_per_pte), shift_(boot.geometry().page_shift()),
      direct_map_(direct_map_wish, nr_frames_ * page_, page_, direct_map_prot),
      vmemmap_(vmemmap_wish, nr_vpages_ * page_, vmemmap_align(boot.geometry()), range_prot),
      vmalloc_(vmalloc_wish, round_up(boot.config().vmalloc_pages, ptrs_) * page_, ptrs_ * page_, range_prot),
      objects_(objects_wish, object_bytes, page_, PROT_READ | PROT_WRITE), pmds_(nr_vpages_ / ptrs_),
      lent_(0, nr_frames_, page_, PROT_READ | PROT_WRITE), pages_(page_) {}

std::optional<Pfn> Arena::frame_at(unsigned long addr) const {
    if (addr < direct_map() || addr >= direct_map() + direct_map_.bytes()) return std::nullopt;
    return Pfn{(addr - direct_map()) >> shift_};
}

std::optional<Vpage> Arena::vpage_at(unsigned long addr) const {
    if (addr < vmemmap() || addr >= vmemmap() + vmemmap_.bytes()) return std::nullopt;
    return Vpage{(addr - vmemmap()) >> shift_};
}

std::optional<Vmap> Arena::vmap_at(unsigned long addr) const {
    if (addr < vmalloc() || addr >= vmalloc_end()) return std::nullopt;
    return Vmap{(addr - vmalloc()) >> shift_};
}

void Arena::map_leaf(const Machine& m, u64 pmd_idx) {
    const Pmd pmd = m.pmd(pmd_idx);
    const bool leaf = pmd.kind == Pmd::Kind::leaf;
    pmds_[pmd_idx] = leaf ? entry_of(pmd.pfn, MMODEL_PRESENT | MMODEL_RW | MMODEL_LEAF) : 0;
    if (leaf) lend(pmd.pfn, ptrs_);
    show_leaf(pmd_idx, pmd);
    changed_.push_back(pmd_idx);
}

void Arena::install_table(u64 pmd_idx, Pfn table) {
    pmds_[pmd_idx] = entry_of(table, MMODEL_PRESENT | MMODEL_RW);
    changed_.push_back(pmd_idx);
}

void Arena::reset(const Machine& boot) {
    constexpr u64 many = u64{64} << 20;
    if (shared_ && pages_.bytes() > many) forget_pages();
    for (u64 i : std::exchange(changed_, {}))
        if (!(pmds_[i] & MMODEL_LEAF) || boot.pmd(i).kind != Pmd::Kind::leaf) map_leaf(boot, i);
    changed_.clear();
    for (const Pfn p : changed_lent_) lent_.at()[p.value] = std::byte{boot.boot_vpage(p).has_value()};
    changed_lent_.clear();
}

std::vector<std::span<std::byte>> Arena::layout() {
    return {std::as_writable_bytes(std::span(pmds_)), {lent_.at(), nr_frames_}};
}

// ---- contents that frames share

void Arena::may_share(bool doubt) {
    shared_.emplace(0, nr_frames_ * sizeof(PageId), page_, PROT_READ | PROT_WRITE);
    were_.resize(nr_frames_);
    doubts_ = doubt;
    sharing_ = true;
}

void Arena::forget_pages() {
    for (Pfn p{0}; p.value < nr_frames_; p = p + 1) (void)frame(p);
    std::ranges::fill(were_, no_page);
    pages_.forget();
}

void Arena::share_no_more() {
    if (!shared_) return;
    forget_pages();
    sharing_ = false;
}

void Arena::own(Pfn p) const {
    PageId& id = shared()[p.value];
    std::memcpy(memory(p), pages_[id], page_);
    id = no_page;
}

void Arena::set_contents(Pfn p, PageId page) {
    stored(p);
    shared()[p.value] = were_[p.value] = page;
    keep(p, Reader::sharer);
    if (doubts_) std::memcpy(memory(p), pages_[page], page_);
}

PageId Arena::page_of(Pfn p) {
    if (const PageId id = shared_by(p); id != no_page) return id;
    PageId& id = were_[p.value];
    if (id == no_page || !is_clean(p, Reader::sharer)) id = pages_.of({memory(p), page_});
    keep(p, Reader::sharer);
    return id;
}

void Arena::fill_frame(Pfn p, std::byte with) {
    if (sharing_) return set_contents(p, pages_.filled(with));
    stored(p);
    std::memset(frame(p), static_cast<int>(with), page_);
}

void Arena::put_pages(unsigned long addr, u64 nr, const std::byte* page) {
    for (u64 i = 0; i < nr; ++i) std::memcpy(writable(addr + i * page_), page, page_);
}

void Arena::stored(std::span<const std::byte> bytes) {
    const auto* first = bytes.data();
    for (u64 done = 0; done < bytes.size(); done += page_ - in_page(reinterpret_cast<u64>(first + done)))
        if (const auto p = frame_at(reinterpret_cast<u64>(first + done))) stored(*p);
}

void Arena::set_lent(Pfn start, u64 nr, bool on) {
    std::memset(lent_.at() + start.value, on, nr);
    for (u64 i = 0; i < nr; ++i) stored(start + i), changed_lent_.push_back(start + i);
}

} // namespace mmodel::bench
