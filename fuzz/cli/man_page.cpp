// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <algorithm>
#include <ranges>
#include <sstream>

#include <fmt/format.h>

#include "fuzz/cli/options.hpp"
#include "fuzz/cli/pages.hpp"

namespace mmodel::cli {
namespace {

// As it stands: neither a request nor an escape.
std::string roff(std::string_view text) {
    std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == '\'')
            out += "\\(aq";
        else
            out += c;
    }
    return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return text.empty() ? "" : "\\fI" + roff(text) + "\\fR"; }

std::string head(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    return fmt::format(".SH {}\n", roff(name));
}
std::string entry(const std::string& term, std::string_view text) {
    return fmt::format(".TP\n{}\n{}\n", term, roff(text));
}

// What stands below the options, in which lines say what they are by how they begin: "Examples:" is a
// section, "  0  holds" an entry, "  mmodel run" is for a shell, and else it is a paragraph.
std::string sections(const std::string& text) {
    std::string out = ".PP\n";
    bool shell = false;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const bool indented = line.starts_with("  ");
        const auto gap = indented ? line.find("  ", 2) : line.npos;
        const bool now = indented && gap == line.npos;
        if (now != shell) out += now ? ".PP\n.nf\n" : ".fi\n";
        shell = now;
        if (line.empty())
            out += ".PP\n";
        else if (now)
            out += bold(line.substr(2)) + "\n";
        else if (indented)
            out += entry(bold(line.substr(2, gap - 2)), line.substr(line.find_first_not_of(' ', gap)));
        else
            out += line.ends_with(':') ? head(line.substr(0, line.size() - 1)) : roff(line) + "\n";
    }
    return out + (shell ? ".fi\n" : "");
}

std::string paragraphs(const std::string& text) {
    std::string out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out += line.empty() ? ".PP\n" : roff(line) + "\n";
    return out;
}

std::string page_name(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent ? page_name(*parent) + "-" + app.get_name() : app.get_name();
}
std::string command_name(const CLI::App& app) {
    const CLI::App* parent = app.get_parent();
    return parent ? command_name(*parent) + " " + app.get_name() : app.get_name();
}

// CLI11 walks the options; how each is written is ours.
class Roff : public CLI::Formatter {
public:
    std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
        const std::string all = app->get_description(), first = first_paragraph(all);
        const std::string more = all.size() > first.size() ? all.substr(first.size() + 2) : "";
        return "." + head_line(page_name(*app)) + head("name") +
               fmt::format("{} \\- {}\n", roff(page_name(*app)), roff(in_a_line(*app, first))) +
               head("synopsis") + make_usage(app, command_name(*app)) +
               (more.empty() ? "" : head("description")) + paragraphs(more) + make_positionals(app) +
               make_groups(app, mode) + make_subcommands(app, mode) + sections(app->get_footer()) +
               see_also(*app);
    }
    std::string make_usage(const CLI::App* app, std::string name) const override {
        const std::string usage = CLI::Formatter::make_usage(app, ""); // "Usage: [OPTIONS] FILE..."
        return fmt::format("{}{}\n", bold(name), roff(usage.substr(usage.find(':') + 1)));
    }
    std::string make_group(std::string group, bool positional,
                           std::vector<const CLI::Option*> options) const override {
        std::string out = head(positional ? "arguments" : group);
        for (const CLI::Option* o : options) out += make_option(o, positional);
        return out;
    }
    std::string make_option(const CLI::Option* o, bool positional) const override {
        return entry(bold(make_option_name(o, positional)) + italic(make_option_opts(o)),
                     make_option_desc(o));
    }
    std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode) const override {
        std::string out;
        for (const CLI::App* sub : app->get_subcommands({}))
            out += entry(bold(sub->get_name()), first_paragraph(sub->get_description()));
        return out.empty() ? out : head("commands") + out;
    }

private:
    static std::string head_line(std::string page) {
        std::ranges::transform(page, page.begin(), [](unsigned char c) { return std::toupper(c); });
        return fmt::format("TH {} 1 \"\" \"mmodel {}\" \"User Commands\"\n", page, MMODEL_VERSION);
    }
    // "mmodel: an executable ..." names itself already.
    static std::string in_a_line(const CLI::App& app, const std::string& first) {
        const std::string itself = app.get_name() + ": ";
        return first.starts_with(itself) ? first.substr(itself.size()) : first;
    }
    static std::string see_also(const CLI::App& app) {
        const CLI::App& top = app.get_parent() ? *app.get_parent() : app;
        std::vector<std::string> pages;
        if (&top != &app) pages.push_back(page_name(top));
        for (const CLI::App* sub : top.get_subcommands({}))
            if (sub != &app) pages.push_back(page_name(*sub));
        std::string out = head("see also");
        for (const std::string& p : pages)
            out += fmt::format(".BR {} (1){}\n", roff(p), p == pages.back() ? "" : ",");
        return out;
    }
};

} // namespace

std::string man_page(const CLI::App& app) {
    return ".\\\" SPDX-License-Identifier: GPL-2.0 OR MIT\n" +
           Roff().make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
}

} // namespace mmodel::cli
