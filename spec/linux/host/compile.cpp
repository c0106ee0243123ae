// SPDX-License-Identifier: GPL-2.0 OR MIT
// A kernel tree's file, turned into a shared object.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

bool is_percpu(const KernelFile& file) { return file.unit == "percpu/unit.c"; }

std::optional<std::string> find_compiler() {
    const char* asked = std::getenv("MMODEL_CC");
    std::vector<std::string> names{"clang-19", "clang", "gcc", "cc"};
    if (asked && *asked) names = {asked};
    const char* path = std::getenv("PATH");
    for (const std::string& name : names) {
        if (name.find('/') != std::string::npos && access(name.c_str(), X_OK) == 0) return name;
        std::istringstream dirs(path ? path : "/usr/bin:/bin");
        for (std::string dir; std::getline(dirs, dir, ':');)
            if (access((dir + "/" + name).c_str(), X_OK) == 0) return dir + "/" + name;
    }
    return std::nullopt;
}

// Runs a command without a shell; its output and errors go to `log`. Its exit status, or -1.
int run_command(const std::vector<std::string>& words, const fs::path& log) {
    const pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) {
        if (!freopen(log.c_str(), "w", stderr) || dup2(2, 1) < 0) _exit(127);
        std::vector<char*> argv;
        for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
        argv.push_back(nullptr);
        execv(argv[0], argv.data());
        _exit(127);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The compiler's first error, and what it says the shims lack.
std::string explain(const std::string& log) {
    std::istringstream lines(log);
    std::string line, first;
    while (std::getline(lines, line) && first.empty())
        if (has(line, R"((^|\W)(error|undefined reference|undefined symbol))")) first = line;
    if (first.empty())
        first = log.empty() ? "the compiler failed without a word" : log.substr(0, log.find('\n'));
    const auto lacking = [&]() -> std::optional<std::string> {
        for (const char* pattern :
             {R"(undefined reference to [`']([^']+)')", R"(undefined symbol: (\S+))",
              R"(undeclared (?:identifier|function) '([^']+)')", R"('([^']+)' undeclared)",
              R"(implicit declaration of function '([^']+)')", R"(error: '([^']+)' file not found)",
              R"(error: ([^:\s]+): No such file)", R"(unknown type name '([^']+)')",
              R"(no member named '([^']+)')"})
            if (auto g = first_group(log, pattern)) return g;
        return std::nullopt;
    }();
    return first + (lacking ? "\nthe shims in spec/linux/shim lack: " + *lacking : "");
}

} // namespace

fs::path default_shim_dir() {
    const char* asked = std::getenv("MMODEL_SHIMS");
    return asked && *asked ? fs::path(asked) : fs::path(MMODEL_SHIM_DIR);
}

namespace {

// The compile line of a file, but for where the object goes.
std::vector<std::string> compile_line(const std::string& cc, const fs::path& shims, const Tree& tree,
                                      const KernelFile& file, std::span<const std::string> breaks) {
    std::vector<std::string> words{cc,
                                   "-std=gnu11",
                                   "-O2",
                                   "-g",
                                   "-fPIC",
                                   "-shared",
                                   "-fexceptions",
                                   "-fno-strict-aliasing",
                                   "-fno-builtin",
                                   "-w",
                                   "-Wl,-z,defs"};
    if (is_percpu(file)) // its static image starts at address 0
        words.insert(words.end(), {"-fno-strict-overflow", "-fno-delete-null-pointer-checks"});
    words.insert(words.end(),
                 {"-I", (shims / file.unit).parent_path().string(), "-I", (shims / "common").string(),
                  "-DMMODEL_TREE_FILE=\"" + (tree.dir / file.compiled).string() + "\""});
    words.insert(words.end(), file.defines.begin(), file.defines.end());
    for (const std::string& b : breaks) words.push_back("-DMMODEL_BREAK_" + b);
    words.push_back((shims / file.unit).string());
    return words;
}

// What the object is called, without a suffix. For percpu the name says everything that it is made of, so
// that an object that is there can be used again.
std::string object_stem(const Tree& tree, const KernelFile& file, const std::vector<std::string>& line,
                        std::span<const std::string> breaks) {
    std::string stem = "mmodel-" + tree.version + "-" + std::to_string(getpid());
    for (const std::string& b : breaks) stem += "-" + b;
    if (!is_percpu(file)) return stem;
    std::string all;
    for (const std::string& word : line) all += word + '\n';
    for (const KernelFile& f : tree.files) all += f.source + '\n';
    return stem + "-percpu-" + fnv1a(all);
}

} // namespace

std::expected<Unit, Problem> compile(const Tree& tree, const fs::path& work_dir,
                                     std::span<const std::string> breaks) {
    const auto cc = find_compiler();
    if (!cc)
        return std::unexpected(Problem{"no C compiler: install clang-19 or gcc, or name one in MMODEL_CC"});
    const auto file = std::ranges::find(tree.files, tree.name, &KernelFile::name);
    const fs::path shims = default_shim_dir();
    std::error_code ec;
    if (!fs::exists(shims / file->unit, ec))
        return std::unexpected(Problem{
            shims.string() + ": the shim headers are not there; name their directory in MMODEL_SHIMS"});
    fs::create_directories(work_dir, ec);
    std::vector<std::string> words = compile_line(*cc, shims, tree, *file, breaks);
    const std::string stem = object_stem(tree, *file, words, breaks);
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    if (is_percpu(*file) && fs::exists(object, ec)) return Unit{tree, object};
    words.insert(words.end(), {"-o", object.string()});
    const int status = run_command(words, log);
    const std::string said = slurp(log).value_or("");
    fs::remove(log, ec);
    if (status == 0 && fs::exists(object, ec)) return Unit{tree, object};
    // On a full disk not even the compiler's complaint may have found room.
    const fs::space_info room = fs::space(work_dir, ec);
    if (said.find("No space left") != std::string::npos || (!ec && room.available < 64 * 1024) ||
        (said.empty() && status != 0 && !fs::exists(work_dir, ec)))
        return std::unexpected(Problem{work_dir.string() + ": cannot write the compiled kernel file there"});
    return std::unexpected(Problem{tree.dir.string() + ": " + tree.file + " of Linux " + tree.version +
                                   " does not compile against the shims:\n" + explain(said)});
}

} // namespace mmodel::bench
