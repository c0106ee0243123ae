// SPDX-License-Identifier: GPL-2.0 OR MIT
// The fuzz target of a kernel tree's own file: fuzz bytes (fuzz/ops/bytes.hpp) on the compiled file, in a
// child, under the spec. What of the file ran steers the engine. The environment says:
//   MMODEL_FUZZ_TREE, MMODEL_FUZZ_FILE   the tree's directory; the file as `mmodel linux --file` names it
//   MMODEL_FUZZ_WORK                     a directory for what is compiled
//   MMODEL_ALLOW                         a list of findings, or one, as `mmodel linux --allow` has it
//   MMODEL_ARTIFACTS                     where shortest traces are written; not set: nowhere
// What is found is told once, and fuzzing goes on. Ends with 2 or 3, as the command does, where it cannot
// run.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <vector>

#include "fuzz/campaign/campaign.hpp"
#include "fuzz/campaign/findings.hpp"
#include "fuzz/campaign/input.hpp"
#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/mutate.hpp"
#include "fuzz/ops/shell.hpp"
#include "spec/linux/host/data_dir.hpp"

// Each counter is a feature for libFuzzer: a pair of an edge and the class of the world that it ran in.
// Pairs that share a counter are few. Who reads them is not seen by the compiler.
__attribute__((used, section("__libfuzzer_extra_counters"))) static std::array<mmodel::u8, 1 << 17>
    reached_pairs;

namespace mmodel {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> geometries{"x86-64", "tiny512"};

struct Fuzzed {
    bench::Tree tree;
    Subsystem subsystem;
    bench::Campaign campaign; // of both geometries
    std::size_t told{};       // of its findings
};

Fuzzed* fuzzed; // lives as long as the process, which engines end without destructors

[[noreturn]] void end(int status, const std::string& why) {
    std::fprintf(stderr, "mmodel: %s\n", why.c_str());
    std::_Exit(status);
}

[[noreturn]] void end(const bench::Problem& p) {
    end(p.usage ? cli::exit_usage : cli::exit_environment, p.what);
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string needed(const char* name) {
    const std::string value = environment(name);
    if (value.empty()) end(cli::exit_usage, std::string(name) + " is not set; ./dev fuzz linux sets it");
    return value;
}

bench::Tree tree_asked_for() {
    const fs::path dir = needed("MMODEL_FUZZ_TREE");
    std::error_code ec;
    if (!fs::is_directory(dir, ec)) end(cli::exit_usage, dir.string() + " is no directory");
    const auto tree = bench::open_tree(dir);
    if (!tree) end(tree.error());
    const std::string file = needed("MMODEL_FUZZ_FILE");
    auto judged = tree->judged_by(file == "hvo" ? "hugetlb_vmemmap" : file);
    if (!judged) end(judged.error());
    return *judged;
}

std::vector<bench::Known> known_findings(const bench::Tree& tree) {
    const auto records = cli::read_findings(bench::data_dir("findings"));
    if (!records) end(cli::exit_environment, records.error());
    auto out = cli::known_of(*records, tree);
    const std::string allow = environment("MMODEL_ALLOW");
    if (allow.empty()) return out;
    const auto allowed = cli::read_allowed(allow);
    if (!allowed) end(cli::exit_usage, "MMODEL_ALLOW: " + allowed.error());
    for (const cli::Allowed& a : *allowed) out.push_back({a.identity});
    return out;
}

// Those of fuzz_configs(), in sizes that the file is compiled for: x86-64's as they are, tiny ones as
// tiny512's, and what else there is, or has no such machine, plain.
std::vector<Config> machines_here() {
    std::vector<Config> out;
    for (const Config& c : fuzz_configs()) {
        const bool is_x86 = c.geometry.arch == geometries[0];
        const std::string text = print_config(c);
        const std::string options = text.starts_with("tiny ") ? text.substr(4) : "";
        const auto tiny = parse_config(std::string(geometries[1]) + options);
        out.push_back(is_x86 ? c : tiny ? *tiny : *parse_config(geometries[1]));
    }
    return out;
}

Trace decode_here(std::span<const u8> input) {
    static const std::vector<Config> machines = machines_here();
    Trace t = decode(input, machines);
    std::erase_if(t.ops, [](const Op& op) { return !belongs(op.kind, fuzzed->subsystem); });
    return t;
}

bench::Unit compiled(const bench::Tree& tree, std::string_view geometry) {
    const fs::path dir = fs::path(needed("MMODEL_FUZZ_WORK")) / geometry;
    auto unit = bench::compile(tree, dir, {}, {}, bench::default_backend, geometry);
    if (!unit) end(unit.error());
    if (!unit->edges)
        end(cli::exit_environment, "what of the file runs cannot be seen: " + unit->no_coverage);
    return *unit;
}

// The same in each run, and for each process of one: a hash (FNV-1a) tells findings of an invariant apart.
std::string name_of(const bench::Finding& f) {
    u32 hash = 2166136261;
    for (const char c : print_identity(f.identity)) hash = (hash ^ static_cast<u8>(c)) * 16777619;
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08x", hash);
    return fuzzed->tree.name + "-" + std::string(spec::fact(f.violation.inv).name) + "-" + hex;
}

// Five lines, what dev-fuzz.sh allows from here on, and the trace where it cannot be written.
void tell(const bench::Finding& f) {
    const spec::Violation& v = f.violation;
    const std::string name = name_of(f), dir = environment("MMODEL_ARTIFACTS"),
                      path = dir + "/" + name + ".trace";
    const std::string text = print_trace(trace_of(f));
    const std::string again =
        cli::again_command(f, "mmodel replay " + path_word(path) + " --tree " + path_word(fuzzed->tree.dir));
    std::string out = "\n==== mmodel: " + name + "\n" + std::string(spec::fact(v.inv).sentence) + "\n";
    out += "where  " + (v.where.empty() ? "after the operation, at rest" : v.where + "(), " + v.event) + "\n";
    out += "found  " + v.detail + "\nid     " + print_identity(f.identity) + "\n";
    const bool written = !dir.empty() && (std::ofstream(path) << text).flush().good();
    out += written ? "again  " + again + "\n====\n" : "trace  is written nowhere else:\n" + text + "====\n";
    std::fputs(out.c_str(), stderr);
}

} // namespace
} // namespace mmodel

using namespace mmodel;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const bench::Tree tree = tree_asked_for();
    const bool hvo = tree.name == "hugetlb_vmemmap";
    bench::Campaign campaign(compiled(tree, geometries[0]), {.known = known_findings(tree), .pool = false});
    campaign.add(compiled(tree, geometries[1]));
    fuzzed = new Fuzzed{tree, hvo ? Subsystem::hvo : Subsystem::percpu, std::move(campaign)};
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    Trace t = decode_here({data, size});
    if (t.ops.empty()) return 0;
    const bool second = t.config.geometry.arch == geometries[1];
    const auto pairs = fuzzed->campaign.try_one(std::move(t));
    for (; fuzzed->told < fuzzed->campaign.findings().size(); ++fuzzed->told)
        if (const auto& f = fuzzed->campaign.findings()[fuzzed->told]; !f.known) tell(f);
    if (!pairs) end(pairs.error());
    for (const u32 p : *pairs) reached_pairs[(u64{p} * 2 + second) % reached_pairs.size()] = 1;
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(u8* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return mutate(data, size, max_size, seed, fuzzed->subsystem);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const u8* a, std::size_t a_size, const u8* b,
                                                 std::size_t b_size, u8* out, std::size_t max_size,
                                                 unsigned seed) {
    return cross_over(a, a_size, b, b_size, out, max_size, seed);
}
