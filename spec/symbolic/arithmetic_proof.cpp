// SPDX-License-Identifier: GPL-2.0 OR MIT
// model/machine/arithmetic.hpp for every 64-bit input, on every geometry. Each theorem also has a wrong
// variant of its own, which has to be refuted: a claim that holds of anything would not be.
#include <functional>

#include "model/machine/geometry.hpp"
#include "model/machine/vmalloc.hpp"
#include "spec/symbolic/proof.hpp"

namespace mmodel::symbolic {
namespace {

// A 64-bit word, unsigned, as u64 is: bits, or a whole number. Sums and products of whole numbers do not wrap
// around: that none of them leaves 64 bits is then part of the claim, and both readings are the same.
struct Word {
    Term t;
    std::vector<Term>* in_range{}; // of whole numbers: what must not wrap

    [[nodiscard]] bool whole() const { return in_range; }
    [[nodiscard]] Term lit(u64 n) const {
        return whole() ? t.ctx().int_val(static_cast<std::uint64_t>(n)) : number(t.ctx(), n, 64);
    }
    [[nodiscard]] Word made(const Term& r) const {
        if (whole()) in_range->push_back(r >= 0 && r <= lit(~u64{0}));
        return {r, in_range};
    }
    Word operator+(const Word& o) const { return made(t + o.t); }
    Word operator+(u64 n) const { return made(t + lit(n)); }
    Word operator-(const Word& o) const { return made(t - o.t); }
    Word operator-(u64 n) const { return made(t - lit(n)); }
    Word operator*(const Word& o) const { return made(t * o.t); }
    Word operator*(u64 n) const { return made(t * lit(n)); }
    Word operator/(u64 n) const { return {whole() ? t / lit(n) : z3::udiv(t, lit(n)), in_range}; }
    Word operator%(u64 n) const { return {z3::urem(t, lit(n))}; }
    Word operator>>(int n) const { return {z3::lshr(t, lit(static_cast<u64>(n)))}; }
    Word operator<<(int n) const { return {z3::shl(t, lit(static_cast<u64>(n)))}; }
    Word operator&(u64 n) const { return {t & lit(n)}; }
    Word operator|(const Word& o) const { return {t | o.t}; }

    Term operator==(const Word& o) const { return t == o.t; }
    Term operator==(u64 n) const { return t == lit(n); }
    Term operator!=(const Word& o) const { return t != o.t; }
    Term operator<(const Word& o) const { return whole() ? t < o.t : z3::ult(t, o.t); }
    Term operator<(u64 n) const { return *this < Word{lit(n), in_range}; }
    Term operator<=(const Word& o) const { return whole() ? t <= o.t : z3::ule(t, o.t); }
    Term operator<=(u64 n) const { return *this <= Word{lit(n), in_range}; }
    Term operator>=(u64 n) const { return Word{lit(n), in_range} <= *this; }
};

namespace exact = arithmetic;

// The functions under proof; a wrong variant replaces one.
struct Functions {
    std::function<Word(Word, u64, int)> vpage_of = exact::vpage_of<Word>;
    std::function<Word(Word, int)> pmd_of = exact::pmd_of<Word>;
    std::function<Word(Word, int)> entry_of = exact::entry_of<Word>;
    std::function<Word(Word, Word, int)> page_at = exact::page_at<Word>;
    std::function<Word(Word, Word, Word, u64)> chunk_addr = exact::chunk_addr<Word>;
    std::function<Word(Word, u64, u64)> range_page = exact::range_page<Word>;
    std::function<Word(Word, Word, Word)> page_idx = exact::page_idx<Word>;
    std::function<Word(Word, Word, Word)> unit_offset = exact::unit_offset<Word>;
};

// One claim about one geometry: what may be assumed, what follows, and the inputs to show.
struct Claims {
    z3::context& c;
    Geometry g;
    Functions f{};
    std::vector<std::pair<std::string, Word>> inputs{};
    std::vector<Term> in_range{};
    Term assumed, claim;

    Claims(z3::context& ctx, const Geometry& geo)
        : c(ctx), g(geo), assumed(ctx.bool_val(true)), claim(assumed) {}
    Word any(const char* name) {
        inputs.emplace_back(name, Word{c.bv_const(name, 64)});
        return inputs.back().second;
    }
    // As a whole number.
    Word any_whole(const char* name) {
        inputs.emplace_back(name, Word{c.int_const(name), &in_range});
        const Word w = inputs.back().second;
        assume(w.t >= 0 && w.t <= w.lit(~u64{0}));
        return w;
    }
    [[nodiscard]] Term everything() const {
        Term out = claim;
        for (const Term& t : in_range) out = out && t;
        return out;
    }
    // Frames that a machine can have: why_impossible(): 2^36 of each node and hot block.
    Word any_pfn(const char* name) {
        const Word p = any(name);
        assume(p < (u64{1} << 39));
        return p;
    }
    Word vpage(Word pfn) const { return f.vpage_of(pfn, g.struct_page_bytes, g.page_shift()); }
    [[nodiscard]] int pmd_shift() const { return g.pmd_order().value; }
    void assume(const Term& t) { assumed = assumed && t; }
    void follows(const Term& t) { claim = claim && t; }
};

void vpage_holds_struct_page(Claims& x) {
    const Word p = x.any_pfn("pfn"), v = x.vpage(p);
    const Word byte = p * u64{x.g.struct_page_bytes};
    x.follows((v << x.g.page_shift()) <= byte);
    x.follows(byte < (v + 1) << x.g.page_shift());
    // Nothing wrapped around: the product in 128 bits is the product.
    x.follows(z3::zext(byte.t, 64) == z3::zext(p.t, 64) * number(x.c, x.g.struct_page_bytes, 128));
}

void vpage_is_monotone(Claims& x) {
    const Word a = x.any_pfn("a"), b = x.any_pfn("b");
    x.assume(a <= b);
    x.follows(x.vpage(a) <= x.vpage(b));
    x.follows(!(a + (x.g.struct_pages_per_page() + 1) <= b) || x.vpage(a) < x.vpage(b));
}

// Of every size that HVO optimises: whole vmemmap pages, as many as vmemmap_pages() says, aligned to their
// number, in one PMD or whole PMDs.
void folio_has_whole_pages(Claims& x) {
    const Word head = x.any_pfn("head");
    for (u8 i = 0; i < x.g.nr_hstates(); ++i) {
        const u8 order = x.g.folio_order[i];
        if (!x.g.optimizable_pages(order)) continue;
        const u64 n = x.g.vmemmap_pages(order), ptrs = x.g.ptrs_per_pte;
        const Word start = x.vpage(head), last = x.vpage(head + ((u64{1} << order) - 1));
        Term good = (start << x.g.page_shift()) == head * u64{x.g.struct_page_bytes};
        good = good && last == start + (n - 1) && start % n == 0;
        good = good && (n <= ptrs ? x.f.pmd_of(start, x.pmd_shift()) == x.f.pmd_of(last, x.pmd_shift())
                                  : start % ptrs == 0);
        x.follows(!(head % (u64{1} << order) == 0) || good);
    }
}

void disjoint_folios_have_disjoint_vmemmap(Claims& x) {
    const Word a = x.any_pfn("a"), b = x.any_pfn("b"), v = x.any("vpage");
    for (u8 i = 0; i < x.g.nr_hstates(); ++i)
        for (u8 j = 0; j < x.g.nr_hstates(); ++j) {
            const u64 na = u64{1} << x.g.folio_order[i], nb = u64{1} << x.g.folio_order[j];
            if (!x.g.optimizable_pages(x.g.folio_order[i]) || !x.g.optimizable_pages(x.g.folio_order[j]))
                continue;
            const Term apart = a % na == 0 && b % nb == 0 && a + na <= b;
            const Term in_a = x.vpage(a) <= v && v < x.vpage(a) + x.g.vmemmap_pages(x.g.folio_order[i]);
            x.follows(!(apart && in_a) || v < x.vpage(b));
        }
}

void pmd_and_entry_are_a_page(Claims& x) {
    const Word v = x.any("vpage"), w = x.any("other");
    const int s = x.pmd_shift();
    x.follows(x.f.page_at(x.f.pmd_of(v, s), x.f.entry_of(v, s), s) == v);
    x.follows(x.f.entry_of(v, s) < u64{x.g.ptrs_per_pte});
    const Term same = x.f.pmd_of(v, s) == x.f.pmd_of(w, s) && x.f.entry_of(v, s) == x.f.entry_of(w, s);
    x.follows(!same || v == w);
    x.follows(!(v <= w) || x.f.pmd_of(v, s) <= x.f.pmd_of(w, s));
}

// A chunk in the vmalloc range, below 2^62; units of less than 2 GiB (an int measures them) within 2^45
// bytes.
struct Chunk {
    Word base, unit_pages;
};
// Page-aligned words are given as page numbers: that they are multiples need not be found out then.
Chunk any_chunk(Claims& x) {
    const Word base = x.any_whole("base_page");
    const Chunk k{base * u64{x.g.page_bytes}, x.any_whole("unit_pages")};
    x.assume(base >= vmalloc_start / x.g.page_bytes && base < (u64{1} << 62) / x.g.page_bytes);
    x.assume(k.unit_pages >= 1 && k.unit_pages < (u64{1} << 31) / x.g.page_bytes);
    return k;
}
Word any_offset(Claims& x, const char* name) {
    const Word o = x.any_whole(name);
    x.assume(o < (u64{1} << 45) / x.g.page_bytes);
    return o * u64{x.g.page_bytes};
}

void chunk_page_and_address_agree(Claims& x) {
    const Chunk k = any_chunk(x);
    const Word offset = any_offset(x, "unit_offset"), page = x.any_whole("page");
    x.assume(page < k.unit_pages);
    const Word addr = x.f.chunk_addr(k.base, offset, page, x.g.page_bytes);
    const Word v = x.f.range_page(addr, vmalloc_start, x.g.page_bytes);
    x.follows(v * u64{x.g.page_bytes} + vmalloc_start == addr);
    x.follows(k.base <= addr);
}

void units_do_not_share_addresses(Claims& x) {
    const Chunk k = any_chunk(x);
    const Word low = any_offset(x, "lower_unit"), high = any_offset(x, "higher_unit");
    const Word i = x.any_whole("i"), j = x.any_whole("j");
    x.assume(i < k.unit_pages && j < k.unit_pages);
    x.assume(low + k.unit_pages * u64{x.g.page_bytes} <= high || (low == high && i != j));
    auto page = [&](const Word& o, const Word& p) {
        return x.f.range_page(x.f.chunk_addr(k.base, o, p, x.g.page_bytes), vmalloc_start, x.g.page_bytes);
    };
    x.follows(page(low, i) != page(high, j));
}

void span_covers_every_unit(Claims& x) {
    const Chunk k = any_chunk(x);
    const Word low = any_offset(x, "low"), high = any_offset(x, "high"), unit = any_offset(x, "unit");
    const Word from = x.any_whole("start"), to = x.any_whole("end"), i = x.any_whole("page");
    x.assume(low <= unit && unit <= high && from <= i && i < to && to <= k.unit_pages);
    auto page = [&](const Word& o, const Word& p) {
        return x.f.range_page(x.f.chunk_addr(k.base, o, p, x.g.page_bytes), vmalloc_start, x.g.page_bytes);
    };
    const Word first = page(low, from), nr = page(high, to) - page(low, from); // Pcpu::span_pages()
    x.follows(first <= page(unit, i) && page(unit, i) < first + nr);
    // ... and nothing outside of the lowest to the highest unit.
    x.follows(first + nr <= page(high, k.unit_pages) && page(low, Word{low.lit(0), &x.in_range}) <= first);
}

// An index is a unit and a page, and no other.
void page_idx_is_injective(Claims& x) {
    for (const u64 unit_pages : {1, 2, 3, 8, 11, 46, 512, 8191}) {
        const std::string n = std::to_string(unit_pages);
        const Word u = x.any_whole(("unit_" + n).c_str()), v = x.any_whole(("other_" + n).c_str());
        const Word i = x.any_whole(("i_" + n).c_str()), j = x.any_whole(("j_" + n).c_str());
        const Word pages{u.lit(unit_pages), &x.in_range};
        x.assume(u < (u64{1} << 16) && v < (u64{1} << 16) && i < pages && j < pages);
        x.follows(!(x.f.page_idx(u, pages, i) == x.f.page_idx(v, pages, j)) || (u == v && i == j));
        x.follows(x.f.page_idx(u, pages, i) < (u + 1) * pages);
    }
}

void units_of_a_group_lie_side_by_side(Claims& x) {
    const Word group = any_offset(x, "group_offset"), i = x.any_whole("i"), j = x.any_whole("j"),
               nr = x.any_whole("nr_units");
    const Word size = x.any_whole("unit_size");
    x.assume(i < j && j < nr && nr <= 256 && size >= x.g.page_bytes && size < (u64{1} << 31));
    x.follows(x.f.unit_offset(group, i, size) + size <= x.f.unit_offset(group, j, size));
    x.follows(x.f.unit_offset(group, j, size) + size <= group + nr * size);
    x.follows(group <= x.f.unit_offset(group, i, size));
}

struct Property {
    const char* name;
    const char* what;
    void (*state)(Claims&);
    const char* wrong_what; // the wrong variant
    void (*wrong)(Claims&);
};

const Property properties[] = {
    {"vpage_holds_struct_page", "a struct page begins in its vmemmap page, and no product wraps",
     vpage_holds_struct_page, "one bit too few is shifted out",
     [](Claims& x) { x.f.vpage_of = [](Word p, u64 n, int s) { return exact::vpage_of(p, n, s - 1); }; }},
    {"vpage_is_monotone", "vmemmap pages are in the order of the pages that they describe", vpage_is_monotone,
     "the page number is cut to 32 bits",
     [](Claims& x) {
         x.f.vpage_of = [](Word p, u64 n, int s) { return exact::vpage_of(p & 0xffffffff, n, s); };
     }},
    {"folio_has_whole_pages",
     "a folio's vmemmap is [start, end): whole pages, aligned, in one PMD or whole ones",
     folio_has_whole_pages, "the page after is taken",
     [](Claims& x) { x.f.vpage_of = [](Word p, u64 n, int s) { return exact::vpage_of(p + 1, n, s) + 1; }; }},
    {"disjoint_folios", "disjoint folios have disjoint vmemmap", disjoint_folios_have_disjoint_vmemmap,
     "the product is cut to 36 bits",
     [](Claims& x) {
         x.f.vpage_of = [](Word p, u64 n, int s) { return (p * n & ((u64{1} << 36) - 1)) >> s; };
     }},
    {"pmd_and_entry", "PMD and entry split a page number, and join to it again", pmd_and_entry_are_a_page,
     "the entry loses its highest bit",
     [](Claims& x) { x.f.entry_of = [](Word v, int s) { return exact::entry_of(v, s - 1); }; }},
    {"chunk_page_and_address", "an address of a chunk is that of its page of the vmalloc range, and back",
     chunk_page_and_address_agree, "the direct map's beginning is taken for the range's",
     [](Claims& x) { x.f.range_page = [](Word a, u64, u64 n) { return exact::range_page(a, 0, n); }; }},
    {"units_do_not_share_addresses",
     "units that do not overlap have no page in common, and one has each once", units_do_not_share_addresses,
     "the unit's offset is left out",
     [](Claims& x) {
         x.f.chunk_addr = [](Word b, Word, Word p, u64 n) { return exact::chunk_addr(b, b - b, p, n); };
     }},
    {"span_covers_every_unit", "a span covers the pages of every unit, and nothing beyond the outer ones",
     span_covers_every_unit, "the page is left out of an address",
     [](Claims& x) {
         x.f.chunk_addr = [](Word b, Word o, Word p, u64 n) { return exact::chunk_addr(b, o, p - p, n); };
     }},
    {"page_idx_is_injective", "an index of the array of pages is one unit's page", page_idx_is_injective,
     "a unit has one page less",
     [](Claims& x) { x.f.page_idx = [](Word u, Word n, Word p) { return exact::page_idx(u, n - 1, p); }; }},
    {"units_of_a_group", "a group's units lie side by side within the group",
     units_of_a_group_lie_side_by_side, "the last unit is numbered from 1",
     [](Claims& x) {
         x.f.unit_offset = [](Word g, Word i, Word n) { return exact::unit_offset(g, i + 1, n); };
     }},
};

// Values for which the claim is false.
std::optional<std::string> refute(const Claims& x, Result& out) {
    z3::solver s = x.in_range.empty() ? z3::solver(x.c, "QF_BV") : z3::solver(x.c);
    s.add(x.assumed && !x.everything());
    ++out.nr_checks;
    const z3::check_result r = s.check();
    if (r == z3::unknown) throw z3::exception("Z3 does not know");
    if (r == z3::unsat) return std::nullopt;
    std::string example = "  " + std::string(x.g.arch) + ":";
    char value[32];
    for (const auto& [name, w] : x.inputs) {
        std::snprintf(value, sizeof value, " = 0x%llx",
                      static_cast<unsigned long long>(s.get_model().eval(w.t, true).get_numeral_uint64()));
        example += " " + name + value;
    }
    return example + "\n";
}

Result prove_property(const Property& p) {
    const Stopwatch watch;
    Result out;
    for (const Config& config : presets()) {
        z3::context c;
        Claims x(c, config.geometry), wrong(c, config.geometry);
        p.state(x);
        ++out.nr_paths;
        if (const auto example = refute(x, out)) {
            out.proved = false;
            out.broken = p.what;
            out.example += *example;
        }
        p.wrong(wrong);
        p.state(wrong);
        const auto example = refute(wrong, out);
        const bool says_nothing = wrong.claim.simplify().is_true(); // a size that HVO leaves alone
        if (!example && !says_nothing) {
            out.proved = false;
            out.broken = std::string("holds too when ") + p.wrong_what + " (" +
                         std::string(config.geometry.arch) + ")";
        }
        if (example) out.note = std::string("  when ") + p.wrong_what + ", refuted on" + *example;
    }
    out.seconds = watch.seconds();
    return out;
}

} // namespace

void add_arithmetic_theorems(std::vector<Theorem>& out) {
    for (const Property& p : properties)
        out.push_back(
            {std::string("arithmetic_") + p.name, false, [&p] { return prove_property(p); }, p.what});
}

} // namespace mmodel::symbolic
