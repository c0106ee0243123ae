// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/identity.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "spec/linux/host/bench.hpp"

namespace mmodel::bench {
namespace {

struct ExtentWord {
    Extent extent;
    std::string_view word;
};
constexpr std::array extent_words{ExtentWord{one_place, "one"}, ExtentWord{several_places, "several"},
                                  ExtentWord{all_but_the_first, "all-but-the-first"},
                                  ExtentWord{all_places, "all"}};

constexpr std::string_view too_small = "too-small", too_large = "too-large";

u8 extent_of(const spec::Violation& v) {
    if (!v.of) return 0;
    u8 out = v.nr == 1 ? one_place : 0;
    if (v.nr == v.of) out |= all_places;
    if (v.nr + 1 == v.of && !v.first_is_wrong) out |= all_but_the_first;
    return out ? out : several_places;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// A condition as it reads whatever its locals are called: words that are neither called nor members nor in
// capitals are one underscore each.
std::string without_locals(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_word(text[at])) {
            if (text[at] > ' ' && text[at] <= '~') out += text[at];
            ++at;
            continue;
        }
        const auto* const last = std::find_if_not(text.begin() + static_cast<long>(at), text.end(), is_word);
        const auto end = static_cast<std::size_t>(last - text.begin());
        const std::string_view word = text.substr(at, end - at);
        const bool is_called = end < text.size() && text[end] == '(';
        const bool is_member = out.ends_with("->") || out.ends_with('.');
        const bool is_constant = std::ranges::none_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
        out += is_called || is_member || is_constant ? word : "_";
        at = end;
    }
    return out;
}

std::string extent_text(u8 mask) {
    std::string out;
    for (const auto& [extent, word] : extent_words)
        if (mask & extent) out += (out.empty() ? "" : "/") + std::string(word);
    return out;
}

std::optional<u8> parse_extent(std::string_view text) {
    u8 out = 0;
    for (bool more = true; more;) {
        const auto slash = text.find('/');
        const auto w = std::ranges::find(extent_words, text.substr(0, slash), &ExtentWord::word);
        if (w == extent_words.end() || out & w->extent) return std::nullopt;
        out |= w->extent;
        more = slash != text.npos;
        if (more) text.remove_prefix(slash + 1);
    }
    return out;
}

std::optional<EventKind> event_named(std::string_view text) {
    for (std::size_t k = 0; k < nr_event_kinds; ++k)
        if (name(static_cast<EventKind>(k)) == text) return static_cast<EventKind>(k);
    return std::nullopt;
}

std::optional<OpKind> op_named(std::string_view text) {
    const auto* const k =
        std::ranges::find(all_op_kinds, text, [](OpKind kind) { return mmodel::name(kind); });
    return k == all_op_kinds.end() ? std::nullopt : std::optional(*k);
}

bool is_identifier(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_word) &&
           !std::isdigit(static_cast<unsigned char>(text.front()));
}

// Whether the value makes sense for the key.
bool set_part(Identity& i, std::string_view key, std::string_view value) {
    if (key == "op") {
        const auto op = op_named(value);
        i.op = op.value_or(OpKind{});
        return op.has_value();
    }
    if (key == "in") return i.function = value, is_identifier(value);
    if (key == "event") return i.event = event_named(value), i.event.has_value();
    if (key == "way") {
        const auto way = spec::way_named(value);
        i.way = way.value_or(spec::Way::plain);
        return way.has_value() && way != spec::Way::plain;
    }
    if (key == "number")
        return i.excess = value == too_small ? -1 : 1, value == too_small || value == too_large;
    if (key == "extent") {
        const auto extent = parse_extent(value);
        i.extent = extent.value_or(0);
        return extent.has_value();
    }
    return i.condition = value, key == "check" && !value.empty() && without_locals(value) == value;
}

constexpr std::array<std::string_view, 7> keys{"op", "in", "event", "way", "number", "extent", "check"};

// The next word of a line, and where it begins.
struct Words {
    std::string_view line;
    std::size_t at{};
    [[nodiscard]] std::string_view next(std::size_t& begin) {
        begin = std::min(line.find_first_not_of(" \t\r", at), line.size());
        at = std::min(line.find_first_of(" \t\r", begin), line.size());
        return line.substr(begin, at - begin);
    }
};

// Vmalloc's events have names that others have, too.
bool same_event(const std::optional<EventKind>& a, const std::optional<EventKind>& b) {
    return a.has_value() == b.has_value() && (!a || name(*a) == name(*b));
}

} // namespace

Identity identity_of(const spec::Violation& v, OpKind op) {
    Identity i{.inv = v.inv,
               .op = op,
               .function = v.where,
               .event = v.kind,
               .way = v.way,
               .excess = v.excess < 0 ? -1 : v.excess > 0,
               .extent = extent_of(v),
               .condition = without_locals(v.condition)};
    if (i.event) i.event = event_named(name(*i.event));
    return i;
}

bool is_same(const Identity& known, const Identity& found, const HasFunction& has_function) {
    const bool extents = known.extent == found.extent || (known.extent & found.extent);
    const bool renamed = !known.function.empty() && !found.function.empty() && !has_function(known.function);
    return known.inv == found.inv && known.op == found.op && same_event(known.event, found.event) &&
           known.way == found.way && known.excess == found.excess && extents &&
           known.condition == found.condition && (known.function == found.function || renamed);
}

std::optional<u32> Unit::known_as(const spec::Violation& v, OpKind op) const {
    const Identity id = identity_of(v, op);
    const auto one = std::ranges::find_if(known, [&](const Identity& k) {
        return is_same(k, id, [&](std::string_view f) { return tree.has_function(f); });
    });
    return one == known.end() ? std::nullopt : std::optional(static_cast<u32>(one - known.begin()));
}

std::string print_identity(const Identity& i) {
    std::string out = std::string(spec::fact(i.inv).name) + " op=" + std::string(name(i.op));
    if (!i.function.empty()) out += " in=" + i.function;
    if (i.event) out += " event=" + std::string(name(*i.event));
    if (i.way != spec::Way::plain) out += " way=" + std::string(spec::name(i.way));
    if (i.excess) out += " number=" + std::string(i.excess < 0 ? too_small : too_large);
    if (i.extent) out += " extent=" + extent_text(i.extent);
    if (!i.condition.empty()) out += " check=" + i.condition;
    return out;
}

std::expected<Identity, IdentityError> parse_identity(std::string_view line) {
    Words words{line};
    std::size_t at = 0;
    const auto refuse = [&](std::string what) {
        return std::unexpected(IdentityError{at + 1, std::move(what)});
    };
    Identity out;
    const std::string_view first = words.next(at);
    const auto inv = spec::invariant_named(first);
    if (!inv) return refuse("'" + std::string(first) + "' is no invariant of this mmodel");
    out.inv = *inv;
    std::array<bool, keys.size()> seen{};
    for (auto word = words.next(at); !word.empty(); word = words.next(at)) {
        const auto equals = std::min(word.find('='), word.size());
        const auto* const key = std::ranges::find(keys, word.substr(0, equals));
        if (key == keys.end())
            return refuse("'" + std::string(word) +
                          "' is none of op= in= event= way= number= extent= check=");
        if (std::exchange(seen[static_cast<std::size_t>(key - keys.begin())], true))
            return refuse("a second " + std::string(*key) + "=");
        if (equals == word.size() || !set_part(out, *key, word.substr(equals + 1)))
            return refuse("'" + std::string(word) + "': no such " + std::string(*key));
    }
    if (!seen.front()) return refuse("wanted op=, the kind of operation");
    return out;
}

} // namespace mmodel::bench
