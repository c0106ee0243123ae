// SPDX-License-Identifier: GPL-2.0 OR MIT
// What spaces are made of, and those of each allocator. For the .cpp files beside it.
#pragma once

#include <initializer_list>

#include "spec/explore/space.hpp"

namespace mmodel::explore {

// Needs: text is a configuration.
[[nodiscard]] Config config_of(std::string_view text);
// Pages of the vmemmap, or of the vmalloc range, whose TLB entries are explored.
void track(Space& s, bool vmalloc, std::initializer_list<u64> pages);

// ---- HVO, on two nodes: folios take all memory of node 0, single frames come from node 1 and from behind
// the vmemmap. A small folio has two vmemmap pages, a gigantic one eight; a table has four.
inline constexpr u8 small = 0, gigantic = 1;

[[nodiscard]] Op alloc(u8 folio, u8 size = small, From from = From::buddy);
// To the alphabet: a folio optimised and restored, in lists, allocated and freed as well; so many frames of
// node 1 left until they are given back.
void one_by_one(Space& s, u8 folio);
void lists(Space& s, std::initializer_list<u16> masks);
void comes_and_goes(Space& s, u8 folio, u8 size = small, From from = From::buddy);
void pressure(Space& s, u32 left);

[[nodiscard]] std::vector<Space> hvo_spaces();
[[nodiscard]] std::vector<Space> large_hvo_spaces();
[[nodiscard]] std::vector<Space> link_hvo_spaces();

// ---- percpu, and both
[[nodiscard]] std::vector<Space> percpu_spaces();
[[nodiscard]] std::vector<Space> large_percpu_spaces();
[[nodiscard]] std::vector<Space> link_percpu_spaces();

} // namespace mmodel::explore
