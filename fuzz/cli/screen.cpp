// SPDX-License-Identifier: GPL-2.0 OR MIT
// A replay as people read it, and as Graphviz draws it.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "fuzz/cli/fold.hpp"
#include "fuzz/cli/replay.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/generate.hpp"
#include "spec/linux/host/data_dir.hpp"

namespace mmodel::cli {
namespace {

constexpr std::size_t shown_events = 8;
constexpr std::size_t max_lines = 40; // of what one operation changed
constexpr int op_width = 44;
constexpr std::size_t change_indent = 12;

std::string geometry_text(const Config& c) {
    const Geometry& g = c.geometry;
    return fmt::format("{}: {} pages of {}, struct page {} bytes, {} entries a table, {}", print_config(c),
                       grouped(c.frames_per_node * c.nr_nodes), print_bytes(g.page_bytes),
                       g.struct_page_bytes, g.ptrs_per_pte, plural(c.nr_nodes, "node"));
}

class TextScreen : public Screen {
public:
    explicit TextScreen(const ReplayOptions& o) : options_(o) {}

    void begin(const Input& in, const std::string& subject) override {
        in_ = &in;
        subject_ = subject;
        geometry_ = in.trace.config.geometry;
        print_wrapped(fmt::format("{}: {}, {}, on {}", in.name, in.format,
                                  plural(in.trace.ops.size(), "operation"), subject),
                      2);
        if (!in.note.empty()) print_labelled("note", in.note);
        print_labelled("geometry", geometry_text(in.trace.config));
        if (in.sabotage != Sabotage::none)
            print_labelled("sabotage", in.trace.sabotage + ": the model is broken on purpose");
        if (!in.trace.expect.empty()) print_labelled("expect", in.trace.expect);
        fmt::print("\n");
    }

    void step(const ReplayStep& s, const World* before, const World* after) override {
        const std::string result = !s.violations.empty() ? "violates"
                                   : !s.known.empty()    ? "known"
                                                         : show::result(s.ran.outcome, s.op.kind);
        print_wrapped(
            fmt::format("{} {:>4}  {:<{}} {:<12} {}", s.violations.empty() ? "   " : ">>>", s.idx,
                        print_op(geometry_, s.op), op_width, result,
                        s.ran.nr_events || s.violations.empty() ? plural(s.ran.nr_events, "event") : ""),
            change_indent);
        for (const std::string& k : s.known) print_indented("known: " + k);
        if (s.put_back) print_indented("the world before it is put back");
        if (options_.events) print_events(s, s.events.size());
        if (before) print_change(show::lines(geometry_, show::change(*before, *after)));
        if (!s.violations.empty()) last_ = s;
    }

    void state(u64 idx, const World& w) override {
        fmt::print("\n          the world after operation {}:\n", idx);
        for (const std::string& l : show::state(w)) print_indented(l);
        fmt::print("\n");
    }

    void end(const Verdict& v, const World*) override {
        fmt::print("\n");
        for (const spec::Violation& one : v.violations) print_violation(one);
        if (!v.violations.empty() && !options_.events && !last_.events.empty()) {
            fmt::print("the last events of operation {}:\n", last_.idx);
            print_events(last_, shown_events);
        }
        print_verdict(v);
    }

private:
    // The last `most` lines; alike events are one.
    static void print_events(const ReplayStep& s, std::size_t most) {
        std::vector<show::FoldLine> all;
        for (std::size_t i = 0; i < s.events.size(); ++i)
            all.push_back(
                {print_event(s.events[i]), name(s.events[i].where), !s.violations.empty() && is_at(s, i)});
        const std::vector<show::Folded> folded = show::fold(all);
        std::size_t number_width = 5;
        for (const show::Folded& f : folded) number_width = std::max(number_width, numbers_of(f).size());
        for (std::size_t i = folded.size() - std::min(folded.size(), most); i < folded.size(); ++i) {
            const show::Folded& f = folded[i];
            print_wrapped(fmt::format("{:12}{} {:>{}}  {}{}  in {}()", "", all[f.first].alone ? ">" : " ",
                                      numbers_of(f), number_width, f.text,
                                      f.count > 1 ? fmt::format(" x {}", f.count) : "", all[f.first].group),
                          number_width + 18);
        }
    }
    static bool is_at(const ReplayStep& s, std::size_t i) {
        return !s.violations[0].where.empty() && s.violations[0].event_idx == i;
    }

    // The last line sums up, so it is always shown.
    static void print_change(const std::vector<std::string>& lines) {
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (lines.size() > max_lines && i == max_lines - 2) {
                print_indented(
                    fmt::format("... {} more lines; --json has them all", lines.size() - max_lines + 1));
                i = lines.size() - 1;
            }
            print_indented(lines[i]);
        }
    }
    static void print_indented(const std::string& line) {
        const std::size_t own = line.find_first_not_of(' ');
        print_wrapped(fmt::format("{:{}}{}", "", change_indent, line),
                      change_indent + (own == line.npos ? 0 : own) + 2);
    }
    static void print_labelled(std::string_view label, std::string_view text, std::size_t label_width = 10) {
        fmt::print("{}", labelled(label, text, label_width));
    }

    static void print_violation(const spec::Violation& v) {
        fmt::print("{}\n", name_of(v));
        print_wrapped(fmt::format("  \"{}\"", meaning(v)), 3);
        print_labelled("at",
                       v.where.empty() ? "rest, after the operation"
                                       : fmt::format("event {}: {}", v.event_idx, v.event),
                       8);
        if (!v.where.empty()) print_labelled("in", v.where + "()", 8);
        print_labelled("found", v.detail.empty() ? "-" : v.detail, 8);
    }

    void print_verdict(const Verdict& v) const {
        const std::string ran =
            fmt::format("{}, {}", plural(v.nr_ops, "operation"), plural(v.nr_events, "event"));
        print_wrapped(verdict_text(v, ran), 2);
        if (v.met || v.violations.empty()) return;
        if (in_->expect) print_labelled("expected", in_->trace.expect);
        const bool named = in_->name != "standard input";
        const std::string command = named ? replay_file() : replay_command(in_->trace, options_.tree);
        fmt::print("  again     {}\n", command);
        if (named) fmt::print("  keep      {} --minimize -o {}\n", command, suggested_place(v));
    }

    [[nodiscard]] std::string verdict_text(const Verdict& v, const std::string& ran) const {
        if (v.violations.empty())
            return v.met ? "holds: " + ran
                         : fmt::format("not as expected: the trace says {}, and nothing was broken ({})",
                                       in_->trace.expect, ran);
        return fmt::format("{}: {} broke {} at operation {} ({})", v.met ? "as expected" : "violates",
                           subject_, v.met ? in_->trace.expect : name_of(v.violations.front()), v.op_idx,
                           ran);
    }
    // A kernel's violations are findings of that kernel; the model's belong in the corpus, if there is one.
    [[nodiscard]] std::string suggested_place(const Verdict& v) const {
        const std::string name = fmt::format("{}.trace", name_of(v.violations.front()));
        const std::filesystem::path corpus = bench::data_dir("corpus");
        std::error_code ec;
        if (!options_.tree.empty() || !std::filesystem::is_directory(corpus, ec)) return name;
        const auto all_belong_to = [&](Subsystem s) {
            return std::ranges::all_of(in_->trace.ops, [&](const Op& op) { return belongs(op.kind, s); });
        };
        if (all_belong_to(Subsystem::hvo)) return path_word(corpus / "hvo" / name);
        return path_word(corpus / (all_belong_to(Subsystem::percpu) ? "percpu" : "mixed") / name);
    }
    [[nodiscard]] std::string replay_file() const {
        return replay_command(in_->name, options_.tree) + (options_.raw_bytes ? " --bytes" : "");
    }

    ReplayOptions options_;
    const Input* in_{};
    std::string subject_;
    Geometry geometry_;
    ReplayStep last_;
};

// Only the picture goes to standard output; what broke, to stderr.
class DotScreen : public Screen {
public:
    explicit DotScreen(const ReplayOptions& o) : options_(o) {}
    void begin(const Input& in, const std::string&) override {
        name_ = in.name;
        geometry_ = in.trace.config.geometry;
        drawn_ = false;
        before_.reset();
    }
    void step(const ReplayStep& s, const World* before, const World*) override {
        if (before) before_ = *before;
        last_ = fmt::format("{}: {}", s.idx, print_op(geometry_, s.op));
    }
    void state(u64, const World& w) override { draw(w); }
    void end(const Verdict& v, const World* last) override {
        if (last && !drawn_) draw(*last);
        for (const spec::Violation& one : v.violations)
            say(fmt::format("{}: {} is broken at operation {}", name_, name_of(one), v.op_idx));
        if (options_.step && !drawn_)
            say(fmt::format("{}: operation {} was not reached", name_, *options_.step));
    }

private:
    void draw(const World& w) {
        fmt::print("{}", show::dot(w, last_.empty() ? name_ : fmt::format("{}, after {}", name_, last_),
                                   before_ ? &*before_ : nullptr));
        drawn_ = true;
    }
    ReplayOptions options_;
    std::string name_, last_;
    std::optional<World> before_; // the last operation
    Geometry geometry_;
    bool drawn_{};
};

} // namespace

std::unique_ptr<Screen> text_screen(const ReplayOptions& o) { return std::make_unique<TextScreen>(o); }
std::unique_ptr<Screen> dot_screen(const ReplayOptions& o) { return std::make_unique<DotScreen>(o); }

} // namespace mmodel::cli
