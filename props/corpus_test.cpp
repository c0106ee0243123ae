// SPDX-License-Identifier: GPL-2.0 OR MIT
// Every trace in corpus/ is replayed on the model under the specification and must end as it says. The
// deliberate breaks must all be there, and between them show every invariant that the model can break.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/shrink.hpp"
#include "fuzz/ops/trace_case.hpp"
#include "props/audit.hpp"
#include "props/example.hpp"

namespace mmodel {
namespace {

namespace fs = std::filesystem;

struct Case {
    std::string path; // below corpus/
    Trace trace;
};

std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

// All traces below corpus/, by path. One that cannot be read is a failure.
std::vector<Case> corpus() {
    std::vector<Case> out;
    for (const auto& entry : fs::recursive_directory_iterator(MMODEL_CORPUS_DIR)) {
        if (!entry.is_regular_file() || entry.path().extension() != ".trace") continue;
        const auto t = parse_trace(content_of(entry.path()));
        INFO(entry.path().string() << ": " << (t ? "" : print_error(t.error())));
        REQUIRE(t);
        out.push_back({fs::relative(entry.path(), MMODEL_CORPUS_DIR).string(), *t});
    }
    std::ranges::sort(out, {}, &Case::path);
    REQUIRE_FALSE(out.empty());
    return out;
}

std::vector<Case> sabotaged() {
    auto all = corpus();
    std::erase_if(all, [](const Case& c) { return c.trace.sabotage.empty(); });
    REQUIRE_FALSE(all.empty());
    return all;
}

bool has_tasks(const Trace& t) { return !t.tasks.nr_ops.empty(); }

// "ok", or the name of the invariant that broke.
std::string ending(const Trace& t) {
    const auto sabotage = t.sabotage.empty() ? Sabotage::none : sabotage_named(t.sabotage);
    if (!sabotage) return "no sabotage is named " + t.sabotage;
    if (has_tasks(t)) {
        const auto v = concurrent::replay(case_of(t), t.tasks.schedule).violation;
        return v ? std::string(spec::fact(v->inv).name) : "ok";
    }
    const auto r = spec::check_sequence(t.config, t.ops, *sabotage);
    return r.violation ? std::string(spec::fact(r.violation->inv).name) : "ok";
}

std::string expected(const Trace& t) { return t.expect.empty() ? "ok" : t.expect; }

// They come last: of a design that the model has not, or judged only by the process that runs real code.
bool is_of_real_kernel_only(spec::Inv i) { return i >= spec::Inv::shared_tail_page_is_never_freed; }

} // namespace

TEST_CASE("every trace of the corpus ends as it says") {
    u64 nr_ok = 0, nr_violations = 0;
    for (const Case& c : corpus()) {
        INFO("build/release/bin/mmodel replay corpus/" << c.path);
        CHECK(ending(c.trace) == expected(c.trace));
        ++(expected(c.trace) == "ok" ? nr_ok : nr_violations);
    }
    CHECK(nr_ok >= 30);
    CHECK(nr_violations >= 30);
}

TEST_CASE("each subsystem has its seeds, and most of them have fuzz bytes") {
    std::map<std::string, int> all, encoded;
    for (const Case& c : corpus()) {
        const std::string dir = c.path.substr(0, c.path.find('/'));
        ++all[dir];
        encoded[dir] += encode(c.trace).has_value();
    }
    CHECK(all["hvo"] >= 30);
    CHECK(all["percpu"] >= 30);
    CHECK(all["mixed"] >= 5);
    for (const char* dir : {"hvo", "percpu", "mixed"}) CHECK(encoded[dir] * 10 >= all[dir] * 8);
}

TEST_CASE("every trace of the corpus is read back from what is printed of it") {
    for (const Case& c : corpus()) {
        INFO(c.path);
        CHECK(parse_trace(print_trace(c.trace)) == c.trace);
    }
}

TEST_CASE("each operation of the seeds does something, and together they are all there are") {
    std::set<OpKind> kinds;
    for (const Case& c : corpus()) {
        if (c.path.starts_with("sabotage/") || expected(c.trace) != "ok" || has_tasks(c.trace)) continue;
        World w(c.trace.config);
        for (const Op& op : c.trace.ops) {
            INFO(c.path << ": " << print_op(c.trace.config.geometry, op));
            CHECK_FALSE(run(w, op).outcome.disabled);
            kinds.insert(op.kind);
        }
        if (!w.pcpu().booted && w.config().nr_frames() < 1'000) CHECK(audit(w) == "");
    }
    for (const OpKind kind : all_op_kinds) {
        INFO(name(kind));
        CHECK(kinds.contains(kind));
    }
}

TEST_CASE(
    "every sabotage has a trace of its name, and every invariant of the model is broken by some trace") {
    std::set<std::string> sabotages, invariants;
    for (const Case& c : corpus()) {
        const std::string file = c.trace.sabotage + ".trace";
        if (c.path == "sabotage/" + file || c.path == "concurrent/" + file)
            sabotages.insert(c.trace.sabotage);
        if (expected(c.trace) != "ok") invariants.insert(c.trace.expect);
    }
    for (const auto& s : sabotage_names) {
        INFO("corpus/sabotage or corpus/concurrent: " << s.name << ".trace");
        CHECK(sabotages.contains(std::string(s.name)));
    }
    for (const spec::Inv inv : spec::all_invariants) {
        INFO(spec::fact(inv).name);
        CHECK(invariants.contains(std::string(spec::fact(inv).name)) != is_of_real_kernel_only(inv));
    }
}

TEST_CASE("a sabotaged trace is well without its sabotage") {
    for (Case c : sabotaged()) {
        INFO(c.path);
        c.trace.sabotage.clear();
        CHECK(ending(c.trace) == "ok");
    }
}

TEST_CASE("a sabotaged trace shrinks to one with the same sabotage that breaks the same invariant") {
    for (const Case& c : sabotaged()) {
        if (has_tasks(c.trace)) continue;
        INFO(c.path);
        const auto same = [&](const Trace& t) {
            return t.sabotage == c.trace.sabotage && ending(t) == c.trace.expect;
        };
        ShrinkStats stats;
        const Trace least = shrink(c.trace, same, &stats);
        CHECK(stats.reproduced);
        CHECK(stats.reached_end);
        CHECK(same(least));
        CHECK(least.ops.size() == c.trace.ops.size()); // what is in the corpus is minimal
    }
}

TEST_CASE("a sabotaged trace with tasks has no smaller schedule that breaks the same invariant") {
    int nr = 0;
    for (const Case& c : sabotaged()) {
        if (!has_tasks(c.trace)) continue;
        ++nr;
        INFO(c.path);
        const auto broken = concurrent::replay(case_of(c.trace), c.trace.tasks.schedule);
        REQUIRE(broken.violation);
        const auto least = concurrent::shrink({*broken.violation, case_of(c.trace), broken.schedule});
        CHECK(least.violation.inv == broken.violation->inv);
        CHECK(least.what.before.size() + c.trace.tasks.total() == c.trace.ops.size());
        CHECK(least.schedule.size() == broken.schedule.size());
        // Not in any order of its operations alone.
        World start(c.trace.config);
        CHECK_FALSE(concurrent::run_before(case_of(c.trace), start));
        const concurrent::Case what = case_of(c.trace);
        CHECK_FALSE(concurrent::SerialOrders(start, what).all().violation);
    }
    CHECK(nr >= 6);
}

} // namespace mmodel
