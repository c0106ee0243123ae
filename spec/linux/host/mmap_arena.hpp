// SPDX-License-Identifier: GPL-2.0 OR MIT
// The backend that needs no help of the compiler: frames in a memfd, mapped by the host where the machine's
// page tables map them. x86-64 sizes only: a host page is a frame. What is wrong ends in SIGSEGV.
#pragma once

#include "spec/linux/host/arena.hpp"

namespace mmodel::bench {

class MmapArena final : public Arena {
public:
    // Maps everything as the machine boots. Throws HostError.
    explicit MmapArena(const Machine& boot);
    ~MmapArena() override;

    [[nodiscard]] std::byte* at(unsigned long addr) override { return reinterpret_cast<std::byte*>(addr); }
    [[nodiscard]] std::byte* writable(unsigned long addr) override { return at(addr); }
    void map_vmap(Vmap start, std::span<const Pfn> pages) override;
    void unmap_vmap(Vmap start, u64 nr) override;
    void map_page(Vpage v, Pte pte) override;

private:
    void show_leaf(u64 pmd_idx, const Pmd& pmd) override;
    void map(std::byte* at, u64 bytes, Pfn p, int prot);
    void map_nothing(std::byte* at, u64 bytes);

    int fd_{-1};
};

} // namespace mmodel::bench
