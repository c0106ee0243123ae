// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/help.hpp"
#include "fuzz/cli/pages.hpp"
#include "fuzz/cli/say.hpp"

namespace mmodel::cli {
namespace {

// The functions of the script.
constexpr const char *files = "_mmodel_files", *dirs = "_mmodel_dirs";
std::string words(const std::vector<std::string>& all) {
    return fmt::format("_mmodel_words {}", fmt::join(all, " "));
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::Option* o : app.get_options()) {
        for (const std::string& name : o->get_lnames()) out.push_back("--" + name);
        for (const std::string& name : o->get_snames()) out.push_back("-" + name);
    }
    return out;
}

// What may follow an option, or stand for a positional; empty: nothing that is known.
std::string values_of(const CLI::Option& o) {
    const std::string type = o.get_type_name().empty() ? o.get_name(true) : o.get_type_name();
    if (type == "DIR") return dirs;
    if (type == "FILE" || type == "OUT") return files;
    if (const auto names = listed_names(type); !names.empty()) return words(names);
    if (type.find('|') != type.npos) return words(CLI::detail::split(type, '|'));
    return "";
}

std::string after_options(const CLI::App& sub) {
    std::string out;
    for (const CLI::Option* o : sub.get_options()) {
        const std::string values = values_of(*o);
        if (o->get_positional() || o->get_type_size() == 0 || values.empty()) continue;
        std::vector<std::string> names;
        for (const std::string& n : o->get_lnames())
            names.push_back(fmt::format("'{} --{}'", sub.get_name(), n));
        for (const std::string& n : o->get_snames())
            names.push_back(fmt::format("'{} -{}'", sub.get_name(), n));
        out += fmt::format("    {}) {}; return ;;\n", fmt::join(names, " | "), values);
    }
    return out;
}

std::string positionals(const CLI::App& sub) {
    for (const CLI::Option* o : sub.get_options())
        if (const std::string values = values_of(*o); o->get_positional() && !values.empty())
            return fmt::format("    {}) {} ;;\n", sub.get_name(), values);
    return "";
}

// `cur` and `prev`: the word that is written, and the option before it; "--tree=" is three words to bash.
constexpr const char* script = R"(# bash completion for mmodel, made by `mmodel help --pages`
_mmodel() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} sub=${{COMP_WORDS[1]}}
    [[ $cur != = ]] || cur=
    [[ $prev != = ]] || prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    _mmodel_words() {{ mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur"); }}
    _mmodel_files() {{ compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }}
    _mmodel_dirs() {{ compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); }}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then {first}; return; fi
    case "$sub $prev" in
{after}    esac
    case "$sub $cur" in
{options}    esac
    case $sub in
{positionals}    esac
}}
complete -F _mmodel mmodel
)";

} // namespace

std::string bash_completion(const CLI::App& app) {
    std::vector<std::string> first = options_of(app);
    std::string after, options, rest;
    for (const CLI::App* sub : app.get_subcommands({})) {
        first.push_back(sub->get_name());
        after += after_options(*sub);
        options += fmt::format("    '{} -'*) {}; return ;;\n", sub->get_name(), words(options_of(*sub)));
        rest += positionals(*sub);
    }
    return fmt::format(script, fmt::arg("first", words(first)), fmt::arg("after", after),
                       fmt::arg("options", options), fmt::arg("positionals", rest));
}

int write_pages(const CLI::App& app, const std::filesystem::path& share) {
    const auto man = share / "man" / "man1", bash = share / "bash-completion" / "completions";
    for (const auto& dir : {man, bash})
        if (const auto why = why_not_a_place(dir)) return complain(Failure{*why, exit_environment});
    std::vector<const CLI::App*> pages{&app};
    for (const CLI::App* sub : app.get_subcommands({})) pages.push_back(sub);
    for (const CLI::App* page : pages) {
        const std::string name = app.get_name() + (page == &app ? "" : "-" + page->get_name()) + ".1";
        if (const auto why = write_file(man / name, man_page(*page)))
            return complain(Failure{*why, exit_environment});
    }
    if (const auto why = write_file(bash / app.get_name(), bash_completion(app)))
        return complain(Failure{*why, exit_environment});
    return exit_holds;
}

} // namespace mmodel::cli
