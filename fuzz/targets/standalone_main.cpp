// SPDX-License-Identifier: GPL-2.0 OR MIT
// Runs a fuzz target without an engine, with any compiler:
//   hvo_fuzzer_standalone PATH...              text traces and fuzz byte files; a directory: all files below
//   hvo_fuzzer_standalone --seeds OUT PATH...  writes the bytes of each to OUT instead, as an engine's seeds
// A trace's sabotage is not in its bytes, so it runs and is written without. Exit: 0 all ran, 2 an input that
// is none, or no input at all; a violation aborts.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <expected>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "fuzz/ops/bytes.hpp"
#include "fuzz/targets/harness.hpp"

using mmodel::u8;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<u8>;

constexpr int exit_usage = 2;

int complain(const std::string& what) {
    std::fprintf(stderr, "mmodel: %s\n", what.c_str());
    return exit_usage;
}

// The name of the input that runs, for the signal handler.
char current[4096];

void name_the_input(int) {
    const char before[] = "mmodel: while running ";
    if (write(STDERR_FILENO, before, sizeof before - 1) < 0 ||
        write(STDERR_FILENO, current, std::strlen(current)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        _exit(exit_usage);
    std::signal(SIGABRT, SIG_DFL);
}

std::vector<fs::path> files_of(const std::vector<std::string>& paths) {
    std::vector<fs::path> out;
    for (const std::string& p : paths) {
        if (!fs::is_directory(p)) {
            out.push_back(p);
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(p))
            if (entry.is_regular_file()) out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
}

bool is_pressure(const mmodel::Op& op) {
    return op.kind == mmodel::OpKind::take_pages || op.kind == mmodel::OpKind::give_pages;
}

// One file: bytes, or why a good trace has none.
struct Input {
    Bytes bytes{};
    std::string skipped{};
};

// Engines keep bytes without a header, too, so whatever is no text trace is bytes.
std::expected<Input, std::string> read_input(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    if (!in) return std::unexpected(path.string() + ": cannot be read");
    const std::string text = content.str();
    const std::span bytes(reinterpret_cast<const u8*>(text.data()), text.size());
    if (const auto version = mmodel::version_of(bytes); version && *version > mmodel::bytes_version)
        return std::unexpected(path.string() + ": byte 4: fuzz format version " + std::to_string(*version) +
                               " is newer than this mmodel reads");
    if (!text.starts_with("mmodel trace") && path.extension() != ".trace")
        return Input{.bytes = Bytes(bytes.begin(), bytes.end())};
    auto trace = mmodel::parse_trace(text);
    if (!trace) return std::unexpected(path.string() + ": " + mmodel::print_error(trace.error()));
    trace->sabotage.clear();
    std::erase_if(trace->ops,
                  [](const mmodel::Op& op) { return !belongs(op.kind, mmodel::harness::target.subsystem); });
    if (std::ranges::all_of(trace->ops, is_pressure))
        return Input{.skipped = "none of it is for this target"};
    auto encoded = mmodel::encode(*trace);
    return encoded ? Input{.bytes = *encoded} : Input{.skipped = encoded.error()};
}

std::string seed_name(const fs::path& path) {
    return path.parent_path().filename().string() + "-" + path.stem().string();
}

int write_seed(const fs::path& out, const fs::path& from, const Bytes& bytes) {
    const fs::path to = out / seed_name(from);
    std::ofstream f(to, std::ios::binary);
    f.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return f.flush() ? 0 : complain("cannot write '" + to.string() + "'");
}

int run_one(const fs::path& path, const Bytes& bytes) {
    std::strncpy(current, path.c_str(), sizeof current - 1);
    return LLVMFuzzerTestOneInput(bytes.data(), bytes.size()) == 0
               ? 0
               : complain(path.string() + ": the target refuses this input");
}

int run(const std::vector<std::string>& paths, const std::string& seeds_out) {
    const auto files = files_of(paths);
    if (files.empty()) return complain("no input; usage: [--seeds OUT] PATH...");
    std::size_t nr_skipped = 0;
    for (const fs::path& path : files) {
        const auto in = read_input(path);
        if (!in) return complain(in.error());
        if (!in->skipped.empty()) {
            ++nr_skipped;
            std::printf("skipped %s: %s\n", path.c_str(), in->skipped.c_str());
            continue;
        }
        const int status =
            seeds_out.empty() ? run_one(path, in->bytes) : write_seed(seeds_out, path, in->bytes);
        if (status) return status;
    }
    if (nr_skipped == files.size()) return complain("none of these inputs has fuzz bytes");
    if (!seeds_out.empty())
        return std::printf("%zu seeds in %s, %zu skipped\n", files.size() - nr_skipped, seeds_out.c_str(),
                           nr_skipped),
               0;
    std::printf("%s, %zu skipped\n", print(mmodel::harness::tally()).c_str(), nr_skipped);
    return mmodel::harness::tally().nr_ops > 0 ? 0 : complain("none of these inputs did anything");
}

} // namespace

int main(int argc, char** argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    std::signal(SIGABRT, name_the_input);
    std::vector<std::string> args(argv + 1, argv + argc);
    std::string seeds_out;
    if (args.size() >= 2 && args[0] == "--seeds") {
        seeds_out = args[1];
        args.erase(args.begin(), args.begin() + 2);
    }
    try {
        return run(args, seeds_out);
    } catch (const std::exception& e) {
        return complain(e.what());
    }
}
