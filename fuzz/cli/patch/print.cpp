// SPDX-License-Identifier: GPL-2.0 OR MIT
// A series as people read it, and as JSON.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/long_work.hpp"
#include "fuzz/cli/patch/patch.hpp"
#include "fuzz/cli/patch/ran.hpp"
#include "fuzz/cli/wrap.hpp"

namespace mmodel::cli {

std::string tree_of(const JudgedPatch& p, const PatchOptions& o) {
    if (o.working_tree) return "";
    if (!o.on.empty())
        return fmt::format("t=DIR, a copy of {} with the mailbox applied up to {}", path_word(o.on),
                           p.change->id);
    std::string paths;
    for (const auto& [path, text] : *p.change->after) paths += " " + path;
    return fmt::format("t=$(mktemp -d); git -C {} archive {}{} | tar -xC $t", path_word(o.git), p.change->id,
                       paths);
}

std::string again_of(const bench::Finding& f, const PatchOptions& o) {
    return again_command(f, replay_command(trace_of(f))) +
           (o.working_tree ? tree_words(o.git) : " --tree $t");
}

namespace {

// Of the patch, in a finding's sequence.
std::vector<RanLine> lines_of(Judge& judge, const JudgedPatch& p, const FileChange& f,
                              const bench::Finding& b) {
    if (!p.before || !p.after) return {};
    return lines_that_ran(judge, *p.before, *p.after, f.name, b);
}

struct Counted {
    std::size_t brought{}, bringing{}, judged{}, not_judged{};
};

Counted count(const std::deque<JudgedPatch>& patches, bool strict) {
    Counted out;
    for (const JudgedPatch& p : patches) {
        std::size_t of_this = 0;
        bool judged = !p.files.empty();
        for (const FileChange& f : p.files) {
            of_this += f.brought(strict).size();
            judged &= f.what != FileChange::What::not_judged;
        }
        ++(judged ? out.judged : out.not_judged);
        out.brought += of_this;
        out.bringing += of_this != 0;
    }
    return out;
}

class Text : public SeriesOutput {
public:
    Text(const PatchOptions& o, Judge& judge) : options_(o), judge_(judge) {}

    void patch(const JudgedPatch& p) override {
        print_wrapped(name_of(*p.change), 2);
        for (const FileChange& f : p.files) {
            fmt::print("{}", labelled(f.path.empty() ? "-" : f.path, verdict_of(f, options_.strict), 24));
            for (const bench::Identity& i : f.against.fixed)
                fmt::print("{}", labelled("", "fixed: " + print_identity(i), 24));
        }
    }

    int end(const Series& s, const std::deque<JudgedPatch>& patches, int) override {
        for (const JudgedPatch& p : patches) brought_by(p);
        const Counted n = count(patches, options_.strict);
        if (!patches.empty()) fmt::print("\n");
        std::string line = fmt::format(
            "{}: {} of {} patches judged, each against its parent; {} touch nothing that is judged", s.name,
            n.judged, s.patches, s.skipped);
        if (n.not_judged) line += fmt::format(", {} could not be judged", n.not_judged);
        if (interrupted()) line += "; interrupted";
        print_wrapped(line, 2);
        const std::string by = n.bringing == 1 ? "one patch" : fmt::format("{} patches", n.bringing);
        print_wrapped(n.brought ? fmt::format("{}, brought by {}", plural(n.brought, "new finding"), by)
                      : n.judged || (n.not_judged == 0 && !s.ended) ? "nothing new"
                                                                    : "nothing was judged",
                      2);
        return exit_holds;
    }

private:
    void brought_by(const JudgedPatch& p) const {
        bool first = true;
        for (const FileChange& f : p.files)
            for (const bench::Finding* b : f.brought(options_.strict)) {
                if (std::exchange(first, false)) head(p, f);
                fmt::print("\n{}{}",
                           five_lines({b->violation, fmt::format("{} after {}", f.path, p.change->id),
                                       trace_of(*b), again_of(*b, options_)}),
                           labelled("id", print_identity(b->identity), 7));
                print_ran(lines_of(judge_, p, f, *b));
            }
    }

    static void print_ran(const std::vector<RanLine>& lines) {
        constexpr std::size_t most = 12;
        for (std::size_t i = 0; i < std::min(lines.size(), most); ++i) {
            const RanLine& l = lines[i];
            fmt::print("{}", labelled(i ? "" : "ran",
                                      fmt::format("{}{}:{}: {}", l.sign, l.file, l.line, l.text), 7));
        }
        if (lines.size() > most)
            fmt::print("{}", labelled("", fmt::format("... {} in all", plural(lines.size(), "line")), 7));
    }

    void head(const JudgedPatch& p, const FileChange& f) const {
        const Change& c = *p.change;
        fmt::print("\n");
        print_wrapped(fmt::format("{} {}{}{}:", f.is_first_seen() ? "First seen in" : "Brought by",
                                  name_of(c), c.author.empty() ? "" : ", ", c.author),
                      2);
        if (const std::string tree = tree_of(p, options_); !tree.empty()) fmt::print("  tree   {}\n", tree);
    }

    const PatchOptions& options_;
    Judge& judge_;
};

class Lines : public SeriesOutput {
public:
    Lines(const PatchOptions& o, Judge& judge) : options_(o), judge_(judge) {}

    void patch(const JudgedPatch& p) override {
        Json files = Json::array();
        for (const FileChange& f : p.files) files.push_back(file_json(p, f));
        Json j = words(p, "patch");
        j["files"] = std::move(files);
        print_json(std::move(j));
    }

    int end(const Series& s, const std::deque<JudgedPatch>& patches, int status) override {
        Json bad = Json::array();
        for (const JudgedPatch& p : patches)
            for (const FileChange& f : p.files)
                for (const bench::Finding* b : f.brought(options_.strict)) {
                    Json j = words(p, "first-bad");
                    j.update({{"file", f.path},
                              {"finding", print_identity(b->identity)},
                              {"first_seen", f.is_first_seen()},
                              {"trace", print_trace(trace_of(*b))},
                              {"tree", tree_of(p, options_)},
                              {"again", again_of(*b, options_)}});
                    bad.push_back(std::move(j));
                }
        const Counted n = count(patches, options_.strict);
        print_json({{"kind", "series"},
                    {"series", s.name},
                    {"patches", s.patches},
                    {"judged", n.judged},
                    {"skipped", s.skipped},
                    {"not_judged", n.not_judged},
                    {"notes", s.notes},
                    {"first_bad", std::move(bad)},
                    {"interrupted", interrupted()},
                    {"status", status}});
        return exit_holds;
    }

private:
    static Json words(const JudgedPatch& p, const char* kind) {
        Json j{{"kind", kind},
               {"id", p.change->id},
               {"subject", p.change->subject},
               {"author", p.change->author}};
        if (!p.change->against.empty()) j["against"] = p.change->against;
        return j;
    }

    [[nodiscard]] Json file_json(const JudgedPatch& p, const FileChange& f) const {
        const char* const verdicts[] = {"nothing-new", "same-code", "gone", "not-judged"};
        const auto brought = f.brought(options_.strict);
        Json j{{"file", f.path},
               {"verdict", brought.empty() ? verdicts[static_cast<std::size_t>(f.what)] : "new"}};
        if (!f.why.empty()) j["why"] = f.why;
        if (!f.compared.empty()) j["compared"] = f.compared;
        if (!f.report) return j;
        Json fresh = Json::array();
        for (const bench::Finding* b : brought) {
            Json one = violation_json(b->violation, trace_of(*b));
            one["finding"] = print_identity(b->identity);
            one["tree"] = tree_of(p, options_);
            one["again"] = again_of(*b, options_);
            for (const RanLine& l : lines_of(judge_, p, f, *b))
                one["ran"].push_back(
                    {{"sign", std::string{l.sign}}, {"file", l.file}, {"line", l.line}, {"text", l.text}});
            fresh.push_back(std::move(one));
        }
        j["new"] = std::move(fresh);
        f.against.put(j);
        j.update({{"known", f.known},
                  {"operations", f.report->operations},
                  {"complete", f.report->is_whole()},
                  {"coverage", coverage_json(*f.report)}});
        return j;
    }
    const PatchOptions& options_;
    Judge& judge_;
};

} // namespace

std::unique_ptr<SeriesOutput> series_text(const PatchOptions& o, Judge& judge) {
    return std::make_unique<Text>(o, judge);
}
std::unique_ptr<SeriesOutput> series_json(const PatchOptions& o, Judge& judge) {
    return std::make_unique<Lines>(o, judge);
}

} // namespace mmodel::cli
