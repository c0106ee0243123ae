// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/trace_text.hpp"

#include <algorithm>

#include "fuzz/ops/trace.hpp"
#include "fuzz/ops/trace_words.hpp"

namespace mmodel {

Word Words::next() {
    while (at_ < line_.size() && line_[at_] == ' ') ++at_;
    if (at_ < line_.size() && line_[at_] == '#') line_ = line_.substr(0, at_);
    const auto end = std::min(line_.find(' ', at_), line_.size());
    const Word word{line_.substr(at_, end - at_), at_ + 1};
    at_ = end;
    return word;
}

Word next_item(Word& list) {
    const auto comma = std::min(list.text.find(','), list.text.size());
    const Word item{list.text.substr(0, comma), list.column};
    const auto cut = std::min(comma + 1, list.text.size());
    list = {list.text.substr(cut), list.column + cut};
    return item;
}

std::string escaped(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<u8>(c);
    return std::string{'\\', 'x', digits[byte >> 4], digits[byte & 15]};
}

std::string quoted(std::string_view text) {
    constexpr std::size_t shown = 40;
    std::string out = "'";
    for (const char c : text.substr(0, shown)) out += is_printable(c) ? std::string(1, c) : escaped(c);
    return out + (text.size() > shown ? "...'" : "'");
}

std::string known_ops() {
    std::string out;
    for (const OpKind k : all_op_kinds) out += " " + std::string(name(k));
    return out;
}

std::string known_keys(OpKind kind) {
    std::string out;
    for (const FieldName& n : field_names)
        if (fields_of(kind) & n.field) out += " " + std::string(n.name);
    return out;
}

namespace {

std::string known_sizes(const Geometry& g) {
    std::string out;
    for (u8 s = 0; s < g.nr_hstates(); ++s) out += " " + print_bytes(size_bytes(g, s));
    return out;
}

} // namespace

std::string wanted(const Config& c, Field f) {
    const std::string range = "0 to " + std::to_string(nr_values(c, f) - 1);
    if (f == f_size)
        return "a huge page size of " + std::string(c.geometry.arch) + ":" + known_sizes(c.geometry);
    if (f == f_from) return "buddy, boot or hot";
    if (f == f_folios) return "folio slots, 0 to " + std::to_string(max_folios - 1) + ", as in 0,3,5";
    if (f == f_fail || f == f_update_fail) return "one or two numbers, " + range + ", as in 2,5";
    if (f == f_frames)
        return "up to " + std::to_string(max_named_frames) + " frame numbers, " + range + ", as in 40,41";
    if (is_size(f)) return "bytes, such as 64 or 8K, " + range;
    return "a whole number, " + range;
}

} // namespace mmodel
