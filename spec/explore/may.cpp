// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/explore/may.hpp"

#include <algorithm>
#include <stdexcept>

namespace mmodel::explore {

void May::add(Pte p) {
    if (!p.present() || index_of(p)) return;
    if (nr == max_may) throw std::length_error("more translations of a page may be held than fit");
    pte[nr++] = p;
}

u8 May::index_of(Pte p) const {
    const auto end = pte.begin() + nr;
    const auto at = std::find(pte.begin(), end, p);
    return at == end ? u8{0} : static_cast<u8>(1 + (at - pte.begin()));
}

May may_hold(const Machine& m, Tracked t) {
    May out;
    const Pte now = t.vmalloc ? m.vmalloc().pte(Vmap{t.page}) : m.translate(Vpage{t.page});
    out.mapped = now.present();
    out.add(now);
    if (t.vmalloc)
        for (const Pte& p : m.vmalloc().stale(Vmap{t.page}).pte) out.add(p);
    else
        m.for_each_stale(Vpage{t.page}, [&](Pte p) { out.add(p); });
    return out;
}

bool is_flushed(const Event& e, Tracked t) {
    if (e.kind == EventKind::flush_tlb_all) return true;
    if (e.kind == EventKind::flush_tlb_kernel_range)
        return !t.vmalloc && t.page >= e.vpage->value && t.page < e.vpage->value + e.nr_pages();
    if (e.kind == EventKind::flush_tlb_vmalloc)
        return t.vmalloc && t.page >= e.vmap.value && t.page < e.vmap.value + e.nr_pages();
    return false;
}

} // namespace mmodel::explore
