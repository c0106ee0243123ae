// SPDX-License-Identifier: GPL-2.0 OR MIT
#pragma once

#include "model/machine/types.hpp"

namespace mmodel::hvo {

// A compound page: its head, and 2^order base pages.
struct Folio {
    Pfn head{};
    u8 order{};
};

// folio_test_hugetlb_vmemmap_optimized(): read through the vmemmap, as every reader does.
template <class M>
[[nodiscard]] bool is_optimised(const M& m, Pfn head) {
    return m.read(m.translate(m.geometry().vpage_of(head)).pfn()).optimised;
}

} // namespace mmodel::hvo
