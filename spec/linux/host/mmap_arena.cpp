// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/mmap_arena.hpp"

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

} // namespace

MmapArena::MmapArena(const Machine& boot) : Arena(boot, PROT_NONE, PROT_NONE) {
    fd_ = memfd_create("mmodel-frames", MFD_CLOEXEC);
    if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(nr_frames_ * page_)) != 0)
        refuse("cannot make a memfd for the modelled memory");
    map(direct_map_.at(), nr_frames_ * page_, Pfn{0}, PROT_READ | PROT_WRITE);
    for (u64 i = 0; i < pmds_.size(); ++i) map_leaf(boot, i);
}

MmapArena::~MmapArena() { close(fd_); }

// Neighbouring frames at neighbouring addresses are one mapping: a process may have so many and no more.
void MmapArena::map_vmap(Vmap start, std::span<const Pfn> pages) {
    for (u64 i = 0, n; i < pages.size(); i += n) {
        n = 1;
        if (pages[i] == no_pfn) continue;
        while (i + n < pages.size() && pages[i + n] == pages[i] + n) ++n;
        map(vmalloc_.at() + (start.value + i) * page_, n * page_, pages[i], PROT_READ | PROT_WRITE);
    }
}

void MmapArena::unmap_vmap(Vmap start, u64 nr) {
    map_nothing(vmalloc_.at() + start.value * page_, nr * page_);
}

void MmapArena::map_nothing(std::byte* at, u64 bytes) {
    if (mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
        MAP_FAILED)
        refuse("cannot unmap modelled memory");
}

void MmapArena::map(std::byte* at, u64 bytes, Pfn p, int prot) {
    if (mmap(at, bytes, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd_,
             static_cast<off_t>(p.value * page_)) == MAP_FAILED)
        refuse("cannot map modelled memory");
}

void MmapArena::map_page(Vpage v, Pte pte) {
    std::byte* at = vmemmap_.at() + v.value * page_;
    if (!pte.present()) {
        if (mprotect(at, page_, PROT_NONE) != 0) refuse("cannot unmap modelled memory");
    } else {
        map(at, page_, pte.pfn(), PROT_READ | (pte.writable() ? PROT_WRITE : 0));
    }
}

void MmapArena::show_leaf(u64 pmd_idx, const Pmd& pmd) {
    std::byte* at = vmemmap_.at() + pmd_idx * ptrs_ * page_;
    if (pmd.kind == Pmd::Kind::leaf)
        map(at, ptrs_ * page_, pmd.pfn, PROT_READ | PROT_WRITE);
    else
        map_nothing(at, ptrs_ * page_);
}

} // namespace mmodel::bench
