// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a kernel tree offers, read off its text, and its file turned into a shared object.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "spec/linux/bench.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

std::optional<std::string> slurp(const fs::path& p) {
    std::ifstream in(p, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

bool has(const std::string& text, const char* pattern) {
    return std::regex_search(text, std::regex(pattern));
}

std::optional<std::string> first_group(const std::string& text, const char* pattern) {
    std::smatch m;
    return std::regex_search(text, m, std::regex(pattern)) ? std::optional(m[1].str()) : std::nullopt;
}

// "6.12.117" from the first lines of the Makefile.
std::optional<std::string> version_of(const std::string& makefile) {
    const std::string head = makefile.substr(0, 4096);
    const auto major = first_group(head, R"((?:^|\n)VERSION\s*=\s*(\d+))");
    const auto minor = first_group(head, R"((?:^|\n)PATCHLEVEL\s*=\s*(\d+))");
    const auto sub = first_group(head, R"((?:^|\n)SUBLEVEL\s*=\s*(\d+))");
    const auto extra = first_group(head, R"((?:^|\n)EXTRAVERSION\s*=[ \t]*([^\s]*))");
    if (!major || !minor) return std::nullopt;
    return *major + "." + *minor + "." + sub.value_or("0") + extra.value_or("");
}

// Whether the tree's page_ref_add_unless() is an RCU reader that skips fake heads (6.10 and later).
bool walker_has_rcu(const fs::path& dir, const std::string& source) {
    const auto header = slurp(dir / "include/linux/page_ref.h");
    if (!header) return has(source, R"(\bsynchronize_rcu\()");
    const auto body = first_group(*header, R"(bool page_ref_add_unless\(([\s\S]*?)\n\})");
    return body && body->find("rcu_read_lock") != std::string::npos;
}

std::string fnv1a(const std::string& text) {
    u64 h = 0xcbf29ce484222325ull;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(h));
    return hex;
}

std::expected<void, Problem> refuse_unknown(const Tree& t, const std::string& source,
                                            const std::string& header) {
    const std::string what = t.dir.string() + ": " + t.file + " of Linux " + t.version;
    if (has(source, R"(vmemmap_get_tail|vmemmap_shared_tail_page|#include "(internal|sparse)\.h")"))
        return std::unexpected(Problem{what + " is of a generation that is not supported (tail pages shared "
                                              "by zone, 7.x); supported: 6.1 to 6.19",
                                       true});
    if (!has(header, R"(\bhugetlb_vmemmap_optimize(_folio)?\()"))
        return std::unexpected(Problem{what + " declares neither hugetlb_vmemmap_optimize() nor "
                                              "hugetlb_vmemmap_optimize_folio(); supported: 6.1 to 6.19",
                                       true});
    return {};
}

void add_defines(Tree& t, const std::string& source) {
    t.defines.push_back(t.shape == "folio" ? "-DMMODEL_SHAPE_FOLIO" : "-DMMODEL_SHAPE_PAGE");
    if (t.lists) t.defines.emplace_back("-DMMODEL_HAS_LISTS");
    if (t.memmap_counters) t.defines.emplace_back("-DMMODEL_HAS_MEMMAP_COUNTERS");
    if (walker_has_rcu(t.dir, source)) t.defines.emplace_back("-DMMODEL_WALKER_RCU");
    if (const auto key = first_group(source, R"(DEFINE_STATIC_KEY_FALSE\((\w+)\))"))
        t.defines.push_back("-DMMODEL_KEY_IS=" + *key);
}

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

std::expected<Tree, Problem> open_tree(const fs::path& dir) {
    std::error_code ec;
    if (!fs::is_directory(dir, ec))
        return std::unexpected(Problem{dir.string() + ": no such directory", true});
    Tree t;
    t.dir = fs::absolute(dir, ec);
    const auto makefile = slurp(t.dir / "Makefile");
    if (!makefile)
        return std::unexpected(Problem{
            (dir / "Makefile").string() + ": cannot be read; a kernel tree has one, and it names the version",
            true});
    const auto version = version_of(*makefile);
    if (!version)
        return std::unexpected(
            Problem{(dir / "Makefile").string() +
                        ": no VERSION and PATCHLEVEL lines; this is not a kernel's Makefile",
                    true});
    t.version = *version;
    const auto source = slurp(t.dir / t.file), header = slurp(t.dir / "mm/hugetlb_vmemmap.h");
    if (!source) return std::unexpected(Problem{(dir / t.file).string() + ": cannot be read", true});
    if (!header)
        return std::unexpected(Problem{
            (dir / "mm/hugetlb_vmemmap.h").string() + ": cannot be read; " + t.file + " includes it", true});
    if (auto ok = refuse_unknown(t, *source, *header); !ok) return std::unexpected(ok.error());
    t.source = fnv1a(*source);
    t.shape = has(*header, R"(\bhugetlb_vmemmap_optimize_folio\()") ? "folio" : "page";
    t.lists = has(*header, R"(\bhugetlb_vmemmap_optimize_folios\()");
    t.memmap_counters = source->find("memmap_pages_add") != std::string::npos;
    add_defines(t, *source);
    return t;
}

fs::path default_shim_dir() {
    const char* asked = std::getenv("MMODEL_SHIMS");
    return asked && *asked ? fs::path(asked) : fs::path(MMODEL_SHIM_DIR);
}

std::expected<Unit, Problem> compile(const Tree& tree, const fs::path& work_dir,
                                     std::span<const std::string> breaks) {
    const auto cc = find_compiler();
    if (!cc)
        return std::unexpected(Problem{"no C compiler: install clang-19 or gcc, or name one in MMODEL_CC"});
    const fs::path shims = default_shim_dir();
    std::error_code ec;
    if (!fs::exists(shims / "unit.c", ec))
        return std::unexpected(Problem{
            shims.string() + ": the shim headers are not there; name their directory in MMODEL_SHIMS"});
    fs::create_directories(work_dir, ec);
    std::string stem = "mmodel-" + tree.version + "-" + std::to_string(getpid());
    for (const std::string& b : breaks) stem += "-" + b;
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    std::vector<std::string> words{*cc,
                                   "-std=gnu11",
                                   "-O2",
                                   "-g",
                                   "-fPIC",
                                   "-shared",
                                   "-fexceptions",
                                   "-fno-strict-aliasing",
                                   "-fno-builtin",
                                   "-w",
                                   "-Wl,-z,defs",
                                   "-I",
                                   (shims / "include").string(),
                                   "-I",
                                   shims.string(),
                                   "-DMMODEL_TREE_FILE=\"" + (tree.dir / tree.file).string() + "\""};
    words.insert(words.end(), tree.defines.begin(), tree.defines.end());
    for (const std::string& b : breaks) words.push_back("-DMMODEL_BREAK_" + b);
    words.insert(words.end(), {"-o", object.string(), (shims / "unit.c").string()});
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
