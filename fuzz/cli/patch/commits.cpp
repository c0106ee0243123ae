// SPDX-License-Identifier: GPL-2.0 OR MIT
// The series of a repository's commits. Only what git keeps is read: nothing is checked out.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fuzz/cli/patch/series.hpp"
#include "fuzz/cli/say.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_in(std::string_view line) { return bench::split(line, " \t\n"); }

std::string short_id(const std::string& commit) { return commit.substr(0, id_digits); }

bool says(const Git& git, const char* question) {
    return git.run({"rev-parse", question}).out.starts_with("true");
}

// A commit and one of its parents; none: it has none, here.
struct Edge {
    std::string commit, parent{};
    std::size_t nr{}, of{};         // the parent's number, from 1, of how many
    std::vector<std::string> raw{}; // lines of `git diff-tree --raw`
};

std::vector<Edge> edges_of(const std::string& rev_list) {
    std::vector<Edge> out;
    for (const std::string& line : lines_of_text(rev_list)) {
        const auto ids = words_in(line);
        if (ids.size() == 1) out.push_back({.commit = ids[0]});
        for (std::size_t i = 1; i < ids.size(); ++i)
            out.push_back({.commit = ids[0], .parent = ids[i], .nr = i, .of = ids.size() - 1});
    }
    return out;
}

// Fills in what each changes of the paths; with --always each begins with a line of its own, in order.
// Returns how many could be read; with fewer than all, why.
struct Compared {
    std::size_t nr;
    std::string why;
};
Compared compare_trees(const Git& git, std::vector<Edge>& edges, const Renamed& renamed) {
    std::string in;
    for (const Edge& e : edges) in += e.commit + (e.parent.empty() ? "" : " " + e.parent) + "\n";
    std::vector<std::string> args{
        "diff-tree",   "--stdin",      "--always",      "--root",        "-r", "--raw",
        "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--"};
    args.insert(args.end(), judged_paths().begin(), judged_paths().end());
    for (const auto& [path, judged] : renamed) args.push_back(path);
    const GitSaid said = git.run(args, in);
    std::size_t nr = 0;
    for (Edge& e : edges) e.raw.clear();
    for (const std::string& line : lines_of_text(said.out))
        if (!line.starts_with(':'))
            ++nr;
        else if (nr && nr <= edges.size())
            edges[nr - 1].raw.push_back(line);
    if (said.ok()) return {edges.size(), ""};
    return {nr ? nr - 1 : 0, said.why()};
}

// ":100644 100644 <id> <id> M\tpath", or with the similarity and two paths of a renamed one.
struct Raw {
    char what{};
    std::string path{}, to{};
};
Raw parse_raw(const std::string& line) {
    const auto fields = lines_of_text(line, '\t');
    const auto words = words_in(fields[0]);
    return {words.back()[0], fields.size() > 1 ? fields[1] : "", fields.size() > 2 ? fields[2] : ""};
}

// New names that commits give to judged files, or take from them.
bool find_renamed(const Git& git, const std::vector<Edge>& edges, std::size_t nr, Renamed& renamed) {
    const auto judged = [&](const std::string& path) -> std::string {
        if (std::ranges::find(judged_paths(), path) != judged_paths().end()) return path;
        const auto it = renamed.find(path);
        return it == renamed.end() ? "" : it->second;
    };
    bool found = false;
    for (std::size_t i = 0; i < nr; ++i) {
        const Edge& e = edges[i];
        const auto comes_or_goes = [](const std::string& l) {
            const char what = parse_raw(l).what;
            return what == 'A' || what == 'D';
        };
        if (e.parent.empty() || std::ranges::none_of(e.raw, comes_or_goes)) continue;
        const GitSaid said = git.run({"diff-tree", "-r", "-M", "--raw", "--diff-filter=R", "--no-ext-diff",
                                      "--no-textconv", e.parent, e.commit});
        for (const std::string& line : lines_of_text(said.out)) {
            const Raw r = parse_raw(line);
            for (const auto& [known, other] : {std::pair{r.path, r.to}, {r.to, r.path}})
                if (!judged(known).empty() && judged(other).empty())
                    found |= renamed.emplace(other, judged(known)).second;
        }
    }
    return found;
}

Change change_of(const Git& git, const Edge& e, const Renamed& renamed, bool shallow) {
    const CommitWords words = words_of_commit(git, e.commit);
    Change c{.id = short_id(e.commit), .subject = words.subject, .author = words.author};
    if (e.of > 1) c.against = fmt::format("parent {} of {}, {}", e.nr, e.of, short_id(e.parent));
    if (auto after = texts_of_commit(git, e.commit, renamed))
        c.after = std::move(*after);
    else
        c.why_not = after.error();
    if (e.parent.empty()) {
        c.why_alone = shallow ? "its parent is not here: the repository is shallow" : "it has no parent";
    } else if (auto before = texts_of_commit(git, e.parent, renamed)) {
        c.before = std::move(*before);
    } else {
        c.why_alone = before.error();
    }
    return c;
}

std::optional<Failure> why_no_range(const Git& git, const std::string& range) {
    const GitSaid inside = git.run({"rev-parse", "--git-dir"});
    if (!inside.ok())
        return Failure{fmt::format("{}: {}", git.dir().string(), inside.why()),
                       inside.status == 127 ? exit_environment : exit_usage};
    const auto dots = range.find("..");
    if (dots == range.npos || range.find("...") != range.npos || range.starts_with('-'))
        return Failure{fmt::format("'{}' is no range of commits; wanted BASE..HEAD", range)};
    return std::nullopt;
}

Failure empty_range(const Git& git, const std::string& range) {
    const auto dots = range.find("..");
    const std::string other = range.substr(dots + 2) + ".." + range.substr(0, dots);
    const bool swapped = git.run({"rev-list", "-1", "--end-of-options", other, "--"}).out.size() > 1;
    return Failure{fmt::format("{}: there is no commit in {}{}", git.dir().string(), range,
                               swapped ? ", but there are some in " + other : ""),
                   exit_environment};
}

} // namespace

CommitWords words_of_commit(const Git& git, const std::string& commit) {
    const GitSaid said = git.run({"show", "-s", "--no-show-signature", "--format=%s%x00%an <%ae>", commit});
    const auto fields = lines_of_text(said.out.substr(0, said.out.find('\n')), '\0');
    return {fields.empty() ? "" : fields[0], fields.size() > 1 ? fields[1] : ""};
}

std::expected<Texts, std::string> texts_of_commit(const Git& git, const std::string& commit,
                                                  const Renamed& renamed) {
    std::vector<std::string> args{"ls-tree", "-z", "--full-tree", commit, "Makefile"};
    args.insert(args.end(), judged_paths().begin(), judged_paths().end());
    for (const auto& [path, judged] : renamed) args.push_back(path);
    const auto why = [&](const GitSaid& said) {
        return std::unexpected(fmt::format("{}: objects are missing or damaged (nothing is fetched): {}",
                                           short_id(commit), said.why()));
    };
    const GitSaid listed = git.run(args);
    if (!listed.ok() || listed.err.starts_with("error: ")) return why(listed);
    Texts out;
    for (const std::string& entry : lines_of_text(listed.out, '\0')) { // "100644 blob <id>\tpath"
        const auto words = words_in(entry.substr(0, entry.find('\t')));
        if (words.size() != 3 || words[1] != "blob" || !words[0].starts_with("100")) continue;
        const GitSaid text = git.run({"cat-file", "blob", words[2]});
        if (!text.ok()) return why(text);
        if (text.out.size() <= bench::max_text) out[entry.substr(entry.find('\t') + 1)] = text.out;
    }
    for (const auto& [path, judged] : renamed) // under the name by which the file is judged, too
        if (out.contains(path) && !out.contains(judged)) out[judged] = out[path];
    return out;
}

std::expected<Series, Failure> commits_of(const fs::path& dir, const std::string& range) {
    const Git git(dir);
    if (const auto why = why_no_range(git, range)) return std::unexpected(*why);
    const bool shallow = says(git, "--is-shallow-repository");
    const GitSaid listed =
        git.run({"rev-list", "--reverse", "--topo-order", "--parents", "--end-of-options", range, "--"});
    Series out{.name = range};
    if (!listed.ok() && listed.out.empty())
        return std::unexpected(Failure{
            fmt::format("{}: {}: {}{}", dir.string(), range, listed.why(),
                        shallow ? " (the repository is shallow; `git fetch --deepen=N` brings more)" : "")});
    std::vector<Edge> edges = edges_of(listed.out);
    if (edges.empty()) return std::unexpected(empty_range(git, range));
    Renamed renamed;
    Compared compared = compare_trees(git, edges, renamed);
    for (int i = 0; i < 4 && find_renamed(git, edges, compared.nr, renamed); ++i)
        compared = compare_trees(git, edges, renamed);
    if (compared.nr < edges.size()) {
        out.ended = Failure{fmt::format("{}: the series was read up to {} only: {}", dir.string(),
                                        short_id(edges[compared.nr].commit), compared.why),
                            exit_environment};
        edges.resize(compared.nr);
    }
    for (const auto& [path, judged] : renamed)
        out.notes.push_back(fmt::format("{} is judged as {}", path, judged));
    std::set<std::string> all, touched;
    for (const Edge& e : edges) {
        all.insert(e.commit);
        if (e.raw.empty()) continue;
        touched.insert(e.commit);
        out.changes.push_back(change_of(git, e, renamed, shallow));
        for (const Edge& other : edges)
            if (other.commit == e.commit && other.parent != e.parent)
                if (auto texts = texts_of_commit(git, other.parent, renamed))
                    out.changes.back().other_parents.push_back(std::move(*texts));
    }
    out.patches = all.size();
    out.skipped = all.size() - touched.size();
    return out;
}

std::expected<Series, Failure> working_tree_of(const fs::path& dir) {
    const Git git(dir);
    const GitSaid top = git.run({"rev-parse", "--show-toplevel"});
    if (!top.ok())
        return std::unexpected(Failure{fmt::format("{}: {}", dir.string(), top.why()),
                                       top.status == 127 ? exit_environment : exit_usage});
    const fs::path root = top.out.substr(0, top.out.find('\n'));
    Change c{.id = "the working tree", .subject = "what is not committed"};
    Texts after = texts_in(root);
    if (auto before = texts_of_commit(git, "HEAD", {}))
        c.before = std::move(*before);
    else
        c.why_alone = before.error();
    Series out{.name = "the working tree", .patches = 1};
    if (c.before)
        for (const auto& [path, text] : *c.before) // as of a sparse checkout
            if (after.emplace(path, text).second)
                out.notes.push_back(path + " is not in the working tree; it is taken from HEAD");
    const auto is_changed = [&](const std::string& path) {
        if (!after.contains(path)) return false;
        return !c.before || !c.before->contains(path) || c.before->at(path) != after.at(path);
    };
    out.skipped = std::ranges::none_of(judged_paths(), is_changed);
    c.after = std::move(after);
    if (!out.skipped) out.changes.push_back(std::move(c));
    return out;
}

} // namespace mmodel::cli
