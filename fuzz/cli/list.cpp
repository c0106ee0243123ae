// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "fuzz/cli/help.hpp"
#include "fuzz/cli/say.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/grammar.hpp"
#include "fuzz/ops/trace_words.hpp"
#include "spec/explore/space.hpp"
#include "spec/sabotage/sabotage.hpp"
#include "spec/tasks/scenarios.hpp"

namespace mmodel::cli {
namespace {

std::vector<Described> invariants() {
    std::vector<Described> out;
    for (const spec::Inv i : spec::all_invariants)
        out.push_back({std::string(spec::fact(i).name), std::string(spec::fact(i).sentence)});
    return out;
}

std::vector<Described> operations() {
    std::vector<Described> out;
    for (const OpKind k : all_op_kinds)
        out.push_back({std::string(name(k)), std::string(words_of(k).sentence)});
    return out;
}

std::vector<Described> sabotages() {
    std::vector<Described> out;
    for (const SabotageName& s : sabotage_names) out.push_back({std::string(s.name), std::string(s.what)});
    return out;
}

std::string in_words(u64 bytes) { return print_bytes(bytes) + (bytes % 1024 ? " bytes" : ""); }

std::string sentence_of(const Config& c) {
    const Geometry& g = c.geometry;
    std::string sizes;
    for (u8 s = 0; s < g.nr_hstates(); ++s) sizes += (s ? ", " : "") + print_bytes(size_bytes(g, s));
    return fmt::format("Pages of {}, {} entries a table, struct pages of {}; huge pages of {}; {} of memory",
                       in_words(g.page_bytes), g.ptrs_per_pte, in_words(g.struct_page_bytes), sizes,
                       print_bytes(c.frames_per_node * g.page_bytes));
}

std::vector<Described> geometries() {
    std::vector<Described> out;
    for (const Config& c : presets()) out.push_back({std::string(c.geometry.arch), sentence_of(c)});
    return out;
}

std::vector<Described> spaces() {
    std::vector<Described> out;
    for (const explore::Space& s : explore::default_spaces()) out.push_back({s.name, s.sentence});
    for (const explore::Space& s : explore::large_spaces())
        out.push_back({s.name, s.sentence + " Only by name: takes minutes and gigabytes."});
    return out;
}

std::vector<Described> scenarios() {
    std::vector<Described> out;
    for (const concurrent::Scenario& s : concurrent::scenarios())
        out.push_back({std::string(s.name), std::string(s.sentence)});
    return out;
}

struct List {
    std::string_view name, one; // "spaces", "space"
    std::vector<Described> (*what)();
};
constexpr std::array lists{List{"invariants", "invariant", invariants},
                           List{"operations", "operation", operations},
                           List{"sabotages", "sabotage", sabotages},
                           List{"geometries", "geometry", geometries},
                           List{"spaces", "space", spaces},
                           List{"scenarios", "scenario", scenarios}};

} // namespace

const std::vector<std::string>& list_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const List& l : lists) out.emplace_back(l.name);
        return out;
    }();
    return names;
}

std::vector<std::string> listed_names(std::string one) {
    std::ranges::transform(one, one.begin(), [](unsigned char c) { return std::tolower(c); });
    std::vector<std::string> out;
    if (const auto l = std::ranges::find(lists, one, &List::one); l != lists.end())
        for (const Described& d : l->what()) out.push_back(d.name);
    return out;
}

void print_described(const std::vector<Described>& all, std::size_t indent) {
    constexpr std::size_t max_beside = 24;
    std::size_t width = 0;
    for (const Described& d : all) width = std::max(width, d.name.size());
    for (const Described& d : all) {
        if (width <= max_beside) {
            print_wrapped(fmt::format("{:{}}{:<{}}  {}", "", indent, d.name, width, d.sentence),
                          indent + width + 2);
            continue;
        }
        print_wrapped(fmt::format("{:{}}{}", "", indent, d.name), 0);
        print_wrapped(fmt::format("{:{}}{}", "", indent + 4, d.sentence), indent + 4);
    }
}

int list(const ListOptions& o) {
    const List& l = *std::ranges::find(lists, o.what, &List::name);
    const std::vector<Described> all = l.what();
    if (!o.json) return print_described(all), exit_holds;
    for (const Described& d : all) print_json({{"kind", l.one}, {"name", d.name}, {"sentence", d.sentence}});
    return exit_holds;
}

} // namespace mmodel::cli
