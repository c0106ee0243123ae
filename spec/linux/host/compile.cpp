// SPDX-License-Identifier: GPL-2.0 OR MIT
// A kernel tree's file, turned into a shared object.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/cage.hpp"
#include "spec/linux/host/data_dir.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

bool is_percpu(const KernelFile& file) { return file.unit == "percpu/unit.c"; }

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> out;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
        if (text.empty()) return out;
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::optional<std::string> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos)
        return access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
    const char* path = std::getenv("PATH");
    for (const std::string& dir : split(path ? path : "/usr/bin:/bin", ":"))
        if (access((dir + "/" + name).c_str(), X_OK) == 0) return dir + "/" + name;
    return std::nullopt;
}

// How a command ended.
struct Ended {
    int status;    // of waitpid(); 0: it did all it was asked for
    bool too_long; // it had to be ended
};

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

// Runs a command without a shell, with what it starts, under limits; its output and errors go to `log`.
Ended run_command(const std::vector<std::string>& words, const fs::path& log, const CompileLimits& l) {
    const pid_t self = getpid(), pid = fork();
    if (pid < 0) return {.status = 127 << 8, .too_long = false};
    if (pid == 0) become(words, log, l, self);
    setpgid(pid, pid);
    Ended e{};
    e.status = reap(pid, static_cast<int>(l.seconds * 1000), e.too_long);
    return e;
}

constexpr u64 most_log = 256 * 1024; // of what the compiler says is read
constexpr std::size_t most_line = 400;

std::string first_error(std::string_view log) {
    for (const std::string& line : split(log, "\n"))
        if (has_word(line, "error") || has_word(line, "undefined reference") ||
            has_word(line, "undefined symbol"))
            return line;
    return std::string(log.substr(0, log.find('\n')));
}

// What the compiler says is not there.
std::optional<std::string_view> lacking(std::string_view log) {
    struct Pattern {
        const char *open, *close;
    };
    for (const auto [open, close] : {Pattern{"undefined reference to `", "'"},
                                     {"undefined reference to '", "'"},
                                     {"undefined symbol: ", "\n"},
                                     {"undeclared identifier '", "'"},
                                     {"undeclared function '", "'"}})
        if (const auto found = between(log, open, close)) return found;
    if (const auto found = before(log, "' undeclared", "'")) return found;
    if (const auto found = between(log, "implicit declaration of function '", "'")) return found;
    if (const auto found = before(log, "' file not found", "'")) return found;
    if (const auto found = before(log, ": No such file", "error: ")) return found;
    for (const char* open : {"unknown type name '", "no member named '"})
        if (const auto found = between(log, open, "'")) return found;
    return std::nullopt;
}

// As a terminal can take it.
std::string shortened(std::string_view text) {
    std::string out(text.substr(0, most_line));
    std::ranges::replace_if(out, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }, '?');
    return text.size() <= most_line ? out : out + " ...";
}

// The compiler's first error, and what it says the shims lack.
std::string explain(std::string_view log, Ended e, const CompileLimits& limits) {
    const std::string first = shortened(first_error(log));
    const std::string said = first.empty() ? "" : "; it began with:\n" + first;
    const int sig = WIFSIGNALED(e.status) ? WTERMSIG(e.status) : 0;
    if (e.too_long || sig == SIGXCPU)
        return "the compiler was ended: it took more than " +
               std::to_string(static_cast<int>(limits.seconds)) + " s" + said;
    if (sig == SIGXFSZ)
        return "the compiler was ended: it wrote more than " + std::to_string(limits.file_bytes >> 20) +
               " MB" + said;
    if (first.empty())
        return sig ? std::string("the compiler was killed by ") + strsignal(sig)
                   : "the compiler failed with status " + std::to_string(WEXITSTATUS(e.status)) +
                         " and said nothing";
    const auto name = lacking(log);
    return first + (name ? "\nthe shims in spec/linux/shim lack: " + shortened(*name) : "");
}

// A name that no other file of any process has, in this one or another thread.
std::string own_name(std::string_view what) {
    static std::atomic<unsigned> nr{};
    return "mmodel-" + std::string(what) + "-" + std::to_string(getpid()) + "-" + std::to_string(nr++);
}

// Why nothing can be written into a directory, said with its name; empty: something can. `why`: already
// known.
std::string why_unwritable(const fs::path& dir, int why) {
    const fs::path probe = dir / own_name("probe");
    const int fd = open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && !why) why = errno;
    const std::vector<char> some(64 * 1024);
    const ssize_t written = why ? 0 : write(fd, some.data(), some.size());
    if (!why && written != static_cast<ssize_t>(some.size())) why = written < 0 ? errno : ENOSPC;
    if (fd >= 0) close(fd), unlink(probe.c_str());
    return why ? dir.string() + ": the compiled kernel file cannot be written there: " + std::strerror(why) +
                     " (TMPDIR names another directory)"
               : "";
}

} // namespace

// The compiler and what MMODEL_CC has for it to begin with, as make splits CC. Nothing: there is none.
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

std::vector<std::string> geometries() {
    std::vector<std::string> out;
    for (const Config& c : presets())
        if (c.geometry.struct_page_bytes == 64 && c.geometry.struct_pages_per_page() >= 8)
            out.emplace_back(c.geometry.arch);
    return out;
}

fs::path default_shim_dir() {
    const char* asked = std::getenv("MMODEL_SHIMS");
    return asked && *asked ? fs::path(asked) : data_dir("shim");
}

namespace {

// shim/common/mmodel_geometry.h
std::vector<std::string> defines_of(std::string_view geometry) {
    const Geometry g = parse_config(geometry)->geometry;
    std::string sizes;
    for (u8 i = 0; i < g.nr_hstates(); ++i) {
        const u64 kib = (u64{g.page_bytes} << g.folio_order[i]) / 1024;
        sizes += (i ? ",{" : "{") + std::to_string(g.folio_order[i]) + ",\"" + std::to_string(kib) + "kB\"}";
    }
    return {"-DPAGE_SHIFT=" + std::to_string(g.page_shift()),
            "-DPTRS_PER_PTE=" + std::to_string(g.ptrs_per_pte), "-DMMODEL_HSTATES=" + sizes};
}

// Why it does not: the compiler's word, or that there is no room for what it makes.
Problem does_not_compile(const Tree& tree, const fs::path& work_dir, const std::string& said, Ended end,
                         const CompileLimits& limits) {
    // On a full disk not even the compiler's complaint may have found room.
    const bool full = said.find(std::strerror(ENOSPC)) != said.npos;
    if (const std::string why = why_unwritable(work_dir, full ? ENOSPC : 0); !why.empty()) return {why};
    const std::string& nearest = tree.hvo.generation;
    return {.what = tree.dir.string() + ": " + tree.file + " of Linux " + tree.version +
                    " does not compile against the shims:\n" + explain(said, end, limits) +
                    (nearest.empty() ? "" : "\nthe nearest generation that is understood: " + nearest),
            .of_tree = true};
}

// The compile line of a file, but for where the object goes.
std::vector<std::string> compile_line(std::vector<std::string> words, const fs::path& shims, const Tree& tree,
                                      const KernelFile& file, std::span<const std::string> breaks,
                                      std::string_view geometry) {
    if (std::ranges::none_of(words, [](const std::string& w) { return w.starts_with("-O"); }))
        words.emplace_back("-O2");
    words.insert(words.end(), {"-std=gnu11", "-g", "-fPIC", "-shared", "-fexceptions", "-fno-strict-aliasing",
                               "-fno-builtin", "-w", "-Wl,-z,defs"});
    if (is_percpu(file)) // its static image starts at address 0
        words.insert(words.end(), {"-fno-strict-overflow", "-fno-delete-null-pointer-checks"});
    words.insert(words.end(),
                 {"-I", (shims / file.unit).parent_path().string(), "-I", (shims / "common").string(),
                  "-DMMODEL_TREE_FILE=\"" + (tree.dir / file.compiled).string() + "\""});
    words.insert(words.end(), file.defines.begin(), file.defines.end());
    for (std::string& d : defines_of(geometry)) words.push_back(std::move(d));
    for (const std::string& b : breaks) words.push_back("-DMMODEL_BREAK_" + b);
    words.push_back((shims / file.unit).string());
    return words;
}

// What the object is called, without a suffix. For percpu the name says everything that it is made of, so
// that an object that is there can be used again.
std::string object_stem(const Tree& tree, const KernelFile& file, const std::vector<std::string>& line,
                        std::span<const std::string> breaks, std::string_view geometry) {
    std::string stem = "mmodel-" + tree.version + "-" + std::to_string(getpid()) + "-";
    stem += geometry;
    if (std::ranges::find(line, "-fsanitize=thread") != line.end()) stem += "-mmu";
    for (const std::string& b : breaks) stem += "-" + b;
    if (!is_percpu(file)) return stem;
    std::string all;
    for (const std::string& word : line) all += word + '\n';
    for (const KernelFile& f : tree.files) all += f.source + '\n';
    return stem + "-percpu-" + fnv1a(all);
}

} // namespace

namespace {

// What makes a compiler instrument, clang's words and gcc's; the first that compiles the entry points is it.
const std::vector<std::vector<std::string>> instrumentations{
    {"-fsanitize=thread", "-fno-sanitize-link-runtime", "-mllvm", "-tsan-instrument-func-entry-exit=0",
     "-mllvm", "-tsan-instrument-read-before-write=1", "-mllvm", "-tsan-distinguish-volatile=1"},
    {"-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0", "--param",
     "tsan-distinguish-volatile=1", "-nodefaultlibs", "-lc", "-lgcc"},
    {"-fsanitize=thread", "-nodefaultlibs", "-lc", "-lgcc"}};

// Nothing: the compiler cannot.
std::optional<std::vector<std::string>> probe_instrumentation(const std::vector<std::string>& cc,
                                                              const fs::path& shims, const fs::path& work_dir,
                                                              const CompileLimits& limits) {
    const std::string stem = own_name("probe");
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    std::optional<std::vector<std::string>> found;
    for (const auto& flags : instrumentations) {
        std::vector<std::string> words = cc;
        words.insert(words.end(), {"-w", "-fPIC", "-shared", "-fno-builtin", "-Wl,-z,defs"});
        words.push_back((shims / "common" / "mmodel_tsan.c").string());
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

// The same, tried once for each compiler.
std::optional<std::vector<std::string>> instrumentation_of(const std::vector<std::string>& cc,
                                                           const fs::path& shims, const fs::path& work_dir,
                                                           const CompileLimits& limits) {
    static std::mutex mutex;
    static std::map<std::vector<std::string>, std::vector<std::string>> known;
    const std::lock_guard hold(mutex);
    if (const auto it = known.find(cc); it != known.end()) return it->second;
    const auto found = probe_instrumentation(cc, shims, work_dir, limits);
    if (found) known[cc] = *found;
    return found;
}

} // namespace

namespace {

// hugetlb_vmemmap: what the tree offers, for the rest of the compile line.
std::expected<void, Problem> ask_for_offers(Tree& tree, const KernelFile& file,
                                            std::vector<std::string> words, const fs::path& work_dir,
                                            const CompileLimits& limits) {
    const fs::path text = work_dir / own_name("text"), log = text.string() + ".log";
    words.pop_back(); // the unit
    words.insert(words.end(), {"-E", "-include", "mmodel_kernel.h", (tree.dir / file.compiled).string(), "-o",
                               text.string()});
    const Ended end = run_command(words, log, limits);
    const std::string said = first_part(log, most_log);
    tree.hvo = hvo_offers(own_lines(first_part(text, max_text), tree.dir));
    std::error_code ec;
    fs::remove(text, ec), fs::remove(log, ec);
    if (end.status || end.too_long)
        return std::unexpected(does_not_compile(tree, work_dir, said, end, limits));
    if (tree.hvo.shape.empty())
        return std::unexpected(Problem{
            .what =
                tree.dir.string() + ": " + tree.file + " of Linux " + tree.version +
                " is of a generation that is not supported: it has neither hugetlb_vmemmap_optimize() nor "
                "hugetlb_vmemmap_optimize_folio(); the nearest that is: " +
                tree.hvo.generation,
            .of_tree = true});
    return {};
}

} // namespace

std::expected<Unit, Problem> compile(const Tree& tree, const fs::path& work_dir,
                                     std::span<const std::string> breaks, const CompileLimits& limits,
                                     Backend backend, std::string_view geometry,
                                     std::span<const std::string> more) {
    if (!tree.judged().refusal.empty()) return std::unexpected(tree.refused());
    if (const auto known = geometries(); std::ranges::find(known, geometry) == known.end())
        return std::unexpected(Problem{"kernel trees do not run on geometry " + std::string(geometry), true});
    const bool is_hosts = geometry == "x86-64";
    if (backend == Backend::mmap && !is_hosts)
        return std::unexpected(
            Problem{"the backend mmap has the host's pages: x86-64, not " + std::string(geometry), true});
    std::vector<std::string> cc = compiler_words();
    if (cc.empty())
        return std::unexpected(Problem{"no C compiler: install clang-19 or gcc, or name one in MMODEL_CC"});
    cc.insert(cc.end(), more.begin(), more.end());
    const KernelFile& file = tree.judged();
    const fs::path shims = default_shim_dir();
    std::error_code ec;
    if (!fs::exists(shims / file.unit, ec))
        return std::unexpected(Problem{
            shims.string() + ": the shim headers are not there; name their directory in MMODEL_SHIMS"});
    fs::create_directories(work_dir, ec);
    std::vector<std::string> words = compile_line(cc, shims, tree, file, breaks, geometry);
    Unit unit{.tree = tree, .object = {}, .backend = backend, .geometry = std::string(geometry)};
    if (!is_percpu(file)) {
        if (const auto ok = ask_for_offers(unit.tree, file, words, work_dir, limits); !ok)
            return std::unexpected(ok.error());
        for (std::string& d : unit.tree.hvo.defines()) {
            unit.tree.defines.push_back(d);
            words.insert(words.end() - 1, std::move(d));
        }
    }
    if (backend == Backend::mmu) {
        if (const auto flags = instrumentation_of(cc, shims, work_dir, limits)) {
            words.insert(words.end(), flags->begin(), flags->end());
            words.push_back((shims / "common" / "mmodel_tsan.c").string());
        } else if (!is_hosts) {
            return std::unexpected(Problem{cc.front() +
                                           " has no thread instrumentation, without which a file " +
                                           "runs on x86-64 only, not on " + std::string(geometry)});
        } else {
            unit.backend = Backend::mmap;
            unit.no_mmu = cc.front() + " has no thread instrumentation";
        }
    }
    const std::string stem = object_stem(tree, file, words, breaks, geometry);
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    unit.object = object;
    if (is_percpu(file) && fs::exists(object, ec)) return unit;
    words.insert(words.end(), {"-o", object.string()});
    const Ended end = run_command(words, log, limits);
    const std::string said = first_part(log, most_log);
    fs::remove(log, ec);
    if (!end.status && !end.too_long && fs::exists(object, ec)) return unit;
    return std::unexpected(does_not_compile(unit.tree, work_dir, said, end, limits));
}

} // namespace mmodel::bench
