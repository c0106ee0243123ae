// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/image.hpp"

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "spec/linux/host/arena.hpp"

namespace mmodel::bench {
namespace {

struct Range {
    std::uintptr_t start, end;
    [[nodiscard]] bool contains(std::uintptr_t addr) const { return addr >= start && addr < end; }
};

struct Search {
    std::uintptr_t symbol;
    std::vector<Range> found; // of the object that has the symbol; empty: not yet
};

Range range_of(const dl_phdr_info& object, const ElfW(Phdr) & header) {
    const std::uintptr_t start = object.dlpi_addr + header.p_vaddr;
    return {start, start + header.p_memsz};
}

// What the dynamic linker made read-only after relocation: whole pages.
Range read_only_part(const dl_phdr_info& object, std::span<const ElfW(Phdr)> headers) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    for (const auto& h : headers)
        if (h.p_type == PT_GNU_RELRO) {
            const Range r = range_of(object, h);
            return {r.start / page * page, r.end / page * page};
        }
    return {0, 0};
}

int visit(dl_phdr_info* object, std::size_t, void* data) {
    auto& search = *static_cast<Search*>(data);
    const std::span headers(object->dlpi_phdr, object->dlpi_phnum);
    if (std::ranges::none_of(headers, [&](const auto& h) {
            return h.p_type == PT_LOAD && range_of(*object, h).contains(search.symbol);
        }))
        return 0;
    const Range fixed = read_only_part(*object, headers);
    for (const auto& h : headers) {
        if (h.p_type != PT_LOAD || !(h.p_flags & PF_W)) continue;
        Range r = range_of(*object, h);
        if (fixed.contains(r.start)) r.start = std::min(fixed.end, r.end);
        if (r.start < r.end) search.found.push_back(r);
    }
    return 1;
}

} // namespace

Image::Image(const void* symbol) {
    Search search{reinterpret_cast<std::uintptr_t>(symbol), {}};
    if (!dl_iterate_phdr(visit, &search)) throw HostError("the compiled kernel file is in no loaded object");
    for (const Range& r : search.found) {
        auto* at = reinterpret_cast<std::byte*>(r.start);
        segments_.push_back({at, std::vector<std::byte>(at, at + (r.end - r.start))});
    }
}

void Image::restore() const {
    for (const Segment& s : segments_) std::memcpy(s.at, s.bytes.data(), s.bytes.size());
}

std::vector<std::span<std::byte>> Image::live() const {
    std::vector<std::span<std::byte>> out;
    for (const Segment& s : segments_) out.emplace_back(s.at, s.bytes.size());
    return out;
}

std::size_t Image::nr_bytes() const {
    std::size_t n = 0;
    for (const Segment& s : segments_) n += s.bytes.size();
    return n;
}

} // namespace mmodel::bench
