// SPDX-License-Identifier: GPL-2.0 OR MIT
// The arithmetic of addresses, on any word: the model has u64, spec/symbolic proves the same lines for every
// 64-bit value. Shifts and divisors are the geometry's and known.
#pragma once

#include "model/machine/types.hpp"

namespace mmodel::arithmetic {

// The vmemmap page that holds the first byte of a page's struct page.
template <class Word>
constexpr Word vpage_of(Word pfn, u64 struct_page_bytes, int page_shift) {
    return pfn * struct_page_bytes >> page_shift;
}

// A page number of a range that PMDs map, split and joined again: PMD, entry of its table.
template <class Word>
constexpr Word pmd_of(Word page, int pmd_shift) {
    return page >> pmd_shift;
}
template <class Word>
constexpr Word entry_of(Word page, int pmd_shift) {
    return page & ((u64{1} << pmd_shift) - 1);
}
template <class Word>
constexpr Word page_at(Word pmd, Word entry, int pmd_shift) {
    return pmd << pmd_shift | entry;
}

// mm/percpu.c: pcpu_chunk_addr(): of a page in a unit that lies at unit_offset.
template <class Word>
constexpr Word chunk_addr(Word base_addr, Word unit_offset, Word page_idx, u64 page_bytes) {
    return base_addr + unit_offset + page_idx * page_bytes;
}
// An address of the range that begins at `start`, as a page of it.
template <class Word>
constexpr Word range_page(Word addr, u64 start, u64 page_bytes) {
    return (addr - start) / page_bytes;
}
// mm/percpu.c: pcpu_page_idx().
template <class Word>
constexpr Word page_idx(Word unit, Word unit_pages, Word page) {
    return unit * unit_pages + page;
}
// mm/percpu.c: pcpu_setup_first_chunk(): where a group's i-th unit lies.
template <class Word>
constexpr Word unit_offset(Word group_offset, Word i, Word unit_size) {
    return group_offset + i * unit_size;
}

} // namespace mmodel::arithmetic
