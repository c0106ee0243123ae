// SPDX-License-Identifier: GPL-2.0 OR MIT
// A trace means the same on the model and on a kernel file of the same geometry: operations have the same
// outcomes.
#include <catch2/catch.hpp>

#include "fuzz/ops/generate.hpp"
#include "fuzz/ops/trace.hpp"
#include "model/hvo/boot_operations.hpp"
#include "model/step.hpp"
#include "props/skip.hpp"
#include "props/spec/linux/work_dir.hpp"
#include "spec/linux/host/runner.hpp"

using namespace mmodel;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t length = 80;

// Of the operations up to the first violation, how many there were. Memory does not run out, and no
// allocation is failed: two of the model's design may still allocate in another order. Nor does a walker take
// a reference, and nothing is done at boot: each kernel has its own rules for that.
std::size_t compare(bench::Runner& runner, const Config& c, u64 seed) {
    Mix mix;
    mix.fault_percent = 0;
    auto ops = random_ops(c, mix, seed, length);
    std::erase_if(ops, [](const Op& op) {
        return op.kind == OpKind::take_pages || op.kind == OpKind::walker_try_get || hvo::is_boot_op(op.kind);
    });
    const auto real = runner.run(ops);
    REQUIRE(real.has_value());
    const u64 nr = real->violations.empty() ? ops.size() : real->op_idx;
    World w(c);
    for (u64 i = 0; i < nr; ++i) {
        const Step s = step(w, ops[i]);
        INFO("seed " << seed << ", operation " << i << ": " << print_op(c.geometry, ops[i]));
        Outcome model = s.ran.outcome;
        if (ops[i].kind == OpKind::optimise) model.err = real->ran.at(i).outcome.err; // the call has none
        REQUIRE(real->ran.at(i).outcome == model);
        w = s.next;
    }
    return nr;
}

} // namespace

TEST_CASE(
    "the operations of a trace have the same outcomes on the model and on a file of its design, on tiny512") {
    const std::string dir = GENERATE(MMODEL_FIXTURES_DIR "/reuse_page", MMODEL_TREES_DIR "/linux-6.12.113");
    INFO(dir);
    if (!fs::exists(dir)) return skip(dir + " is not there; ./dev trees makes it");
    const auto tree = bench::open_tree(dir);
    REQUIRE(tree.has_value());
    const auto unit = bench::compile(*tree, test_work_dir(), {}, {}, bench::default_backend, "tiny512");
    INFO((unit ? "" : unit.error().what));
    REQUIRE(unit.has_value());
    for (const char* text : {"tiny512", "tiny512 nodes=2 memory=64K", "tiny512 boot=1"}) {
        const Config c = *parse_config(text);
        bench::Runner runner(*unit, c);
        std::size_t nr = 0;
        for (u64 seed = 0; seed < 40; ++seed) nr += compare(runner, c, seed);
        CHECK(nr > 400);
    }
}
