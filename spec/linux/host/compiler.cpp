// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/compiler.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>

#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

std::optional<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos)
        return access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
    const char* path = std::getenv("PATH");
    for (const std::string& dir : split(path ? path : "/usr/bin:/bin", ":"))
        if (access((dir + "/" + name).c_str(), X_OK) == 0) return dir + "/" + name;
    return std::nullopt;
}

} // namespace

std::vector<std::string> compiler_words() {
    const char* asked = std::getenv("MMODEL_CC");
    std::vector<std::string> words = split(asked ? asked : "", " \t\n");
    if (!words.empty()) {
        const auto program = find_program(words.front());
        if (!program) return {};
        words.front() = *program;
        return words;
    }
    for (const char* name : {"clang-19", "clang", "gcc", "cc"})
        if (const auto program = find_program(name)) return {*program};
    return {};
}

namespace {

// In the child of a fork.
[[noreturn]] void become(const std::vector<std::string>& words, const fs::path& log, const CompileLimits& l,
                         pid_t parent) {
    leave_parent(parent, {});
    limit({.address_space = l.memory_bytes,
           .file_bytes = l.file_bytes,
           .cpu_seconds = static_cast<u64>(l.seconds) + 1});
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(127);
    setenv("LC_ALL", "C", 1); // what it says is read
    std::vector<char*> argv;
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
}

} // namespace

Ended run_command(const std::vector<std::string>& words, const fs::path& log, const CompileLimits& l) {
    const pid_t self = getpid(), pid = fork();
    if (pid < 0) return {.status = 127 << 8, .too_long = false};
    if (pid == 0) become(words, log, l, self);
    setpgid(pid, pid);
    Ended e{};
    e.status = reap(pid, static_cast<int>(l.seconds * 1000), e.too_long);
    return e;
}

std::string own_name(std::string_view what) {
    static std::atomic<unsigned> nr{};
    return "mmodel-" + std::string(what) + "-" + std::to_string(getpid()) + "-" + std::to_string(nr++);
}

const Instrumentation memory_accesses{
    "mmodel_tsan.c",
    {{"-fsanitize=thread", "-fno-sanitize-link-runtime", "-mllvm", "-tsan-instrument-func-entry-exit=0",
      "-mllvm", "-tsan-instrument-read-before-write=1", "-mllvm", "-tsan-distinguish-volatile=1"},
     {"-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0", "--param",
      "tsan-distinguish-volatile=1", "-nodefaultlibs", "-lc", "-lgcc"},
     {"-fsanitize=thread", "-nodefaultlibs", "-lc", "-lgcc"}}};

const Instrumentation no_undefined{"", {{"-Wl,-z,defs"}}};

// A function of the file is one piece of code, which keeps its branches: nothing is copied into its callers
// that does not ask for it, a loop asks whether it goes on in one place, and no call is a jump, from which
// the entry point would return elsewhere.
const Instrumentation branches{"mmodel_cov.c",
                               {{"-fsanitize-coverage=edge,trace-pc", "-finline-hint-functions", "-mllvm",
                                 "-rotation-max-header-size=0"},
                                {"-fsanitize-coverage=trace-pc", "-fno-inline-functions",
                                 "-fno-inline-small-functions", "-fno-inline-functions-called-once",
                                 "-fno-partial-inlining", "-fno-tree-ch", "-fno-optimize-sibling-calls"}}};

namespace {

std::optional<std::vector<std::string>> probe(const Instrumentation& what, const std::vector<std::string>& cc,
                                              const fs::path& shims, const fs::path& work_dir,
                                              const CompileLimits& limits) {
    const std::string stem = own_name("probe");
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    std::optional<std::vector<std::string>> found;
    for (const auto& flags : what.flags) {
        std::vector<std::string> words = cc;
        words.insert(words.end(), {"-Werror=attributes", "-fPIC", "-shared", "-fno-builtin", "-Wl,-z,defs"});
        if (*what.source)
            words.push_back((shims / "common" / what.source).string());
        else
            words.insert(words.end(), {"-x", "c", "/dev/null"});
        words.insert(words.end(), flags.begin(), flags.end());
        words.insert(words.end(), {"-o", object.string()});
        if (const Ended e = run_command(words, log, limits); e.status || e.too_long) continue;
        found = flags;
        break;
    }
    std::error_code ec;
    fs::remove(object, ec), fs::remove(log, ec);
    return found;
}

} // namespace

std::optional<std::vector<std::string>> flags_for(const Instrumentation& what,
                                                  const std::vector<std::string>& cc, const fs::path& shims,
                                                  const fs::path& work_dir, const CompileLimits& limits) {
    static std::mutex mutex;
    static std::map<std::pair<const char*, std::vector<std::string>>, std::vector<std::string>> known;
    const std::lock_guard hold(mutex);
    const std::pair key(what.source, cc);
    if (const auto it = known.find(key); it != known.end()) return it->second;
    const auto found = probe(what, cc, shims, work_dir, limits);
    if (found) known[key] = *found;
    return found;
}

} // namespace mmodel::bench
