// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/generate.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "fuzz/ops/bytes.hpp"
#include "model/step.hpp"

namespace mmodel {
namespace {

u64 hash_of(const std::vector<Op>& ops, const Geometry& g) {
    u64 h = 0;
    for (const Op& op : ops)
        for (const char c : print_op(g, op)) h = hash_combine(h, static_cast<u64>(c));
    return h;
}

// How often each kind of operation was not disabled, and what else was reached.
struct Reach {
    std::map<std::string, u64> seen{};

    void run(const Config& c, const std::vector<Op>& ops) {
        World w(c);
        for (const Op& op : ops) {
            const pcpu::Pcpu before = w.pcpu();
            Step s = step(w, op);
            w = std::move(s.next);
            if (s.ran.outcome.disabled) continue;
            ++seen[std::string(name(op.kind)) + " " + name(s.ran.outcome.err)];
            if (op.fail.any() && s.ran.nr_failed_allocs) ++seen["fault"];
            if (op.kind == OpKind::pcpu_boot || !w.pcpu().booted) continue;
            compare(before, w.pcpu());
        }
    }

    void compare(const pcpu::Pcpu& a, const pcpu::Pcpu& b) {
        if (b.chunks.nr_live() > a.chunks.nr_live()) ++seen["chunk created"];
        if (b.chunks.nr_live() < a.chunks.nr_live()) ++seen["chunk destroyed"];
        for (pcpu::ChunkId id = 0; id < b.chunks.end_id(); ++id) {
            if (!b.chunks.is_live(id)) continue;
            const int list = b.chunks.list_of(id);
            if (list == b.layout.sidelined_slot) ++seen["sidelined"];
            if (list == b.layout.to_depopulate_slot) ++seen["to_depopulate"];
            if (!a.chunks.is_live(id)) continue;
            if (a.chunks[id].isolated && !b.chunks[id].isolated) ++seen["reintegrated"];
            if (b.chunks[id].nr_populated < a.chunks[id].nr_populated) ++seen["depopulated"];
        }
    }
};

} // namespace

TEST_CASE("a seed of HVO gives the operations that it always gave") {
    const Config tiny = *parse_config("tiny nodes=2"), x86 = *parse_config("x86-64");
    CHECK(hash_of(random_ops(tiny, {}, 1, 500), tiny.geometry) == 0x83c64b64931145ebull);
    CHECK(hash_of(random_ops(x86, {.gigantic_percent = 20, .max_fault = 12}, 7, 500), x86.geometry) ==
          0x71b98396ad3cf5ccull);
}

TEST_CASE("every operation drawn is valid, has fuzz bytes, and is drawn again with the same seed") {
    for (const Config& c : fuzz_configs())
        for (const Subsystem s : {Subsystem::hvo, Subsystem::percpu, Subsystem::both}) {
            const Mix mix{.subsystem = s};
            const Trace t{.config = c, .ops = random_ops(c, mix, 3, 300)};
            REQUIRE(t.ops.size() == 300);
            INFO(print_trace(t));
            for (const Op& op : t.ops) REQUIRE(is_valid(c, op));
            REQUIRE(parse_trace(print_trace(t)) == t);
            const auto bytes = encode(t);
            INFO((bytes ? "" : bytes.error()));
            REQUIRE(bytes);
            REQUIRE(decode(*bytes) == t);
            REQUIRE(random_ops(c, mix, 3, 300) == t.ops);
        }
}

TEST_CASE("percpu sequences boot on every machine of the fuzz bytes") {
    for (const Config& c : fuzz_configs()) {
        u64 booted = 0;
        for (u64 seed = 0; seed < 60; ++seed)
            booted += step(World(c), random_ops(c, {.subsystem = Subsystem::percpu}, seed, 1)[0])
                          .next.pcpu()
                          .booted;
        INFO(print_config(c));
        CHECK(booted >= 35);
    }
}

TEST_CASE("percpu sequences reach every operation, every error and every place that a chunk can be in") {
    for (const char* geometry : {"tiny cpus=0,0", "tiny nodes=2 cpus=0,1,1", "x86-64 nodes=2 cpus=0*3,1*2"}) {
        const Config c = *parse_config(geometry);
        Reach reach;
        for (u64 seed = 0; seed < 40; ++seed)
            reach.run(c, random_ops(c, {.subsystem = Subsystem::percpu}, seed, 200));
        INFO(geometry);
        for (const char* what : {"pcpu_boot 0",         "pcpu_boot -EINVAL",
                                 "pcpu_alloc 0",        "pcpu_alloc -EINVAL",
                                 "pcpu_alloc -ENOMEM",  "pcpu_free 0",
                                 "pcpu_free -EINVAL",   "pcpu_balance 0",
                                 "module_load 0",       "module_unload 0",
                                 "cpu_online 0",        "pcpu_lookup 0",
                                 "vm_create 0",         "vm_create -ENOMEM",
                                 "vm_populate 0",       "vm_populate -ENOMEM",
                                 "vm_depopulate 0",     "vm_destroy 0",
                                 "vm_should_reclaim 0", "take_pages 0",
                                 "give_pages 0",        "fault",
                                 "chunk created",       "chunk destroyed",
                                 "sidelined",           "to_depopulate",
                                 "reintegrated",        "depopulated"}) {
            INFO(what);
            CHECK(reach.seen[what] > 0);
        }
    }
}

TEST_CASE("mixed sequences have operations of both subsystems that do something") {
    const Config c = *parse_config("tiny nodes=2");
    Reach reach;
    for (u64 seed = 0; seed < 40; ++seed)
        reach.run(c, random_ops(c, {.subsystem = Subsystem::both}, seed, 200));
    for (const char* what : {"optimise 0", "optimise -ENOMEM", "restore 0", "pcpu_alloc 0",
                             "pcpu_alloc -ENOMEM", "pcpu_balance 0", "chunk created", "chunk destroyed"}) {
        INFO(what);
        CHECK(reach.seen[what] > 0);
    }
}

} // namespace mmodel
