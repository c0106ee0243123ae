// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/campaign/scenarios.hpp"

namespace mmodel::bench {
namespace {

Op alloc(u8 folio, u8 size, From from = From::buddy) {
    return {.kind = OpKind::alloc_folio, .folio = folio, .size = size, .from = from};
}
Op on(OpKind kind, u8 folio) { return {.kind = kind, .folio = folio}; }
Op list(OpKind kind, u16 folios) { return {.kind = kind, .folios = folios}; }
Op add_block(bool self_hosted) { return {.kind = OpKind::hot_add, .on = self_hosted}; }

// Every call, each size, the uses around them. What the findings of spec/linux/findings need is here, so that
// whether they are found does not depend on chance or on how fast the machine is.
std::vector<Scenario> hvo_scenarios() {
    using enum OpKind;
    std::vector<Scenario> out;
    for (const u8 size : {u8{0}, u8{1}}) {
        out.push_back({"x86-64", {alloc(0, size), on(optimise, 0)}});
        out.push_back({"x86-64", {alloc(0, size), on(optimise, 0), on(restore, 0)}});
        out.push_back({"x86-64", {alloc(0, size), alloc(1, size), list(optimise_list, 3)}});
    }
    out.push_back({"x86-64", {alloc(0, 0), on(optimise, 0), on(free_folio, 0)}});
    out.push_back({"x86-64", {alloc(0, 0), on(optimise, 0), on(restore, 0), on(optimise, 0)}});
    out.push_back({"x86-64", {alloc(0, 0), alloc(1, 0), list(optimise_list, 3), list(restore_list, 3)}});
    out.push_back({"x86-64", {alloc(0, 0), alloc(1, 0), on(optimise, 0), on(optimise, 1), on(restore, 0)}});
    out.push_back({"x86-64",
                   {{.kind = alloc_lru},
                    {.kind = walker_enter, .page = 64},
                    on(free_lru, 0),
                    alloc(0, 0),
                    on(optimise, 0)}});
    out.push_back({"x86-64",
                   {{.kind = alloc_lru},
                    {.kind = walker_enter, .page = 64},
                    on(free_lru, 0),
                    alloc(0, 0),
                    list(optimise_list, 1)}});
    out.push_back({"x86-64",
                   {alloc(0, 0),
                    on(optimise, 0),
                    {.kind = alloc_lru, .folio = 1},
                    {.kind = walker_enter, .folio = 1},
                    on(free_lru, 1),
                    alloc(1, 0),
                    list(optimise_list, 3)}});
    out.push_back({"x86-64", {alloc(0, 0), on(optimise, 0), list(restore_list, 1)}});
    out.push_back(
        {"x86-64",
         {alloc(0, 0), alloc(1, 1), on(optimise, 0), list(restore_list, 1), list(optimise_list, 1)}});
    out.push_back({"x86-64", {{.kind = sysctl}, alloc(0, 0), on(optimise, 0), list(optimise_list, 1)}});
    out.push_back(
        {"x86-64", {add_block(true), alloc(0, 0, From::hot), list(optimise_list, 1), on(optimise, 0)}});
    out.push_back({"x86-64", {add_block(false), alloc(0, 0, From::hot), on(optimise, 0), on(restore, 0)}});
    out.push_back({"x86-64", {alloc(0, 1), {.kind = take_pages, .page = 4}, on(optimise, 0)}});
    out.push_back(
        {"x86-64", {alloc(0, 0), on(optimise, 0), {.kind = take_pages, .page = 3}, on(restore, 0)}});
    out.push_back({"x86-64 boot=1", {alloc(0, 1, From::boot), on(optimise, 0), on(free_folio, 0)}});
    out.push_back({"x86-64 nodes=2 memory=2G",
                   {{.kind = alloc_folio, .nid = 1},
                    {.kind = take_pages, .nid = 1, .page = 0},
                    on(optimise, 0),
                    on(restore, 0)}});
    return out;
}

const std::vector percpu_configs{"x86-64", "x86-64 nodes=2 memory=512M cpus=0*2,1*2",
                                 "x86-64 memory=256M cpus=1,0,1,-,2", "x86-64 vmalloc=64M memory=256M",
                                 "x86-64 memory=512M cpus=0*64"};

} // namespace

Plan plan_for(std::string_view file) {
    if (file == "hugetlb_vmemmap")
        return {hvo_scenarios(), {"x86-64", "x86-64 boot=1", "x86-64 nodes=2 memory=2G"}, {}, 40};
    Mix mix;
    mix.subsystem = Subsystem::percpu;
    return {file == "percpu" ? percpu_scenarios() : percpu_vm_scenarios(), percpu_configs, mix, 120};
}

} // namespace mmodel::bench
