// SPDX-License-Identifier: GPL-2.0 OR MIT
// Random and mutated input: to the readers in this process, and as files to the command.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <random>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/trace.hpp"
#include "props/environment.hpp"
#include "props/fuzz/cli/command.hpp"

using namespace mmodel;
using namespace mmodel::test;
namespace fs = std::filesystem;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) { return n ? random() % n : 0; }

// The corpus as text and as bytes, and the findings as Markdown.
std::vector<std::string> seeds() {
    std::vector<std::string> out;
    for (const char* dir : {"hvo", "sabotage"}) {
        for (const fs::path& file : corpus_files(dir)) {
            out.push_back(slurp(file));
            const auto trace = parse_trace(out.back());
            REQUIRE(trace);
            if (const auto bytes = encode(*trace)) out.emplace_back(bytes->begin(), bytes->end());
        }
    }
    // The trace of a finding, with its prose as comments, is run on the model, which does not break as the
    // kernel's file does.
    for (const auto& entry : fs::directory_iterator(MMODEL_FINDINGS_DIR)) {
        const std::string text = slurp(entry.path());
        out.push_back(text);
        const auto trace = text.find("mmodel trace 1\n");
        if (trace == std::string::npos) continue;
        std::string prose = text.substr(0, trace);
        for (auto at = prose.find('\n'); at != std::string::npos; at = prose.find('\n', at + 3))
            prose.replace(at, 1, "\n# ");
        out.push_back(text.substr(trace, text.find("```", trace) - trace) + "# " + prose);
    }
    return out;
}

std::string noise(Random& random) {
    std::string out(below(random, 200), '\0');
    for (char& c : out) c = static_cast<char>(random());
    if (below(random, 2)) out = "MMOD\x01" + out;
    return out;
}

// What a reader might trip over.
std::string token(Random& random) {
    static const std::vector<std::string> all{"=",
                                              ",",
                                              "#",
                                              " ",
                                              "\n",
                                              "\r\n",
                                              "\r",
                                              std::string(1, '\0'),
                                              "\t",
                                              "\xff",
                                              "18446744073709551615",
                                              "18446744073709551616",
                                              "-1",
                                              "0x10",
                                              "1e9",
                                              "folio=",
                                              "fail=0,0",
                                              "fail=65534",
                                              "page=4294967295",
                                              "folios=0,1,2,3",
                                              "expect ok\n",
                                              "sabotage warn\n",
                                              "geometry tiny nodes=4 memory=1T\n",
                                              "mmodel trace 1\n",
                                              "\nexpect inv_",
                                              "```\n",
                                              "MMOD",
                                              "hot_add on=1\n",
                                              "take_pages page=0\n"};
    return all[below(random, all.size())];
}

std::string mutated(Random& random, std::string text) {
    for (std::size_t n = 1 + below(random, 4); n > 0; --n) {
        const auto at = below(random, text.size()), from = below(random, text.size()), nr = below(random, 40);
        switch (below(random, 6)) {
        case 0:
            if (!text.empty()) text[at] = static_cast<char>(random());
            break;
        case 1: text.erase(at, 1 + nr / 4); break;
        case 2: text.insert(at, token(random)); break;
        case 3: text.insert(at, text.substr(from, nr)); break;
        case 4:
            if (below(random, 3) == 0) text.resize(at);
            break;
        case 5:
            if (!text.empty()) text[at] = "0123456789=,"[below(random, 12)];
            break;
        }
    }
    return text;
}

std::string any_input(Random& random, const std::vector<std::string>& from) {
    return below(random, 4) == 0 ? noise(random) : mutated(random, from[below(random, from.size())]);
}

std::string why_trace_is_wrong(const Trace& t) {
    if (!std::ranges::all_of(t.ops, [&](const Op& op) { return is_valid(t.config, op); }))
        return "an operation is not valid";
    const auto again = parse_trace(print_trace(t));
    if (!again) return "its print is refused: " + print_error(again.error());
    return *again == t ? "" : "its print reads back as another trace";
}

// Empty: a valid trace, or an error at a place that the text has; its end is the line after the last.
std::string why_reading_is_wrong(const std::string& text) {
    const auto t = parse_trace(text);
    if (t) return why_trace_is_wrong(*t);
    const TraceError& e = t.error();
    const auto lines = static_cast<u64>(std::ranges::count(text, '\n')) + 1;
    if (e.line < 1 || e.line > lines + 1 || e.column < 1 || e.column > text.size() + 1)
        return "no such place: " + print_error(e);
    if (e.what.empty() || e.what.size() > 500) return "no message of a reasonable size: " + print_error(e);
    return std::ranges::all_of(e.what, [](char c) { return c >= 0x20 && c <= 0x7e; })
               ? ""
               : "the message is not printable";
}

std::string why_decoding_is_wrong(const std::string& text) {
    const Trace t = decode({reinterpret_cast<const u8*>(text.data()), text.size()});
    if (t.ops.size() > max_decoded_ops) return "too many operations";
    return t.ops.size() <= 64 ? why_trace_is_wrong(t) : "";
}

u64 count(std::string_view text, std::string_view part) {
    u64 n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

struct Counted {
    u64 refused{}, read{};
};

} // namespace

TEST_CASE(
    "random and mutated inputs are each read as a valid trace or refused at a place, none of them slowly",
    "[times]") {
    using Clock = std::chrono::steady_clock;
    Random random(20);
    const auto from = seeds();
    Counted counted;
    const u64 nr = 200'000 * times();
    for (u64 i = 0; i < nr; ++i) {
        const std::string text = any_input(random, from);
        const auto start = Clock::now();
        std::string why = why_reading_is_wrong(text);
        if (why.empty()) why = why_decoding_is_wrong(text);
        if (Clock::now() - start > std::chrono::seconds(1)) why = "it took more than a second";
        if (!why.empty()) FAIL("input " << i << ": " << why << "\n" << text);
        ++(parse_trace(text) ? counted.read : counted.refused);
    }
    CHECK(counted.read > nr / 20);
    CHECK(counted.refused > nr / 4);
}

TEST_CASE("mutated files are each replayed or refused by the command, in words, with exit status 0, 1 or 2") {
    Random random(21);
    const auto from = seeds();
    const TempDir dir;
    std::array<int, 3> by_status{};
    for (int i = 0; i < 300; ++i) {
        const std::string text = any_input(random, from);
        const Said s = run_mmodel({"replay", dir.put("input", text)}, {.patience = 20});
        INFO("input " << i << ", status " << s.status << "\n" << s.err << "\n" << text);
        REQUIRE((s.status >= 0 && s.status <= 2));
        ++by_status[static_cast<std::size_t>(s.status)];
        if (s.status == 0) CHECK((has(s.out, "\nholds: ") || has(s.out, "\nas expected: ")));
        if (s.status == 1) CHECK((has(s.out, "\nviolates: ") || has(s.out, "\nnot as expected: ")));
        CHECK((s.status == 2) == s.err.starts_with("mmodel: "));
    }
    for (const int n : by_status) CHECK(n > 0);
}

// A process for each would take most of the time, and a gigantic folio most of the rest: a command is given a
// thousand files, made of traces without one.
TEST_CASE("of a thousand mutated files each has its verdict or its refusal", "[files]") {
    constexpr u64 nr_files = 1'000;
    Random random(22);
    auto from = seeds();
    std::erase_if(from, [](const std::string& text) {
        const auto t = parse_trace(text);
        return !t || std::ranges::any_of(t->ops, [](const Op& op) { return op.size > 0; });
    });
    const TempDir dir;
    const u64 nr_commands = 2 * times();
    for (u64 c = 0; c < nr_commands; ++c) {
        Args args{"replay", "--json"};
        for (u64 i = 0; i < nr_files; ++i)
            args.push_back(dir.put("input-" + std::to_string(i), any_input(random, from)));
        const Said s = run_mmodel(args, {.patience = 300});
        INFO("command " << c << ", status " << s.status);
        REQUIRE(s.status == 2);
        const u64 verdicts = count(s.out, "\"kind\":\"verdict\""), refusals = count(s.err, "\nmmodel: ") + 1;
        REQUIRE(verdicts + refusals == nr_files);
        REQUIRE(verdicts > nr_files / 20);
        REQUIRE(refusals > nr_files / 4);
    }
}
