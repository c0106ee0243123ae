// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/arena.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace mmodel::bench {
namespace {

[[noreturn]] void refuse(const char* what) {
    std::string text = std::string(what) + ": " + std::strerror(errno);
    if (errno == ENOMEM) text += " (see vm.max_map_count and the limits on memory)";
    throw HostError(text);
}

std::byte* reserve(u64 bytes) {
    void* at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) refuse("cannot reserve address space for the modelled memory");
    return static_cast<std::byte*>(at);
}

} // namespace

Arena::Arena(const Machine& boot)
    : nr_frames_(boot.config().nr_frames()), ptrs_(boot.geometry().ptrs_per_pte) {
    nr_vpages_ = (boot.geometry().vpage_of(Pfn{nr_frames_}).value + ptrs_ - 1) / ptrs_ * ptrs_;
    fd_ = memfd_create("mmodel-frames", MFD_CLOEXEC);
    if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(nr_frames_ * page)) != 0)
        refuse("cannot make a memfd for the modelled memory");
    direct_map_ = reserve(nr_frames_ * page);
    map(direct_map_, nr_frames_ * page, Pfn{0}, PROT_READ | PROT_WRITE);
    const u64 leaf = ptrs_ * page;
    const auto raw = reinterpret_cast<unsigned long>(reserve(nr_vpages_ * page + leaf));
    vmemmap_ = reinterpret_cast<std::byte*>((raw + leaf - 1) / leaf * leaf);
    pmds_.resize(nr_vpages_ / ptrs_);
    for (u64 i = 0; i < pmds_.size(); ++i) map_leaf(boot, i);
    vmalloc_bytes_ = (boot.config().vmalloc_pages * page + leaf - 1) / leaf * leaf;
    const auto range = reinterpret_cast<unsigned long>(reserve(vmalloc_bytes_ + leaf));
    vmalloc_ = reinterpret_cast<std::byte*>((range + leaf - 1) / leaf * leaf);
}

Arena::~Arena() {
    munmap(direct_map_, nr_frames_ * page);
    munmap(vmemmap_, nr_vpages_ * page);
    munmap(vmalloc_, vmalloc_bytes_);
    close(fd_);
}

std::optional<Pfn> Arena::frame_at(unsigned long addr) const {
    if (addr < direct_map() || addr >= direct_map() + nr_frames_ * page) return std::nullopt;
    return Pfn{(addr - direct_map()) / page};
}

std::optional<Vpage> Arena::vpage_at(unsigned long addr) const {
    if (addr < vmemmap() || addr >= vmemmap() + nr_vpages_ * page) return std::nullopt;
    return Vpage{(addr - vmemmap()) / page};
}

std::optional<Vmap> Arena::vmap_at(unsigned long addr) const {
    if (addr < vmalloc() || addr >= vmalloc_end()) return std::nullopt;
    return Vmap{(addr - vmalloc()) / page};
}

// Neighbouring frames at neighbouring addresses are one mapping: a process may have so many and no more.
void Arena::map_vmap(Vmap start, std::span<const Pfn> pages) {
    for (u64 i = 0, n; i < pages.size(); i += n) {
        n = 1;
        if (pages[i] == no_pfn) continue;
        while (i + n < pages.size() && pages[i + n] == pages[i] + n) ++n;
        map(vmalloc_ + (start.value + i) * page, n * page, pages[i], PROT_READ | PROT_WRITE);
    }
}

void Arena::unmap_vmap(Vmap start, u64 nr) { map_nothing(vmalloc_ + start.value * page, nr * page); }

void Arena::map_nothing(std::byte* at, u64 bytes) {
    if (mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
        MAP_FAILED)
        refuse("cannot unmap modelled memory");
}

void Arena::map(std::byte* at, u64 bytes, Pfn p, int prot) {
    if (mmap(at, bytes, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd_,
             static_cast<off_t>(p.value * page)) == MAP_FAILED)
        refuse("cannot map modelled memory");
}

void Arena::map_page(Vpage v, Pte pte) {
    if (!pte.present()) {
        if (mprotect(vpage(v), page, PROT_NONE) != 0) refuse("cannot unmap modelled memory");
    } else {
        map(vpage(v), page, pte.pfn(), PROT_READ | (pte.writable() ? PROT_WRITE : 0));
    }
}

void Arena::map_leaf(const Machine& m, u64 pmd_idx) {
    const Pmd pmd = m.pmd(pmd_idx);
    std::byte* at = vmemmap_ + pmd_idx * ptrs_ * page;
    if (pmd.kind == Pmd::Kind::leaf) {
        map(at, ptrs_ * page, pmd.pfn, PROT_READ | PROT_WRITE);
        pmds_[pmd_idx] = pmd.pfn.value << 12 | MMODEL_PRESENT | MMODEL_RW | MMODEL_LEAF;
    } else {
        map_nothing(at, ptrs_ * page);
        pmds_[pmd_idx] = 0;
    }
    changed_.push_back(pmd_idx);
}

void Arena::install_table(u64 pmd_idx, Pfn table) {
    pmds_[pmd_idx] = table.value << 12 | MMODEL_PRESENT | MMODEL_RW;
    changed_.push_back(pmd_idx);
}

void Arena::reset(const Machine& boot) {
    const std::vector<u64> changed = std::exchange(changed_, {});
    for (u64 i : changed)
        if (pmds_[i] & MMODEL_LEAF ? boot.pmd(i).kind != Pmd::Kind::leaf : true) map_leaf(boot, i);
    changed_.clear();
}

} // namespace mmodel::bench
