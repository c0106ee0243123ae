// SPDX-License-Identifier: GPL-2.0 OR MIT
// What of a kernel tree's file ran: its branches, found in the compiled object, and a map in shared memory in
// which the compiler's edge coverage notes them (shim/common/mmodel_cov.h), so that what a child ran is known
// also when it was killed.
#pragma once

#include <compare>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/world.hpp"
#include "spec/linux/shim/common/mmodel_cov.h"

namespace mmodel::bench {

// A place of the control flow that an edge leads to, in the tree's text: the same on each geometry, and in
// each copy of a function that was put into its callers.
struct Branch {
    std::string file; // below the tree's directory
    u32 line;
    u32 nr; // of the line's
    std::string function;
    std::string text{}; // of the line, without the blanks around it
    auto operator<=>(const Branch&) const = default;
};

// Those of an object that stand in the tree's own text, and where.
struct Edges {
    std::vector<u32> at; // addresses behind the calls of the entry point, from the object's start
    std::vector<Branch> branches;
    u32 bytes{}; // more than each address
};
// Asks objdump and addr2line. Why not, where one of them is not there or the object has none.
[[nodiscard]] std::expected<Edges, std::string> find_edges(const std::filesystem::path& object,
                                                           const std::filesystem::path& tree);

// What kind of world an operation meets: a few bits of what is there, so that a branch that runs in another
// kind of world is told apart.
inline constexpr u32 nr_world_classes = 64;
[[nodiscard]] u8 class_of(const World& w);

// What ran: numbers of edges, and of pairs of an edge and the class of the world that the operation met.
struct Reached {
    std::vector<u32> edges{}; // each once, in ascending order
    std::vector<u32> pairs{}; // edge * nr_world_classes + class
};

// Shared with a child.
class CoverageMap {
public:
    explicit CoverageMap(std::shared_ptr<const Edges> edges);
    ~CoverageMap();
    CoverageMap(const CoverageMap&) = delete;
    CoverageMap& operator=(const CoverageMap&) = delete;

    // In the child. The object with this entry point, which begins at `base`, notes here from now on.
    void attach(void (*entry)(mmodel_cov*), unsigned long base);
    void enter(u8 world_class);
    // In the parent: what ran since it was last asked.
    [[nodiscard]] Reached take();

private:
    [[nodiscard]] unsigned char* of_class(u64 c) const { return ran_ + c * stride_; }

    std::shared_ptr<const Edges> edges_;
    u64 stride_;
    unsigned char* used_{}; // shared: by class, and behind it the map of each; nullptr: there is no memory
    unsigned char* ran_{};
    mmodel_cov port_{}; // the child's
};

} // namespace mmodel::bench
