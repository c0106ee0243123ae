// SPDX-License-Identifier: GPL-2.0 OR MIT
// The canary: what drawn sequences find nothing of in the model, they find in every break of it, and what is
// then printed is about as short as the trace of that break in corpus/sabotage.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "props/prop.hpp"

namespace mmodel {
namespace {

namespace fs = std::filesystem;

// The trace of each break that one operation after the other shows.
std::vector<Trace> kept_traces() {
    std::vector<Trace> out;
    for (const auto& entry : fs::directory_iterator(fs::path(MMODEL_CORPUS_DIR) / "sabotage")) {
        std::ifstream in(entry.path());
        std::ostringstream text;
        text << in.rdbuf();
        const auto t = parse_trace(text.str());
        REQUIRE(t);
        if (entry.path().stem() == t->sabotage) out.push_back(*t);
    }
    std::ranges::sort(out, {}, &Trace::sabotage);
    REQUIRE(out.size() > 60);
    return out;
}

// Sequences for the machine that the trace needs, of the subsystem that it is about.
rc::Gen<Trace> like(const Trace& t) {
    const bool percpu = std::ranges::any_of(t.ops, is_percpu, &Op::kind);
    const Mix mix{.gigantic_percent = 20,
                  .max_fault = static_cast<u16>(percpu ? 40 : 12),
                  .subsystem = percpu ? Subsystem::percpu : Subsystem::hvo};
    return with_break(gen_trace(t.config, mix, 1, 120), t.sabotage);
}

} // namespace

TEST_CASE(
    "every break is found by drawn sequences, and printed about as short as it is kept in corpus/sabotage") {
    std::size_t nr_printed = 0, nr_kept = 0;
    for (const Trace& kept : kept_traces()) {
        const PropParams params{.seed = default_seed, .budget = 3'000};
        const auto r = check_traces("break " + kept.sabotage, params, like(kept), judge_spec);
        INFO(kept.sabotage << ": " << r.report);
        REQUIRE_FALSE(r.holds);
        REQUIRE(r.least);
        // What was drawn last decides which of several ways the shrinker ends at.
        CHECK(r.least->ops.size() <= 2 * kept.ops.size());
        nr_printed += r.least->ops.size();
        nr_kept += kept.ops.size();
    }
    CAPTURE(nr_printed, nr_kept);
    CHECK(nr_printed * 10 <= nr_kept * 11);
}

} // namespace mmodel
