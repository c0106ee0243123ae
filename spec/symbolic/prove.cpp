// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel_prove: the theorems of spec/symbolic, one line each, and the breaks that must refute them.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "spec/sabotage/edits.hpp"
#include "spec/symbolic/proof.hpp"
#include "spec/symbolic/sabotages.hpp"

using namespace mmodel;
using namespace mmodel::symbolic;

namespace {

constexpr int exit_holds = 0, exit_violation = 1, exit_bad_usage = 2, exit_not_answered = 3;

struct Options {
    std::vector<std::string> theorems;
    std::string sabotage;
    bool list{}, is_long{}, sabotages{}, json{};
};

std::string as_json(const Theorem& t, const Result& r, std::string_view sabotage, bool good) {
    return nlohmann::ordered_json{
        {"kind", "theorem"},   {"name", t.name},        {"sabotage", sabotage},
        {"proved", r.proved},  {"as_expected", good},   {"broken", r.broken},
        {"paths", r.nr_paths}, {"checks", r.nr_checks}, {"seconds", std::round(r.seconds * 100) / 100},
        {"example", r.example}}
        .dump();
}

// Whether the result is as it should be.
bool report(const Theorem& t, const Result& r, std::string_view sabotage, const Options& o) {
    const bool good = r.proved == sabotage.empty();
    if (o.json) {
        fmt::print("{}\n", as_json(t, r, sabotage, good));
    } else {
        fmt::print("{:<8} {:<44} {:6} paths {:7} checks {:7.1f} s  {}\n", r.proved ? "proved" : "REFUTED",
                   sabotage.empty() ? t.name : fmt::format("{} in {}", sabotage, t.name), r.nr_paths,
                   r.nr_checks, r.seconds, r.proved ? t.what : r.broken);
        if (r.proved) fmt::print("{}", r.note);
        if (!r.proved && (!good || !o.sabotage.empty())) fmt::print("{}", r.example);
    }
    std::fflush(stdout);
    return good;
}

// Named on the command line, whole or by how it begins.
bool is_named(std::string_view theorem, const Options& o) {
    return std::ranges::any_of(o.theorems, [&](const std::string& n) { return theorem.starts_with(n); });
}

bool is_wanted(const Theorem& t, const Options& o) {
    return o.theorems.empty() ? o.is_long || !t.is_long : is_named(t.name, o);
}

// Theorems about the broken model.
std::vector<Theorem> broken_theorems() {
    std::vector<Theorem> all;
    add_broken_hvo_theorems(all);
    add_broken_percpu_theorems(all);
    std::erase_if(all, [](const Theorem& t) { return !t.can_be_broken; });
    return all;
}

bool run_sabotages(const Options& o) {
    const std::vector<Theorem> all = broken_theorems();
    bool good = true;
    for (const Refuted& r : refuted) {
        if (!o.theorems.empty() && !is_named(r.theorem, o)) continue;
        const auto t = std::ranges::find(all, r.theorem, &Theorem::name);
        planted = *sabotage_named(r.sabotage);
        good &= report(*t, t->prove(), r.sabotage, o);
    }
    return good;
}

// Any theorem of a step will do; it stops at the first that is refuted.
bool run_sabotage(const Options& o) {
    planted = *sabotage_named(o.sabotage);
    for (const Theorem& t : broken_theorems()) {
        if (!is_wanted(t, o)) continue;
        const Result r = t.prove();
        if (!r.proved) return report(t, r, o.sabotage, o);
        if (o.theorems.size()) return report(t, r, o.sabotage, o);
    }
    fmt::print("survives {}\n", o.sabotage);
    return false;
}

std::vector<Theorem> all_theorems() {
    std::vector<Theorem> all;
    add_hvo_theorems(all);
    add_percpu_theorems(all);
    add_arithmetic_theorems(all);
    return all;
}

void print_list(const std::vector<Theorem>& all) {
    for (const Theorem& t : all) fmt::print("{:<28} {}{}\n", t.name, t.what, t.is_long ? " [long]" : "");
}

bool run(const Options& o, const std::vector<Theorem>& all) {
    if (o.list) return print_list(all), true;
    if (o.sabotages) return run_sabotages(o);
    if (!o.sabotage.empty()) return run_sabotage(o);
    bool good = true;
    for (const Theorem& t : all)
        if (is_wanted(t, o)) good &= report(t, t.prove(), "", o);
    return good;
}

void set_up(CLI::App& app, Options& o, const std::vector<Theorem>& all) {
    app.name("mmodel_prove");
    app.footer("Exit status: 0 all is as it should be, 1 it is not, 2 bad usage, 3 Z3 gave no answer.");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.failure_message([](const CLI::App*, const CLI::Error& e) {
        return fmt::format("mmodel_prove: {}; see --help\n", e.what());
    });
    app.add_flag("--list", o.list, "List the theorems, those of --long too");
    app.add_option("--theorem", o.theorems,
                   "Prove that theorem, or all that begin with NAME; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->check([&all](const std::string& n) {
            const bool is = std::ranges::any_of(all, [&](const Theorem& t) { return t.name.starts_with(n); });
            return is ? "" : fmt::format("no theorem is named '{}'", n);
        });
    app.add_flag("--long", o.is_long, "Prove those that take minutes, too");
    CLI::Option* one = app.add_option("--sabotage", o.sabotage,
                                      "Plant that break in the model: it must be refuted; show how");
    one->type_name("NAME")->check([](const std::string& n) {
        return sabotage_named(n) ? "" : fmt::format("no sabotage is named '{}'", n);
    });
    app.add_flag("--sabotages", o.sabotages, "Plant every break that this layer must refute")->excludes(one);
    app.add_flag("--json", o.json, "Print one line of JSON a theorem");
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<Theorem> all = all_theorems();
    Options o;
    CLI::App app("Proves with Z3 that the model's own steps keep an inductive invariant, and its address "
                 "arithmetic for all 64-bit inputs. Without options: all theorems that are quick.");
    set_up(app, o, all);
    try {
        app.parse(argc, argv);
        return run(o, all) ? exit_holds : exit_violation;
    } catch (const CLI::ParseError& e) {
        return app.exit(e) ? exit_bad_usage : exit_holds;
    } catch (const z3::exception& e) {
        fmt::print(stderr, "mmodel_prove: Z3: {}\n", e.msg());
        return exit_not_answered;
    }
}
