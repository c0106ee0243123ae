// SPDX-License-Identifier: GPL-2.0 OR MIT
// What a kernel tree offers, read off its text.
#include <algorithm>
#include <initializer_list>

#include "spec/linux/host/bench.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace fs = std::filesystem;
namespace {

// What a makefile's line gives to a variable.
std::optional<std::string_view> assigned(std::string_view makefile, std::string_view variable) {
    for (std::size_t at = 0; at < makefile.size();) {
        const std::size_t end = std::min(makefile.find('\n', at), makefile.size());
        std::string_view line = makefile.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(variable)) continue;
        line = skip_blanks(line.substr(variable.size()));
        if (!line.starts_with('=')) continue;
        line = skip_blanks(line.substr(1));
        return line.substr(0, std::min(line.find_first_of(" \t\r"), line.size()));
    }
    return std::nullopt;
}

// What of an EXTRAVERSION may be part of a file's name.
std::string_view plain_part(std::string_view text) {
    const auto is_plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("-._+~").find(c) != std::string_view::npos;
    };
    return text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin()));
}

// "6.12.117" from the first lines of the Makefile. Names of files are made of it.
std::optional<std::string> version_of(std::string_view makefile) {
    const std::string_view head = makefile.substr(0, 4096);
    const auto number = [&](std::string_view variable) {
        return std::string(leading_digits(assigned(head, variable).value_or("")).substr(0, 9));
    };
    const std::string major = number("VERSION"), minor = number("PATCHLEVEL"), sub = number("SUBLEVEL");
    if (major.empty() || minor.empty()) return std::nullopt;
    return major + "." + minor + "." + (sub.empty() ? "0" : sub) +
           std::string(plain_part(assigned(head, "EXTRAVERSION").value_or("")).substr(0, 64));
}

// The model's design is that of 6.12 to 6.12.113 and 6.15 to 7.0.
std::string what_of_the_model_it_lacks(std::string_view source, std::string_view header) {
    const auto lacks = [&](const char* what) { return source.find(what) == source.npos; };
    if (!has_word(header, "hugetlb_vmemmap_optimize_folio(")) return "calls for folios";
    if (!has_word(header, "hugetlb_vmemmap_optimize_folios(")) return "calls for lists of folios";
    if (lacks("reuse_page")) return "a page that is reused (reuse_page)";
    if (lacks("SYNCHRONIZE_RCU")) return "one grace period a list (VMEMMAP_SYNCHRONIZE_RCU)";
    if (lacks("memmap_pages_add")) return "the counters of memmap pages";
    return {};
}

std::string percpu_refusal(std::string_view source) {
    const auto lacks = [&](const char* what) { return source.find(what) == std::string::npos; };
    if (lacks("pcpu_to_depopulate_slot") || (lacks("pcpu_alloc_noprof(") && lacks("__alloc_percpu_gfp(")))
        return "of a generation that is not supported; supported: 6.1 to 7.3";
    return {};
}

// The line, from 1, of a marker that a merge or a rebase leaves; 0: there is none.
u64 conflict_line(std::string_view text) {
    u64 nr = 1;
    for (std::size_t at = 0; at < text.size(); ++nr) {
        const std::string_view line = text.substr(at, 8);
        if (line.size() == 8 && std::string_view(" \r\n").contains(line[7]) &&
            (line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>")))
            return nr;
        at = std::min(text.find('\n', at), text.size() - 1) + 1;
    }
    return 0;
}

// The texts that a file is compiled from; where one cannot be used, why.
class Text {
public:
    Text(const fs::path& dir, std::initializer_list<const char*> paths) {
        for (const char* path : paths) {
            auto text = slurp(dir / path);
            parts_.push_back(text.value_or(""));
            if (!why_not_.empty()) continue;
            if (!text)
                why_not_ = std::string(path) + ": " + text.error();
            else if (const u64 line = conflict_line(*text))
                why_not_ = std::string(path) + ", line " + std::to_string(line) +
                           ": a conflict that nobody has resolved yet";
        }
    }
    [[nodiscard]] const std::string& operator[](std::size_t i) const { return parts_[i]; }
    // Empty: all can be read.
    [[nodiscard]] std::string why_not() const {
        return why_not_.empty() ? "" : "not to be judged: " + why_not_;
    }

private:
    std::vector<std::string> parts_;
    std::string why_not_;
};

bool is_there(const fs::path& p) {
    std::error_code ec;
    return fs::exists(fs::symlink_status(p, ec));
}

void add_hvo(Tree& t) {
    if (!is_there(t.dir / t.file)) return;
    const Text text(t.dir, {"mm/hugetlb_vmemmap.c", "mm/hugetlb_vmemmap.h"});
    t.not_the_models = what_of_the_model_it_lacks(text[0], text[1]);
    t.files.push_back({.name = "hugetlb_vmemmap",
                       .path = t.file,
                       .compiled = t.file,
                       .unit = "hvo/unit.c",
                       .source = fnv1a(text[0]),
                       .defines = {"-D__MM_INTERNAL_H"}, // the tree may have mm/internal.h: it is passed over
                       .called = called_words(text[0]),
                       .refusal = text.why_not()});
}

// The two names of the percpu allocator: what one of them needs, the other needs, too.
void add_percpu(Tree& t) {
    const Text text(t.dir, {"mm/percpu.c", "mm/percpu-vm.c", "mm/percpu-internal.h"});
    const std::string &core = text[0], &vm = text[1], &internal = text[2];
    const auto add = [&](const char* name, const char* path, const std::string& all) {
        const std::string unread = text.why_not();
        if (is_there(t.dir / path))
            t.files.push_back({.name = name,
                               .path = path,
                               .compiled = "mm/percpu.c",
                               .unit = "percpu/unit.c",
                               .source = fnv1a(all),
                               // the tree may have mm/internal.h and mm/vmalloc.h: they are passed over
                               .defines = {"-D__MM_INTERNAL_H", "-D__MM_VMALLOC_H"},
                               .called = called_words(core + vm),
                               .refusal = unread.empty() ? percpu_refusal(core) : unread});
    };
    add("percpu-vm", "mm/percpu-vm.c", vm);
    add("percpu", "mm/percpu.c", core + vm + internal);
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
        return std::unexpected(Problem{(dir / "Makefile").string() + ": " + makefile.error() +
                                           "; a kernel tree has one, and it names the version",
                                       true, true});
    const auto version = version_of(*makefile);
    if (!version)
        return std::unexpected(
            Problem{(dir / "Makefile").string() +
                        ": no VERSION and PATCHLEVEL lines; this is not a kernel's Makefile",
                    true, true});
    t.version = *version;
    add_hvo(t);
    add_percpu(t);
    if (t.files.empty())
        return std::unexpected(Problem{(dir / t.file).string() +
                                           ": cannot be read: it is not there, and neither are mm/percpu.c "
                                           "and mm/percpu-vm.c",
                                       true, true});
    return t.seen_by(t.files.front());
}

Tree Tree::seen_by(const KernelFile& f) const {
    Tree out = *this;
    out.name = f.name;
    out.file = f.path;
    out.source = f.source;
    out.defines = f.defines;
    return out;
}

const KernelFile& Tree::judged() const { return *std::ranges::find(files, name, &KernelFile::name); }

bool Tree::has_function(std::string_view function) const {
    return std::ranges::binary_search(judged().called, function);
}

std::expected<Tree, Problem> Tree::judged_by(std::string_view asked) const {
    const auto f = std::ranges::find(files, asked, &KernelFile::name);
    if (f == files.end())
        return std::unexpected(
            Problem{dir.string() + ": the tree of Linux " + version + " has no '" + std::string(asked) + "'",
                    true, true});
    Tree out = seen_by(*f);
    if (!f->refusal.empty()) return std::unexpected(out.refused());
    return out;
}

Problem Tree::refused() const {
    return Problem{.what = dir.string() + ": " + file + " of Linux " + version + " is " + judged().refusal,
                   .of_tree = true};
}

} // namespace mmodel::bench
