// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel_prove: the theorems of spec/symbolic, one line each, and the breaks that must refute them.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "spec/sabotage/edits.hpp"
#include "spec/symbolic/proof.hpp"
#include "spec/symbolic/sabotages.hpp"

using namespace mmodel;
using namespace mmodel::symbolic;

namespace {

constexpr const char* usage =
    "usage: mmodel_prove [OPTIONS]\n"
    "\n"
    "Proves with Z3 that the model's own steps keep an inductive invariant, and its address arithmetic for "
    "all\n"
    "64-bit inputs. With no options: all theorems that are quick.\n"
    "\n"
    "  --list            the theorems, and those that --long adds\n"
    "  --theorem NAME    that theorem, or all that begin with NAME; may be repeated\n"
    "  --long            those that take minutes, too\n"
    "  --sabotage NAME   with that break in the model: it must be refuted, and the counterexample is shown\n"
    "  --sabotages       every break that this layer must refute\n"
    "  --json            one line of JSON a theorem\n"
    "\n"
    "Exit status: 0 all is as it should be, 1 not, 2 bad usage, 4 Z3 gave up or failed.\n";

struct Options {
    std::vector<std::string> theorems;
    std::string sabotage;
    bool list{}, is_long{}, sabotages{}, json{};
};

std::string quoted(const std::string& s) {
    std::string out = "\"";
    for (const char c : s) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out + "\"";
}

// Whether the result is as it should be.
bool report(const Theorem& t, const Result& r, std::string_view sabotage, const Options& o) {
    const bool good = r.proved == sabotage.empty();
    if (o.json) {
        std::printf("{\"kind\":\"theorem\",\"name\":%s,\"sabotage\":%s,\"proved\":%s,\"as_expected\":%s,"
                    "\"broken\":%s,"
                    "\"paths\":%llu,\"checks\":%llu,\"seconds\":%.2f,\"example\":%s}\n",
                    quoted(t.name).c_str(), quoted(std::string(sabotage)).c_str(),
                    r.proved ? "true" : "false", good ? "true" : "false", quoted(r.broken).c_str(),
                    static_cast<unsigned long long>(r.nr_paths), static_cast<unsigned long long>(r.nr_checks),
                    r.seconds, quoted(r.example).c_str());
    } else {
        const std::string what = sabotage.empty() ? t.name : std::string(sabotage) + " in " + t.name;
        std::printf("%-8s %-44s %6llu paths %7llu checks %7.1f s  %s\n", r.proved ? "proved" : "REFUTED",
                    what.c_str(), static_cast<unsigned long long>(r.nr_paths),
                    static_cast<unsigned long long>(r.nr_checks), r.seconds,
                    r.proved ? t.what.c_str() : r.broken.c_str());
        if (r.proved && !r.note.empty()) std::printf("%s", r.note.c_str());
        if (!r.proved && (!good || !o.sabotage.empty())) std::printf("%s", r.example.c_str());
    }
    std::fflush(stdout);
    return good;
}

bool is_named(const Theorem& t, const Options& o) {
    if (o.theorems.empty()) return o.is_long || !t.is_long;
    return std::ranges::any_of(o.theorems, [&](const std::string& n) { return t.name.starts_with(n); });
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
        if (!o.theorems.empty() &&
            std::ranges::none_of(o.theorems, [&](const std::string& n) { return r.theorem.starts_with(n); }))
            continue;
        const auto t = std::ranges::find(all, r.theorem, &Theorem::name);
        planted = *sabotage_named(r.sabotage);
        good &= report(*t, t->prove(*t), r.sabotage, o);
    }
    return good;
}

// Any theorem of a step will do; it stops at the first that is refuted.
bool run_sabotage(const Options& o) {
    planted = *sabotage_named(o.sabotage);
    for (const Theorem& t : broken_theorems()) {
        if (!is_named(t, o)) continue;
        const Result r = t.prove(t);
        if (!r.proved) return report(t, r, o.sabotage, o);
        if (o.theorems.size()) return report(t, r, o.sabotage, o);
    }
    std::printf("survives %s\n", o.sabotage.c_str());
    return false;
}

int bad_usage(const char* what, const char* arg) {
    std::fprintf(stderr, "mmodel_prove: %s '%s'; see --help\n", what, arg);
    return 2;
}

int run(const Options& o) {
    std::vector<Theorem> all;
    add_hvo_theorems(all);
    add_percpu_theorems(all);
    add_arithmetic_theorems(all);
    for (const std::string& n : o.theorems)
        if (std::ranges::none_of(all, [&](const Theorem& t) { return t.name.starts_with(n); }))
            return bad_usage("no theorem is named", n.c_str());
    if (o.list) {
        for (const Theorem& t : all)
            std::printf("%-28s %s%s\n", t.name.c_str(), t.what.c_str(), t.is_long ? " [long]" : "");
        return 0;
    }
    if (o.sabotages) return run_sabotages(o) ? 0 : 1;
    if (!o.sabotage.empty()) return run_sabotage(o) ? 0 : 1;
    bool good = true;
    for (const Theorem& t : all)
        if (is_named(t, o)) good &= report(t, t.prove(t), "", o);
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; ++i) {
        const std::string_view a = argv[i];
        const bool more = i + 1 < argc;
        if (a == "--help" || a == "-h") return std::fputs(usage, stdout), 0;
        if (a == "--list")
            o.list = true;
        else if (a == "--long")
            o.is_long = true;
        else if (a == "--json")
            o.json = true;
        else if (a == "--sabotages")
            o.sabotages = true;
        else if (a == "--theorem" && more)
            o.theorems.emplace_back(argv[++i]);
        else if (a == "--sabotage" && more)
            o.sabotage = argv[++i];
        else
            return bad_usage(a.starts_with("--theorem") || a.starts_with("--sabotage")
                                 ? "a name has to follow"
                                 : "unknown option",
                             argv[i]);
    }
    if (!o.sabotage.empty() && !sabotage_named(o.sabotage))
        return bad_usage("no sabotage is named", o.sabotage.c_str());
    try {
        return run(o);
    } catch (const z3::exception& e) {
        std::fprintf(stderr, "mmodel_prove: Z3: %s\n", e.msg());
        return 4;
    }
}
