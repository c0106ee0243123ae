// SPDX-License-Identifier: GPL-2.0 OR MIT
// Real memory for a modelled machine: frames in a memfd, seen through a direct map (always read-write) and,
// page by page and with the PTE's own permissions, through the vmemmap and through the vmalloc range. x86-64
// sizes only: a host page is a frame.
#pragma once

#include <span>
#include <stdexcept>
#include <vector>

#include "model/machine/machine.hpp"
#include "spec/linux/shim/hvo/mmodel_hvo_abi.h"

namespace mmodel::bench {

// The host refused memory or a mapping. The message says which limit.
struct HostError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Arena {
public:
    // Maps everything as the machine boots. Throws HostError.
    explicit Arena(const Machine& boot);
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    [[nodiscard]] std::byte* frame(Pfn p) const { return direct_map_ + p.value * page; }
    [[nodiscard]] std::byte* vpage(Vpage v) const { return vmemmap_ + v.value * page; }
    [[nodiscard]] u64 nr_frames() const { return nr_frames_; }
    [[nodiscard]] unsigned long* pmds() { return pmds_.data(); }
    [[nodiscard]] unsigned long vmemmap() const { return reinterpret_cast<unsigned long>(vmemmap_); }
    [[nodiscard]] unsigned long direct_map() const { return reinterpret_cast<unsigned long>(direct_map_); }

    // Where an address lies, if it lies there.
    [[nodiscard]] std::optional<Pfn> frame_at(unsigned long addr) const;
    [[nodiscard]] std::optional<Vpage> vpage_at(unsigned long addr) const;
    [[nodiscard]] std::optional<Vmap> vmap_at(unsigned long addr) const;

    // The vmalloc range: 2 MiB aligned at both ends; nothing is mapped at first.
    [[nodiscard]] unsigned long vmalloc() const { return reinterpret_cast<unsigned long>(vmalloc_); }
    [[nodiscard]] unsigned long vmalloc_end() const { return vmalloc() + vmalloc_bytes_; }
    // Pages from `start` on are from now on these frames; no_pfn: nothing.
    void map_vmap(Vmap start, std::span<const Pfn> pages);
    void unmap_vmap(Vmap start, u64 nr);

    // One page of the vmemmap from now on is this frame, with this permission; not present: it is nothing.
    void map_page(Vpage v, Pte pte);
    // The vmemmap under a PMD is a leaf of the machine's, or nothing.
    void map_leaf(const Machine& m, u64 pmd_idx);
    void install_table(u64 pmd_idx, Pfn table);
    // Every PMD that is no longer as it booted is mapped anew.
    void reset(const Machine& boot);

    static constexpr u64 page = 4096;

private:
    void map(std::byte* at, u64 bytes, Pfn p, int prot);
    void map_nothing(std::byte* at, u64 bytes);

    int fd_{-1};
    u64 nr_frames_{}, nr_vpages_{}, ptrs_{};
    std::byte* direct_map_{};
    std::byte* vmemmap_{};
    std::byte* vmalloc_{};
    u64 vmalloc_bytes_{};
    std::vector<unsigned long> pmds_;
    std::vector<u64> changed_; // PMDs that are not as at boot
};

} // namespace mmodel::bench
