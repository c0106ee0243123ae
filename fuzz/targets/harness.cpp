// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/targets/harness.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/ops/shell.hpp"
#include "fuzz/ops/shrink.hpp"
#include "spec/judge/check.hpp"

namespace mmodel::harness {
namespace {

// The command beside us or in the release build, with its whole path, so that it runs from any directory.
std::string replay() {
    namespace fs = std::filesystem;
    std::error_code ec;
    const fs::path here = fs::read_symlink("/proc/self/exe", ec).parent_path(); // build/<preset>/bin
    for (const fs::path& p : {here / "mmodel", here.parent_path().parent_path() / "release/bin/mmodel"})
        if (!ec && fs::exists(p, ec)) return path_word(p) + " replay ";
    return "mmodel replay ";
}

std::size_t index(spec::Inv i) { return static_cast<std::size_t>(i); }
std::string name_of(const spec::Violation& v) { return std::string(spec::fact(v.inv).name); }

// The machine as it boots. Booting takes long and copying nothing, so each is booted once.
World booted(const Config& c) {
    static std::vector<std::optional<World>> worlds(fuzz_configs().size());
    const auto row = fuzz_config_row(c);
    if (!row) return World(c);
    if (!worlds[*row]) worlds[*row].emplace(c);
    return *worlds[*row];
}

void count(Tally& tally, const Ran& ran) {
    ++(ran.outcome.disabled ? tally.nr_disabled : tally.nr_ops);
    tally.nr_events += ran.nr_events;
}

std::string_view sabotage_name(Sabotage s) {
    for (const SabotageName& n : sabotage_names)
        if (n.sabotage == s) return n.name;
    return {};
}

std::optional<spec::Violation> first_violation(const Trace& t) {
    return spec::check_sequence(t.config, t.ops, sabotage_named(t.sabotage).value_or(Sabotage::none))
        .violation;
}

std::string where(const spec::Violation& v) {
    if (v.where.empty()) return "after the operation, at rest";
    return v.where + "(), event " + std::to_string(v.event_idx) + ": " + v.event;
}

Settings& settings() {
    static Settings s;
    return s;
}

Tally& process_tally() {
    static Tally t;
    return t;
}

void say(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

// The trace goes to the terminal whatever becomes of the file.
[[noreturn]] void abort_on(Found found) {
    const u64 nr_ops = found.trace.ops.size();
    if (!settings().artifacts.empty())
        if (const auto bytes = write_bytes(found, settings().artifacts); !bytes)
            say("mmodel: " + bytes.error() + "\n");
    const Found least = minimal(std::move(found));
    const auto file = settings().artifacts.empty() ? std::expected<std::string, std::string>{""}
                                                   : write_artifact(least, settings().artifacts);
    say(report(least, nr_ops, file.value_or("")));
    if (!file) say("mmodel: " + file.error() + "; the trace is the one above\n");
    std::abort();
}

} // namespace

std::expected<Settings, std::string> read_settings(const char* allow, const char* artifacts) {
    Settings out{.artifacts = artifacts ? artifacts : ""};
    for (std::string_view rest = allow ? allow : ""; !rest.empty();) {
        const std::string_view word = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
        if (word.empty()) continue;
        const auto inv = spec::invariant_named(word);
        if (!inv)
            return std::unexpected("MMODEL_ALLOW: '" + std::string(word) +
                                   "' is no invariant of this mmodel");
        out.allowed.set(index(*inv));
    }
    return out;
}

std::string print(const Tally& t) {
    return std::to_string(t.nr_inputs) + " inputs, " + std::to_string(t.nr_ops) + " operations, " +
           std::to_string(t.nr_disabled) + " disabled, " + std::to_string(t.nr_left_out) + " left out, " +
           std::to_string(t.nr_events) + " events";
}

std::optional<Found> judge(std::span<const u8> input, const Target& about, const InvSet& allowed,
                           Tally& tally) {
    ++tally.nr_inputs;
    if (input.size() < record_bytes) return std::nullopt; // no operation fits
    Trace t = decode(input);
    std::erase_if(t.ops, [&](const Op& op) { return !belongs(op.kind, about.subsystem); });
    if (t.ops.empty()) return std::nullopt;
    World w = booted(t.config);
    std::vector<std::size_t> left_out;
    for (std::size_t i = 0; i < t.ops.size(); ++i) {
        const std::optional<World> before = allowed.any() ? std::optional(w) : std::nullopt;
        spec::Checked step = spec::checked_advance(w, t.ops[i], about.planted);
        count(tally, step.ran);
        if (!step.violation) continue;
        if (!allowed[index(step.violation->inv)]) {
            t.ops.resize(i + 1);
            for (auto j = left_out.rbegin(); j != left_out.rend(); ++j)
                t.ops.erase(t.ops.begin() + static_cast<std::ptrdiff_t>(*j));
            t.sabotage = about.planted == Sabotage::none ? "" : sabotage_name(about.planted);
            return Found{std::move(t), std::move(*step.violation)};
        }
        ++tally.nr_left_out;
        left_out.push_back(i);
        w = *before;
    }
    return std::nullopt;
}

Found minimal(Found found) {
    const spec::Inv inv = found.violation.inv;
    const auto still_fails = [&](const Trace& t) {
        const auto v = first_violation(t);
        return v && v->inv == inv;
    };
    found.trace = shrink(std::move(found.trace), still_fails);
    found.trace.expect = name_of(found.violation);
    if (auto v = first_violation(found.trace); v && v->inv == inv) found.violation = std::move(*v);
    return found;
}

std::string report(const Found& minimal, u64 nr_ops_before, std::string_view file) {
    const spec::Violation& v = minimal.violation;
    const std::string text = print_trace(minimal.trace);
    std::string out = "\n==== mmodel: " + name_of(v) + "\n" + std::string(spec::fact(v.inv).sentence) + "\n";
    out += "where  " + where(v) + "\n";
    if (!v.detail.empty()) out += "found  " + v.detail + "\n";
    out += "trace  " + std::to_string(minimal.trace.ops.size()) + " of " + std::to_string(nr_ops_before) +
           " operations are enough:\n\n" + text + "\n";
    out += "again  " +
           (file.empty() ? printf_words(text) + " | " + replay() + "-" : replay() + path_word(file)) +
           "\n====\n";
    return out;
}

namespace {

std::expected<std::string, std::string> write_whole(const std::string& path, std::string_view text) {
    const auto why = [&] { return std::unexpected("cannot write '" + path + "': " + std::strerror(errno)); };
    std::FILE* f = std::fopen(path.c_str(), "wb");
    if (!f) return why();
    const bool written = std::fwrite(text.data(), 1, text.size(), f) == text.size() && std::fflush(f) == 0;
    const int error = written ? 0 : errno;
    const bool closed = std::fclose(f) == 0;
    if (written && closed) return path;
    if (error) errno = error;
    const auto failed = why();
    std::remove(path.c_str()); // half a file is worse than none
    return failed;
}

} // namespace

std::expected<std::string, std::string> write_artifact(const Found& minimal, const std::string& dir) {
    return write_whole(dir + "/" + name_of(minimal.violation) + ".trace", print_trace(minimal.trace));
}

std::expected<std::string, std::string> write_bytes(const Found& found, const std::string& dir) {
    Trace plain = found.trace;
    plain.sabotage.clear();
    auto bytes = encode(plain);
    if (!bytes) return std::unexpected(bytes.error());
    if (!found.trace.sabotage.empty()) mark_sabotage(*bytes, found.trace.sabotage);
    return write_whole(dir + "/" + name_of(found.violation) + ".bytes",
                       {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

int initialize() {
    auto s = read_settings(std::getenv("MMODEL_ALLOW"), std::getenv("MMODEL_ARTIFACTS"));
    if (!s) {
        say("mmodel: " + s.error() + "\n");
        std::exit(2);
    }
    settings() = std::move(*s);
    if (std::getenv("MMODEL_TALLY")) std::atexit([] { say("mmodel: " + print(process_tally()) + "\n"); });
    return 0;
}

int test_one_input(const u8* data, std::size_t size, const Target& t) {
    if (auto found = judge({data, size}, t, settings().allowed, process_tally())) abort_on(std::move(*found));
    return 0;
}

const Tally& tally() { return process_tally(); }

} // namespace mmodel::harness
