// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel help trace. What can be listed comes from the tables that the reader of traces goes by.
#include <fmt/format.h>

#include "fuzz/cli/help.hpp"
#include "fuzz/cli/wrap.hpp"
#include "fuzz/ops/grammar.hpp"
#include "fuzz/ops/trace.hpp"
#include "fuzz/ops/trace_words.hpp"

namespace mmodel::cli {
namespace {

void head(std::string_view text) { fmt::print("\n{}\n", text); }
void prose(std::string_view text) { print_wrapped(fmt::format("  {}", text), 2); }

void print_lines() {
    prose(
        "A trace is one run as text: the machine, the operations in order, what must come of them. Words are "
        "separated by spaces; '#' starts a comment. SIZE is bytes, or 64K, 2M, 1G, 1T.");
    head("Lines, in this order");
    print_described(
        {{fmt::format("mmodel trace {}", trace_version), "What it is, and the version of the format."},
         {"geometry NAME KEY=VALUE...", "The machine."},
         {"sabotage NAME", "Optional. The model is broken on purpose; `mmodel list sabotages`."},
         {"stale N",
          "Optional, for a kernel tree's file. Each access of its code is answered from a translation that a "
          "CPU may still use: 1 the oldest, 2 the newest that is not in the page table any more, from 3 on "
          "one "
          "that is drawn, with this seed."},
         {"OPERATION FIELD=VALUE...", "As many as there are, one a line."},
         {"concurrent N,N... schedule TASKxSTEPS...", "Optional. The last operations run at the same time."},
         {"expect ok, expect inv_...",
          "Optional. Nothing may break; or just this invariant must. `mmodel list invariants`."}},
        2);
}

void print_geometry() {
    head("Geometry: a machine's name, and what is different from it");
    std::vector<Described> names, keys;
    for (const Config& c : presets()) names.push_back({std::string(c.geometry.arch), ""});
    std::string all;
    for (const Config& c : presets()) all += (all.empty() ? "" : ", ") + std::string(c.geometry.arch);
    prose(all + "; `mmodel list geometries` says what they are.");
    for (const GeometryKey& k : geometry_keys())
        keys.push_back({fmt::format("{}={}", k.key, k.value),
                        fmt::format("{} As in {}={}.", k.sentence, k.key, k.example)});
    print_described(keys, 2);
}

void print_operations() {
    head("Operations");
    std::vector<Described> ops;
    for (const OpKind k : all_op_kinds)
        ops.push_back({std::string(name(k)), std::string(words_of(k).sentence)});
    print_described(ops, 2);
    head("Each with all its fields");
    for (const OpKind k : all_op_kinds) prose(words_of(k).example);
}

void print_fields() {
    head("Fields; one that is left out is 0");
    std::vector<Described> fields;
    for (const FieldName& f : field_names) {
        const FieldWords w = words_of(f.field);
        fields.push_back({fmt::format("{}={}", f.name, w.value), std::string(w.sentence)});
    }
    print_described(fields, 2);
}

void print_tasks() {
    head("Tasks");
    prose(fmt::format(
        "'concurrent 1,3' makes tasks of the last 1+3 operations: the first of them is task 0, the "
        "next three, one after the other, are task 1. There are 1 to {} tasks.",
        concurrent::max_tasks));
    prose(
        "A word of the schedule is a task, the letter x, and how many steps it does then: '0x5 1x3 0x2' lets "
        "task 0 do five steps, then task 1 three, then task 0 two. 0x5 is no hexadecimal number. A step is "
        "one "
        "event, or the beginning of an operation. A task that has to wait, or ends, does fewer. After the "
        "last "
        "word the task that runs goes on as far as it can, then the others, lowest first.");
}

void print_example() {
    head("Example: the second allocation of optimise fails, and nothing may break");
    for (const char* line : {"mmodel trace 1", "geometry x86-64 nodes=2", "alloc_folio folio=0 size=1G nid=1",
                             "optimise folio=0 fail=1", "expect ok"})
        prose(line);
    fmt::print("\nTry it: put it into a file, and `mmodel replay FILE`. Directory corpus/ has many.\n");
}

} // namespace

void print_grammar() {
    print_lines();
    print_geometry();
    print_operations();
    print_fields();
    print_tasks();
    print_example();
}

} // namespace mmodel::cli
