// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "model/machine/machine.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "props/example.hpp"

namespace mmodel {
namespace {

// A machine whose PMD 0 has just become a table, and that table's frame.
struct Split {
    Machine m;
    Pfn table;
};

Split split_machine(const char* geometry = "tiny") {
    Machine m(config_of(geometry));
    const Pfn table = *m.alloc_table(Nid{0});
    for (u32 i = 0; i < m.geometry().ptrs_per_pte; ++i)
        m.set_pte({table, i}, Pte::map(m.pmd(0).pfn + i, true));
    m.install_table(0, table);
    return {std::move(m), table};
}

std::set<u64> stale_of(const Machine& m, Vpage v) {
    std::set<u64> out;
    m.for_each_stale(v, [&](Pte p) { out.insert(p.raw); });
    return out;
}

} // namespace

TEST_CASE("at boot the vmemmap is PMD leaves over the node's first frames, which are reserved and not free") {
    const Machine m(config_of("x86-64 nodes=2"));
    CHECK(m.tally.vmemmap_boot == 2 * 16'384);
    CHECK(m.counters.memmap_boot == 2 * 16'384);
    CHECK(m.counters.memmap == 0);
    CHECK(m.pmd(0) == Pmd{Pmd::Kind::leaf, Pfn{0}});
    CHECK(m.pmd(32) == Pmd{Pmd::Kind::leaf, Pfn{1 << 20}});
    CHECK(m.pmd(64).kind == Pmd::Kind::none); // of a block that is not there yet
    CHECK(m.translate(Vpage{513}) == Pte::map(Pfn{513}, true));
    CHECK(m.translate(Vpage{16'384 + 7}) == Pte::map(Pfn{(1 << 20) + 7}, true));
    CHECK(m.is_mapped(Pfn{16'383}));
    CHECK(m.is_reserved(Pfn{16'383}));
    CHECK_FALSE(m.is_free(Pfn{16'383}));
    CHECK(m.is_free(Pfn{16'384}));
    CHECK_FALSE(m.is_mapped(Pfn{16'384}));
    CHECK(m.nr_free_pages(Nid{1}) == (1u << 20) - 16'384u);
    CHECK(m.nid_of(Pfn{1 << 20}) == Nid{1});
    CHECK_FALSE(m.has_stale());
}

TEST_CASE("the leaf may be used by a TLB until a flush covers it, whichever part of it") {
    for (Vpage flushed : {Vpage{0}, Vpage{2}, Vpage{3}}) {
        auto [m, table] = split_machine();
        CHECK(stale_of(m, Vpage{2}) == std::set<u64>{Pte::map(Pfn{2}, true).raw});
        CHECK(m.may_be_cached(Pfn{2}));
        m.flush_tlb(flushed, flushed + 1);
        CHECK_FALSE(m.has_stale());
        CHECK_FALSE(m.may_be_cached(Pfn{2}));
    }
    auto [m, table] = split_machine();
    m.flush_tlb(Vpage{4}, Vpage{8});
    CHECK(m.may_be_cached(Pfn{2}));
    m.flush_tlb_all();
    CHECK_FALSE(m.has_stale());
}

TEST_CASE("every translation since the last flush may still be used, and only those") {
    auto [m, table] = split_machine();
    m.flush_tlb_all();
    const Pfn a = *m.alloc_page(Nid{0}, true), b = *m.alloc_page(Nid{0}, true);
    const Pte old = m.translate(Vpage{1});
    m.set_pte({table, 1}, Pte::map(a, true));
    m.set_pte({table, 1}, Pte::map(b, true));
    CHECK(stale_of(m, Vpage{1}) == std::set<u64>{old.raw, Pte::map(a, true).raw});
    CHECK(stale_of(m, Vpage{2}).empty());
    CHECK(m.frame(a).nr_stale == 1);
    CHECK(m.may_be_cached(a));
    CHECK_FALSE(m.may_be_cached(b));
    m.flush_tlb(Vpage{2}, Vpage{4});
    m.flush_tlb(Vpage{0}, Vpage{1});
    m.flush_tlb(Vpage{1}, Vpage{1});
    CHECK(stale_of(m, Vpage{1}).size() == 2);
    m.flush_tlb(Vpage{1}, Vpage{2});
    CHECK(stale_of(m, Vpage{1}).empty());
    CHECK(m.frame(a).nr_stale == 0);
    CHECK_FALSE(m.has_stale());
}

TEST_CASE("writing a PTE as it is, or twice, leaves no stale translation twice") {
    auto [m, table] = split_machine();
    m.flush_tlb_all();
    const Pfn a = *m.alloc_page(Nid{0}, true);
    const Pte old = m.translate(Vpage{1});
    m.set_pte({table, 1}, old);
    CHECK_FALSE(m.has_stale());
    for (int i = 0; i < 4; ++i) m.set_pte({table, 1}, i % 2 ? old : Pte::map(a, true));
    CHECK(stale_of(m, Vpage{1}) == std::set<u64>{old.raw, Pte::map(a, true).raw});
    CHECK(m.frame(a).nr_stale == 1);
    m.flush_tlb_all();
    CHECK(m.frame(a).nr_stale == 0);
    CHECK(m.frame(old.pfn()).nr_stale == 0);
}

TEST_CASE("entries of installed tables count, and the last one to go leaves its frame detached") {
    auto [m, table] = split_machine();
    CHECK(m.tally.tables == 1);
    CHECK(m.tally.private_tables == 0);
    const Pfn p = *m.alloc_page(Nid{0}, true);
    CHECK(m.tally.detached == 1);
    const Pfn old = m.translate(Vpage{1}).pfn();
    m.set_pte({table, 1}, Pte::map(p, true));
    CHECK(m.frame(p).nr_ptes == 1);
    CHECK(m.frame(p).owner == Owner::vmemmap);
    CHECK(m.frame(old).owner == Owner::detached);
    CHECK(m.tally.vmemmap_buddy == 1);
    CHECK(m.tally.vmemmap_boot == 31);
    CHECK(m.tally.detached == 1);
    m.set_pte({table, 2}, Pte::map(p, false));
    CHECK(m.frame(p).nr_ptes == 2);
    CHECK(m.tally.detached == 2);
    m.free_page(old);
    CHECK(m.is_free(old));
    CHECK_FALSE(m.is_reserved(old));
    CHECK(m.tally.detached == 1);
    m.free_page(p); // mapped: nobody's to free
    CHECK_FALSE(m.is_free(p));
}

TEST_CASE(
    "a private table maps nothing and takes its entries along when it is freed, and an installed one stays") {
    Machine m(config_of("tiny"));
    const Machine boot = m;
    const Pfn table = *m.alloc_table(Nid{0});
    CHECK(m.tally.private_tables == 1);
    const Pfn p{5};
    m.set_pte({table, 1}, Pte::map(p, true));
    CHECK(m.frame(p).nr_ptes == 0);
    CHECK_FALSE(m.has_stale()); // nobody translates through it
    CHECK(m.is_unordered(table));
    m.free_table(table);
    CHECK_FALSE(m.pte({table, 1}).present());
    CHECK(m.tally == boot.tally);
    CHECK(m.is_free(table));
    auto [split, installed] = split_machine();
    split.free_table(installed);
    CHECK(split.tally.tables == 1);
    CHECK_FALSE(split.is_free(installed));
}

TEST_CASE("stores are unordered until a barrier") {
    Machine m(config_of("tiny"));
    m.note_store(Pfn{40});
    m.note_store(Pfn{40});
    CHECK(m.is_unordered(Pfn{40}));
    CHECK_FALSE(m.is_unordered(Pfn{41}));
    m.order_stores();
    CHECK_FALSE(m.is_unordered(Pfn{40}));
}

TEST_CASE("a page comes from its node, else from the next one that has some, unless it must be this one") {
    Machine m(config_of("tiny nodes=3"));
    m.set_pressure(Nid{1}, 96);
    CHECK(m.nr_free_pages(Nid{1}) == 0);
    CHECK(m.nr_free_or_held_pages(Nid{1}) == 96);
    CHECK_FALSE(m.alloc_page(Nid{1}, true));
    CHECK(m.nid_of(*m.alloc_page(Nid{1}, false)) == Nid{0});
    m.set_pressure(Nid{0}, 1'000);
    CHECK(m.nid_of(*m.alloc_page(Nid{1}, false)) == Nid{2});
    m.set_pressure(Nid{1}, 0);
    CHECK(m.nid_of(*m.alloc_page(Nid{1}, true)) == Nid{1});
    CHECK_FALSE(m.take_block(Nid{1}, Order{5}, false)); // past the largest order
    CHECK(m.take_contig(Nid{1}, Order{5}) == Pfn{192});
}

TEST_CASE("a range goes back in blocks, and the machine is as before it was taken") {
    Machine m(config_of("tiny"));
    const Machine boot = m;
    for (u8 order : {0, 3, 4, 5}) {
        const Pfn p = *m.take_contig(Nid{0}, Order{order});
        CHECK_FALSE(m == boot);
        m.give_range(p, u64{1} << order);
        CHECK(m == boot);
        CHECK(m.hash() == boot.hash());
    }
}

TEST_CASE(
    "a hot-added block is mapped from where it was told, and its vmemmap is self-hosted if it is its own") {
    Machine m(config_of("tiny"));
    const Config& c = m.config();
    const Pfn start = c.hot_block_start(0);
    CHECK_FALSE(m.is_populated(start));
    m.add_block(0, Nid{0}, start, true);
    CHECK(m.is_populated(start));
    CHECK(m.is_self_hosted(start));
    CHECK(m.is_self_hosted(start + 7));
    CHECK_FALSE(m.is_self_hosted(start + 8));
    CHECK(m.is_free(start + 8));
    CHECK(m.counters.memmap == 8);
    CHECK(m.tally.vmemmap_buddy == 8);
    const Vpage v = c.geometry.vpage_of(start);
    CHECK(m.translate(v + 3) == Pte::map(start + 3, true));
    const Pfn elsewhere = *m.take_contig(Nid{0}, Order{3});
    m.add_block(1, Nid{0}, elsewhere, false);
    CHECK_FALSE(m.is_self_hosted(elsewhere));
    CHECK_FALSE(m.is_reserved(elsewhere));
    CHECK(m.is_under_unsplit_block(elsewhere));
    m.split_page(elsewhere);
    CHECK_FALSE(m.is_under_unsplit_block(elsewhere));
    CHECK(m.is_under_unsplit_block(elsewhere + 4)); // the next PMD's
    CHECK(m.translate(c.geometry.vpage_of(c.hot_block_start(1))) == Pte::map(elsewhere, true));
}

TEST_CASE(
    "struct pages read as initialised for whoever has the memory, and as junk in a frame nobody filled") {
    Machine m(config_of("x86-64"));
    const Vpage v{100};
    CHECK(m.read(Pfn{100}) == m.freshly_initialised(v));
    CHECK(m.freshly_initialised(v).rest == slot::plain);
    m.prep_compound(0, Pfn{100 * 64}, 9);
    const Contents head = m.freshly_initialised(v), tails = m.freshly_initialised(v + 1);
    CHECK(head.slots[0] == slot::head);
    CHECK(head.slots[1] == slot::meta + 1);
    CHECK(head.slots[3] == slot::meta + 3);
    CHECK(head.slots[4] == slot::tail);
    CHECK(tails.slots[0] == slot::tail);
    CHECK(tails.slots[1] == slot::tail);
    CHECK(tails.subject == 100 * 64);
    CHECK(m.read(Pfn{100}) == head);
    CHECK(m.read(Pfn{107}) == tails);
    CHECK(m.read(Pfn{108}).rest == slot::plain);
    CHECK(m.read(*m.alloc_page(Nid{0}, true)).kind == Contents::Kind::junk);
    m.dissolve_compound(0);
    CHECK(m.read(Pfn{100}).slots[0] == slot::plain);
}

TEST_CASE("machines differ in hash when they differ in any part that matters") {
    const Machine boot(config_of("tiny"));
    std::set<u64> hashes{boot.hash()};
    auto changed = [&](auto&& change) {
        Machine m = boot;
        change(m);
        CHECK_FALSE(m == boot);
        CHECK(hashes.insert(m.hash()).second);
    };
    changed([](Machine& m) { (void)m.alloc_page(Nid{0}, true); });
    changed([](Machine& m) { (void)m.alloc_table(Nid{0}); });
    changed([](Machine& m) { m.counters.static_key = 1; });
    changed([](Machine& m) { ++m.counters.memmap; });
    changed([](Machine& m) { ++m.counters.memmap_boot; });
    changed([](Machine& m) { m.prep_compound(1, Pfn{64}, 3); });
    changed([](Machine& m) { m.prep_compound(2, Pfn{64}, 3); });
    changed([](Machine& m) { m.set_pressure(Nid{0}, 3); });
    changed([](Machine& m) { m.walkers[0] = {true, false, Pfn{7}}; });
    changed([](Machine& m) { m.walkers[0] = {true, true, Pfn{7}}; });
    changed([](Machine& m) { m.set_lock(Lock::page_table, true); });
    changed([](Machine& m) { m.set_lock(Lock::mmap_read, true); });
    changed([](Machine& m) { m.note_store(Pfn{1}); });
    changed([](Machine& m) { m.split_page(Pfn{1}); });
    changed([](Machine& m) { m.write(Pfn{1}, Contents::junk()); });
    changed([](Machine& m) { m.add_block(0, Nid{0}, m.config().hot_block_start(0), true); });
}

TEST_CASE("a machine of a terabyte boots, copies and takes a page without touching its memory") {
    const Machine big(config_of("x86-64 memory=1T"));
    for (int i = 0; i < 10'000; ++i) {
        Machine copy = big;
        REQUIRE(copy.alloc_page(Nid{0}, true));
    }
    CHECK(big.nr_free_pages(Nid{0}) == (u64{1} << 28) - (u64{1} << 22));
}

} // namespace mmodel
