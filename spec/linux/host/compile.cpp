// SPDX-License-Identifier: GPL-2.0 OR MIT
// A kernel tree's file, turned into a shared object.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/compiler.hpp"
#include "spec/linux/host/complaint.hpp"
#include "spec/linux/host/coverage.hpp"
#include "spec/linux/host/data_dir.hpp"
#include "spec/linux/host/drift.hpp"
#include "spec/linux/host/preprocess.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

bool is_percpu(const KernelFile& file) { return file.unit == "percpu/unit.c"; }

constexpr u64 most_log = 256 * 1024; // of what the compiler says is read

std::string explain(std::string_view log, Ended e, const CompileLimits& limits) {
    const std::string first = first_error(log);
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
    return complaint(log);
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
        words.emplace_back("-O1"); // its branches are those of the text
    words.insert(words.end(), {"-std=gnu11", "-g", "-fPIC", "-shared", "-fexceptions", "-fno-strict-aliasing",
                               "-fno-builtin", "-w"});
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

// What the preprocessor leaves, and how that went.
struct Preprocessed {
    std::string text; // its first part
    bool is_whole;
    std::string said;
    Ended end;

    [[nodiscard]] bool is_done() const { return !end.status && !end.too_long; }
};
// `words`: a compile line without what is made.
Preprocessed run_preprocessor(std::vector<std::string> words, const fs::path& work_dir,
                              const CompileLimits& limits) {
    const fs::path text = work_dir / own_name("text"), log = text.string() + ".log";
    words.insert(words.end(), {"-E", "-o", text.string()});
    const Ended end = run_command(words, log, limits);
    std::error_code ec;
    const auto bytes = fs::file_size(text, ec);
    Preprocessed out{first_part(text, max_text), !ec && bytes <= max_text, first_part(log, most_log), end};
    fs::remove(text, ec), fs::remove(log, ec);
    return out;
}

// Of a file after the shims.
Preprocessed preprocess_file(std::vector<std::string> words, const fs::path& file, const fs::path& work_dir,
                             const CompileLimits& limits) {
    words.pop_back(); // the unit
    words.insert(words.end(), {"-include", "mmodel_kernel.h", file.string()});
    return run_preprocessor(std::move(words), work_dir, limits);
}

// ... of a text that is made of a header of the tree. Nothing: there is none, or it cannot be.
std::optional<std::string> preprocess_header(const Tree& tree, const char* header,
                                             std::string (*probe_of)(std::string_view),
                                             const std::vector<std::string>& words, const fs::path& work_dir,
                                             const CompileLimits& limits) {
    const auto text = slurp(tree.dir / header);
    if (!text) return std::nullopt;
    const fs::path probe = work_dir / (own_name("header") + ".c");
    std::ofstream(probe) << probe_of(*text);
    Preprocessed p = preprocess_file(words, probe, work_dir, limits);
    std::error_code ec;
    fs::remove(probe, ec);
    return p.is_done() ? std::optional(std::move(p.text)) : std::nullopt;
}

// What the tree offers, for the rest of the compile line.
std::expected<std::vector<std::string>, Problem> ask_for_offers(Tree& tree, const KernelFile& file,
                                                                std::vector<std::string> words,
                                                                const fs::path& work_dir,
                                                                const CompileLimits& limits) {
    const bool percpu = is_percpu(file);
    const auto header =
        preprocess_header(tree, percpu ? "include/linux/percpu.h" : "include/linux/page_ref.h",
                          percpu ? early_size_probe : walker_probe, words, work_dir, limits);
    if (percpu) words.insert(words.end() - 1, percpu_asked_with);
    const Preprocessed p = preprocess_file(words, tree.dir / file.compiled, work_dir, limits);
    const std::string own = own_lines(p.text, tree.dir);
    if (!percpu) tree.hvo = hvo_offers(own, header);
    if (!p.is_done()) return std::unexpected(does_not_compile(tree, work_dir, p.said, p.end, limits));
    if (percpu) return percpu_offers(own, header, tree.version).defines();
    if (tree.hvo.shape.empty())
        return std::unexpected(Problem{
            .what =
                tree.dir.string() + ": " + tree.file + " of Linux " + tree.version +
                " is of a generation that is not supported: it has neither hugetlb_vmemmap_optimize() nor "
                "hugetlb_vmemmap_optimize_folio(); the nearest that is: " +
                tree.hvo.generation,
            .of_tree = true});
    return tree.hvo.defines();
}

// Where the shims are, and the compiler that works.
struct Bench {
    std::vector<std::string> cc;
    fs::path shims, work_dir;
    const CompileLimits& limits;

    // The compiler, and what has it refuse an object that is not whole.
    [[nodiscard]] std::vector<std::string> linking() const {
        std::vector<std::string> words = cc;
        if (const auto flags = flags_for(no_undefined, cc, shims, work_dir, limits))
            words.insert(words.end(), flags->begin(), flags->end());
        return words;
    }
    // Has the compiler add this to what it makes; false: it cannot.
    [[nodiscard]] bool add(const Instrumentation& what, std::vector<std::string>& words) const {
        const auto flags = flags_for(what, cc, shims, work_dir, limits);
        if (!flags) return false;
        words.insert(words.end(), flags->begin(), flags->end());
        words.push_back((shims / "common" / what.source).string());
        return true;
    }
};

// Without the software MMU a page of the machine's is one of the host's. Why that cannot be; empty: it can.
std::string why_not_the_hosts_pages(const std::string& geometry) {
    const long page = sysconf(_SC_PAGESIZE);
    if (geometry != "x86-64") return "a file runs on x86-64 only, not on " + geometry;
    if (page == 4096) return "";
    return "a file runs on x86-64 only, whose pages have 4096 bytes, and those of this host " +
           std::to_string(page);
}

// What is noted of the file, and who answers its accesses.
std::expected<void, Problem> instrument(Unit& unit, std::vector<std::string>& words, const Bench& bench) {
    if (!bench.add(branches, words)) unit.no_coverage = bench.cc.front() + " has no edge coverage";
    if (unit.backend != Backend::mmu || bench.add(memory_accesses, words)) return {};
    unit.backend = Backend::mmap;
    unit.no_mmu = bench.cc.front() + " has no thread instrumentation";
    const std::string why = why_not_the_hosts_pages(unit.geometry);
    if (!why.empty()) return std::unexpected(Problem{unit.no_mmu + ", without which " + why});
    return {};
}

Unit with_edges(Unit unit) {
    if (!unit.no_coverage.empty()) return unit;
    if (auto edges = find_edges(unit.object, unit.tree.dir))
        unit.edges = std::make_shared<const Edges>(std::move(*edges));
    else
        unit.no_coverage = edges.error();
    return unit;
}

// Names that the instrumentation calls: were they the file's, nothing that it does would be seen.
std::optional<Problem> why_hostile(const Tree& tree) {
    for (const std::string& word : tree.judged().called)
        if (word.starts_with("__tsan_") || word.starts_with("__sanitizer_cov_") ||
            word.starts_with("mmodel_"))
            return Problem{.what = tree.dir.string() + ": " + tree.file + " of Linux " + tree.version +
                                   " has " + word + "(), a name of the bench's own: it is not run",
                           .of_tree = true};
    return std::nullopt;
}

struct CompileLine {
    Unit unit;
    std::vector<std::string> words; // but for where the object goes
};

std::expected<CompileLine, Problem> prepare(const Tree& tree, const fs::path& work_dir,
                                            std::span<const std::string> breaks, const CompileLimits& limits,
                                            Backend backend, std::string_view geometry,
                                            std::span<const std::string> more) {
    if (!tree.judged().refusal.empty()) return std::unexpected(tree.refused());
    if (auto why = why_hostile(tree)) return std::unexpected(std::move(*why));
    if (const auto known = geometries(); std::ranges::find(known, geometry) == known.end())
        return std::unexpected(Problem{"kernel trees do not run on geometry " + std::string(geometry), true});
    if (const std::string why = why_not_the_hosts_pages(std::string(geometry));
        backend == Backend::mmap && !why.empty())
        return std::unexpected(Problem{"with the backend mmap " + why, true});
    Bench bench{compiler_words(), default_shim_dir(), work_dir, limits};
    if (bench.cc.empty())
        return std::unexpected(Problem{"no C compiler: install clang-19 or gcc, or name one in MMODEL_CC"});
    bench.cc.insert(bench.cc.end(), more.begin(), more.end());
    const KernelFile& file = tree.judged();
    std::error_code ec;
    if (!fs::exists(bench.shims / file.unit, ec))
        return std::unexpected(Problem{
            bench.shims.string() + ": the shim headers are not there; name their directory in MMODEL_SHIMS"});
    fs::create_directories(work_dir, ec);
    std::vector<std::string> words = compile_line(bench.linking(), bench.shims, tree, file, breaks, geometry);
    Unit unit{.tree = tree, .object = {}, .backend = backend, .geometry = std::string(geometry)};
    const auto offers = ask_for_offers(unit.tree, file, words, work_dir, limits);
    if (!offers) return std::unexpected(offers.error());
    words.insert(words.end() - 1, offers->begin(), offers->end());
    unit.tree.defines.insert(unit.tree.defines.end(), offers->begin(), offers->end());
    if (const auto ok = instrument(unit, words, bench); !ok) return std::unexpected(ok.error());
    return CompileLine{std::move(unit), std::move(words)};
}

// Lines that have something, without the blanks around it.
std::string compact(const std::string& text) {
    std::string out;
    for (const std::string& line : split(text, "\n"))
        if (const std::string words = trimmed(line); !words.empty()) out += words + "\n";
    return out;
}

} // namespace

std::expected<std::string, Problem> preprocess(const Tree& tree, const fs::path& work_dir, Backend backend,
                                               std::string_view geometry) {
    const CompileLimits limits;
    auto line = prepare(tree, work_dir, {}, limits, backend, geometry, {});
    if (!line) return std::unexpected(line.error());
    const std::string unit = (default_shim_dir() / tree.judged().unit).string();
    std::erase_if(line->words, [&](const std::string& w) { return w.ends_with(".c") && w != unit; });
    line->words.insert(line->words.end(), {"-D__LINE__=0", "-D__FILE__=\"\"", "-P"});
    const Preprocessed p = run_preprocessor(std::move(line->words), work_dir, limits);
    if (!p.is_done() || !p.is_whole)
        return std::unexpected(does_not_compile(line->unit.tree, work_dir, p.said, p.end, limits));
    return compact(p.text);
}

std::expected<Unit, Problem> compile(const Tree& tree, const fs::path& work_dir,
                                     std::span<const std::string> breaks, const CompileLimits& limits,
                                     Backend backend, std::string_view geometry,
                                     std::span<const std::string> more) {
    auto line = prepare(tree, work_dir, breaks, limits, backend, geometry, more);
    if (!line) return std::unexpected(line.error());
    auto& [unit, words] = *line;
    const KernelFile& file = tree.judged();
    std::error_code ec;
    const std::string stem = object_stem(tree, file, words, breaks, geometry);
    const fs::path object = work_dir / (stem + ".so"), log = work_dir / (stem + ".log");
    unit.object = object;
    if (is_percpu(file) && fs::exists(object, ec)) return with_edges(std::move(unit));
    words.insert(words.end(), {"-o", object.string()});
    const Ended end = run_command(words, log, limits);
    const std::string said = first_part(log, most_log);
    fs::remove(log, ec);
    if (!end.status && !end.too_long && fs::exists(object, ec)) return with_edges(std::move(unit));
    return std::unexpected(does_not_compile(unit.tree, work_dir, said, end, limits));
}

std::vector<std::string> find_drift(const Tree& tree, const fs::path& work_dir, const CompileLimits& limits) {
    const KernelFile& file = tree.judged();
    const std::vector<HeldConstant> all = held_constants(file.name);
    std::vector<std::string> out;
    std::error_code ec;
    fs::create_directories(work_dir, ec);
    for (auto at = all.begin(); at != all.end();) {
        const auto end =
            std::ranges::find_if(at, all.end(), [&](const auto& c) { return c.header != at->header; });
        const std::vector<HeldConstant> here(at, end);
        const auto header = slurp(tree.dir / std::exchange(at, end)->header);
        if (!header) continue;
        const fs::path probe = work_dir / (own_name("drift") + ".c"), log = probe.string() + ".log";
        std::ofstream(probe) << drift_probe(*header, here);
        std::vector<std::string> words =
            compile_line(compiler_words(), default_shim_dir(), tree, file, {}, "x86-64");
        words.pop_back(); // the unit
        words.insert(words.end(), {"-fsyntax-only", "-include", "mmodel_kernel.h", probe.string()});
        (void)run_command(words, log, limits);
        std::ranges::move(drifted(first_part(log, most_log), here), std::back_inserter(out));
        fs::remove(probe, ec), fs::remove(log, ec);
    }
    return out;
}

} // namespace mmodel::bench
