// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/load.hpp"

#include <dlfcn.h>
#include <link.h>

#include <fstream>

#include "spec/linux/hvo/driver.hpp"
#include "spec/linux/percpu/driver.hpp"

namespace mmodel::bench {
namespace {

template <class F>
F entry(void* lib, const char* symbol) {
    void* found = dlsym(lib, symbol);
    if (!found) throw HostError(std::string("the compiled kernel file lacks ") + symbol + "()");
    return reinterpret_cast<F>(found);
}

// Of an ELF file; nothing: it is none.
std::optional<ElfW(Half)> machine_of(const std::filesystem::path& file) {
    ElfW(Ehdr) header{};
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
    return header.e_machine;
}

void* load(const std::filesystem::path& object) {
    if (void* lib = dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL)) return lib;
    const std::string why = dlerror();
    if (const auto machine = machine_of(object); machine && machine != machine_of("/proc/self/exe"))
        throw HostError("the compiler makes code for another machine than this one: it cannot be run here");
    throw HostError(why);
}

void note_what_runs(void* lib, CoverageMap& coverage) {
    link_map* object = nullptr;
    if (dlinfo(lib, RTLD_DI_LINKMAP, &object) != 0) throw HostError(dlerror());
    coverage.attach(entry<void (*)(mmodel_cov*)>(lib, "mmodel_cov_attach"), object->l_addr);
}

} // namespace

std::unique_ptr<RealDriver> make_driver(const Unit& unit, const Config& c, Progress& progress,
                                        CoverageMap* coverage) {
    void* lib = load(unit.object);
    if (coverage) note_what_runs(lib, *coverage);
    Backing backing{.poison = unit.poison, .stale = unit.stale};
    if (unit.backend == Backend::mmu) backing.attach = entry<void (*)(mmodel_mmu*)>(lib, "mmodel_mmu_attach");
    if (unit.tree.name == "hugetlb_vmemmap")
        return std::make_unique<HvoDriver>(c, entry<HvoDriver::UnitInit>(lib, "mmodel_hvo_unit_init"),
                                           unit.tree.not_the_models.empty() ? std::optional(unit.deviations)
                                                                            : std::nullopt,
                                           backing, progress);
    return std::make_unique<PercpuDriver>(c, entry<PercpuDriver::UnitInit>(lib, "mmodel_percpu_unit_init"),
                                          backing, progress);
}

} // namespace mmodel::bench
