// SPDX-License-Identifier: GPL-2.0 OR MIT
// The words of a text trace, for its reader and its printer alike.
#pragma once

#include <array>
#include <string_view>

#include "model/machine/geometry.hpp"
#include "model/op.hpp"

namespace mmodel {

struct FieldName {
    Field field;
    std::string_view name;
};

inline constexpr std::array field_names{FieldName{f_folio, "folio"},
                                        FieldName{f_size, "size"},
                                        FieldName{f_from, "from"},
                                        FieldName{f_nid, "nid"},
                                        FieldName{f_on, "on"},
                                        FieldName{f_walker, "walker"},
                                        FieldName{f_folios, "folios"},
                                        FieldName{f_page, "page"},
                                        FieldName{f_fail, "fail"},
                                        FieldName{f_area, "area"},
                                        FieldName{f_chunk, "chunk"},
                                        FieldName{f_cpu, "cpu"},
                                        FieldName{f_to, "to"},
                                        FieldName{f_bytes, "bytes"},
                                        FieldName{f_align, "align"},
                                        FieldName{f_atomic, "atomic"},
                                        FieldName{f_again, "again"},
                                        FieldName{f_static, "static"},
                                        FieldName{f_reserved, "reserved"},
                                        FieldName{f_dyn, "dyn"},
                                        FieldName{f_atom, "atom"},
                                        FieldName{f_paged, "paged"},
                                        FieldName{f_update_fail, "update_fail"},
                                        FieldName{f_frames, "frames"}};

// Written as sizes: "8K".
constexpr bool is_size(Field f) { return f & (f_bytes | f_align | f_static | f_reserved | f_dyn | f_atom); }

inline constexpr std::array<std::string_view, 3> from_names{"buddy", "boot", "hot"};

constexpr std::string_view name_of(Field f) {
    for (const FieldName& n : field_names)
        if (n.field == f) return n.name;
    return "?";
}

constexpr u64 size_bytes(const Geometry& g, u8 size) { return u64{g.page_bytes} << g.folio_order[size]; }

} // namespace mmodel
