// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/ops/trace.hpp"

#include <algorithm>

#include "fuzz/ops/trace_text.hpp"
#include "fuzz/ops/trace_words.hpp"

namespace mmodel {
namespace {

using Status = std::expected<void, TraceError>;

bool is_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    };
    return !text.empty() && text.size() <= max_name_bytes && std::ranges::all_of(text, fits);
}

bool is_expectation(std::string_view text) {
    return text == "ok" || (is_name(text) && text.starts_with("inv_") && text.size() > 4);
}

// ---- the reader

class Reader {
public:
    Status read_line(std::string_view line);
    std::expected<Trace, TraceError> finish();

private:
    [[nodiscard]] std::unexpected<TraceError> stop(u64 column, std::string what) const {
        return std::unexpected(TraceError{line_nr_, column, std::move(what)});
    }
    Status check_bytes(std::string_view line) const;
    Status read_header(std::string_view line);
    Status read_statement(Word word, Words words);
    Status read_geometry(Word keyword, Words words);
    Status read_sabotage(Word keyword, Words words);
    Status read_stale(Word keyword, Words words);
    Status read_expect(Word keyword, Words words);
    Status read_tasks(Word keyword, Words words);
    Status read_op(OpKind kind, Words words);
    Status read_field(Op& op, u32& seen, Word word) const;
    Status read_value(Op& op, Field f, Word value) const;
    template <class Take>
    Status read_list(Field f, Word value, u64 limit, Take&& take) const;
    Status read_faults(Faults& faults, Field f, Word value) const;
    Status read_folios(Op& op, Word value) const;
    Status read_frames(Frames& frames, Word value) const;
    std::expected<u64, TraceError> read_number(Field f, Word value, u64 limit) const;
    std::expected<u64, TraceError> read_size(Word value) const;
    std::expected<u64, TraceError> read_from(Word value) const;
    std::expected<u64, TraceError> read_bytes(Field f, Word value) const;
    Status end_of_line(Words words, std::string_view after) const;

    Trace out_{};
    u64 line_nr_{};
    bool has_geometry_{};
};

Status Reader::check_bytes(std::string_view line) const {
    if (line.size() > max_line_bytes)
        return stop(max_line_bytes + 1, "line of " + std::to_string(line.size()) + " bytes; wanted at most " +
                                            std::to_string(max_line_bytes));
    const auto bad =
        std::ranges::find_if(line, [](char c) { return static_cast<u8>(c) < 0x20 || c == 0x7f; });
    if (bad == line.end()) return {};
    return stop(static_cast<u64>(bad - line.begin()) + 1,
                "control byte " + escaped(*bad) + "; wanted printable text, with spaces between words");
}

Status Reader::read_header(std::string_view line) {
    Words words(line);
    const Word first = words.next(), second = words.next(), version = words.next();
    if (first.column != 1 || first.text != "mmodel" || second.text != "trace" || version.text.empty()) {
        const std::string seen = line.empty() ? "an empty line" : quoted(line);
        return stop(1, "a trace starts with 'mmodel trace " + std::to_string(trace_version) + "', not with " +
                           seen);
    }
    if (auto s = check_bytes(line); !s) return s;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::string reads = std::to_string(trace_version);
    if (!std::ranges::all_of(version.text, is_digit))
        return stop(version.column,
                    "format version " + quoted(version.text) + " is not a number; wanted " + reads);
    const auto number = parse_u64(version.text);
    if (!number || *number > trace_version)
        return stop(version.column, "format version " + std::string(version.text.substr(0, 20)) +
                                        " is newer than this mmodel reads (" + reads + ")");
    if (*number != trace_version)
        return stop(version.column, "format version 0 was never written; wanted " + reads);
    return end_of_line(words, "the format version");
}

Status Reader::end_of_line(Words words, std::string_view after) const {
    const Word extra = words.next();
    if (extra.text.empty()) return {};
    return stop(extra.column,
                quoted(extra.text) + " follows " + std::string(after) + "; wanted the end of the line");
}

Status Reader::read_line(std::string_view line) {
    ++line_nr_;
    if (line_nr_ == 1) return read_header(line);
    if (auto s = check_bytes(line); !s) return s;
    Words words(line);
    const Word word = words.next();
    if (word.text.empty()) return {};
    if (!out_.expect.empty())
        return stop(word.column, quoted(word.text) + " follows the expect line; wanted nothing");
    return read_statement(word, words);
}

Status Reader::read_statement(Word word, Words words) {
    if (word.text == "geometry") return read_geometry(word, words);
    if (word.text == "sabotage") return read_sabotage(word, words);
    if (word.text == "stale") return read_stale(word, words);
    if (word.text == "expect") return read_expect(word, words);
    if (word.text == "concurrent") return read_tasks(word, words);
    if (!out_.tasks.nr_ops.empty())
        return stop(word.column,
                    quoted(word.text) + " follows the concurrent line; wanted 'expect' or nothing");
    for (const OpKind kind : all_op_kinds) {
        if (word.text != name(kind)) continue;
        if (!has_geometry_)
            return stop(word.column,
                        quoted(word.text) + " comes before the geometry; wanted 'geometry ...' first");
        return read_op(kind, words);
    }
    return stop(word.column, "unknown operation " + quoted(word.text) + "; known:" + known_ops());
}

// parse_config() quotes what it is given, so only short printable words reach it.
Status Reader::read_geometry(Word keyword, Words words) {
    if (has_geometry_) return stop(keyword.column, "geometry is given twice; wanted one geometry line");
    const Word arch = words.next();
    if (arch.text.empty())
        return stop(keyword.column, "the line ends after 'geometry'; wanted one such as 'x86-64'");
    std::string config;
    std::vector<std::string_view> keys;
    for (Word w = arch; !w.text.empty(); w = words.next()) {
        if (w.text.size() > 64 || !std::ranges::all_of(w.text, is_printable))
            return stop(w.column,
                        "geometry has " + quoted(w.text) + "; wanted words such as 'x86-64' or 'nodes=2'");
        const std::string_view key = w.text.substr(0, w.text.find('='));
        if (std::ranges::find(keys, key) != keys.end())
            return stop(w.column, "geometry has " + quoted(key) + " twice");
        keys.push_back(key);
        config += (config.empty() ? "" : " ") + std::string(w.text);
    }
    auto parsed = parse_config(config);
    if (!parsed) return stop(arch.column, "geometry " + quoted(config) + ": " + parsed.error());
    out_.config = *parsed;
    has_geometry_ = true;
    return {};
}

Status Reader::read_sabotage(Word keyword, Words words) {
    const Word value = words.next();
    if (!out_.sabotage.empty()) return stop(keyword.column, "sabotage is given twice; wanted at most one");
    if (!out_.ops.empty())
        return stop(keyword.column, "sabotage comes after an operation; wanted before the first");
    if (!is_name(value.text)) return stop(value.column, "sabotage wants a name, not " + quoted(value.text));
    out_.sabotage = value.text;
    return end_of_line(words, "the sabotage");
}

Status Reader::read_stale(Word keyword, Words words) {
    const Word value = words.next();
    if (out_.stale) return stop(keyword.column, "stale is given twice; wanted at most one");
    if (!out_.ops.empty())
        return stop(keyword.column, "stale comes after an operation; wanted before the first");
    const auto n = parse_u64(value.text);
    if (!n || !*n || *n > ~u32{0})
        return stop(value.column, "stale wants a number from 1 on, not " + quoted(value.text));
    out_.stale = static_cast<u32>(*n);
    return end_of_line(words, "the number");
}

Status Reader::read_expect(Word keyword, Words words) {
    const Word value = words.next();
    if (!has_geometry_)
        return stop(keyword.column, "expect comes before the geometry; wanted 'geometry ...' first");
    if (!is_expectation(value.text))
        return stop(value.column, "expect wants 'ok' or an invariant (inv_...), not " + quoted(value.text));
    out_.expect = value.text;
    return end_of_line(words, "the expectation");
}

Status Reader::read_tasks(Word keyword, Words words) {
    if (!out_.tasks.nr_ops.empty())
        return stop(keyword.column, "concurrent is given twice; wanted at most one");
    const Word sizes = words.next();
    auto nr_ops = parse_task_sizes(sizes.text);
    if (!nr_ops) return stop(sizes.column, "concurrent: " + quoted(sizes.text) + " " + nr_ops.error());
    concurrent::Tasks tasks{.nr_ops = std::move(*nr_ops)};
    if (tasks.total() > out_.ops.size())
        return stop(sizes.column, "concurrent: there are " + std::to_string(out_.ops.size()) +
                                      " operations; wanted no more than that of all tasks together");
    const Word schedule = words.next();
    if (schedule.text != "schedule")
        return stop(schedule.column, "concurrent wants 'schedule', not " + quoted(schedule.text));
    for (Word w = words.next(); !w.text.empty(); w = words.next()) {
        const auto slice = parse_slice(w.text, tasks.nr_ops.size());
        if (!slice) return stop(w.column, "schedule: " + quoted(w.text) + " " + slice.error());
        if (tasks.schedule.size() == concurrent::max_slices)
            return stop(w.column, "schedule: " + quoted(w.text) + " is one too many; wanted at most " +
                                      std::to_string(concurrent::max_slices));
        tasks.schedule.push_back(*slice);
    }
    out_.tasks = std::move(tasks);
    return {};
}

Status Reader::read_op(OpKind kind, Words words) {
    if (out_.ops.size() == max_trace_ops)
        return stop(1, "operation " + std::to_string(max_trace_ops + 1) + "; wanted at most " +
                           std::to_string(max_trace_ops));
    Op op{.kind = kind};
    u32 seen = 0;
    for (Word w = words.next(); !w.text.empty(); w = words.next())
        if (auto s = read_field(op, seen, w); !s) return s;
    out_.ops.push_back(canonical(op));
    return {};
}

Status Reader::read_field(Op& op, u32& seen, Word word) const {
    const auto eq = word.text.find('=');
    const auto key = word.text.substr(0, eq);
    const auto field = std::ranges::find(field_names, key, &FieldName::name);
    if (field == field_names.end() || !(fields_of(op.kind) & field->field))
        return stop(word.column, std::string(name(op.kind)) + " has no " + quoted(key) +
                                     "; it takes:" + known_keys(op.kind));
    if (eq == word.text.npos || eq + 1 == word.text.size())
        return stop(word.column + word.text.size(), quoted(word.text) + " ends before its value; wanted " +
                                                        wanted(out_.config, field->field));
    if (seen & field->field) return stop(word.column, quoted(key) + " is given twice; wanted it once");
    seen |= field->field;
    return read_value(op, field->field, {word.text.substr(eq + 1), word.column + eq + 1});
}

Status Reader::read_value(Op& op, Field f, Word value) const {
    if (f == f_fail) return read_faults(op.fail, f, value);
    if (f == f_update_fail) return read_faults(op.update_fail, f, value);
    if (f == f_folios) return read_folios(op, value);
    if (f == f_frames) return read_frames(op.frames, value);
    const auto n = f == f_size   ? read_size(value)
                   : f == f_from ? read_from(value)
                   : is_size(f)  ? read_bytes(f, value)
                                 : read_number(f, value, nr_values(out_.config, f));
    if (!n) return std::unexpected(n.error());
    set_field(op, f, *n);
    return {};
}

// limit: one past the largest number.
std::expected<u64, TraceError> Reader::read_number(Field f, Word value, u64 limit) const {
    const auto n = parse_u64(value.text);
    if (n && *n < limit) return *n;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool is_number = !value.text.empty() && std::ranges::all_of(value.text, is_digit);
    const std::string why = n           ? " is out of range"
                            : is_number ? " does not fit 64 bits"
                                        : " is not a whole number";
    return stop(value.column, std::string(name_of(f)) + ": " + quoted(value.text) + why + "; wanted " +
                                  wanted(out_.config, f));
}

std::expected<u64, TraceError> Reader::read_size(Word value) const {
    const Geometry& g = out_.config.geometry;
    const auto bytes = parse_bytes(value.text);
    for (u8 s = 0; bytes && s < g.nr_hstates(); ++s)
        if (size_bytes(g, s) == *bytes) return s;
    return stop(value.column,
                "size: there is no " + quoted(value.text) + "; wanted " + wanted(out_.config, f_size));
}

std::expected<u64, TraceError> Reader::read_from(Word value) const {
    for (u64 i = 0; i < from_names.size(); ++i)
        if (from_names[i] == value.text) return i;
    return stop(value.column,
                "from: there is no " + quoted(value.text) + "; wanted " + wanted(out_.config, f_from));
}

std::expected<u64, TraceError> Reader::read_bytes(Field f, Word value) const {
    const auto n = parse_bytes(value.text);
    if (n && *n < nr_values(out_.config, f)) return *n;
    const auto digits = value.text.substr(0, value.text.find_first_not_of("0123456789"));
    const bool is_number =
        !digits.empty() &&
        value.text.substr(digits.size()).find_first_not_of("KMGT") == std::string_view::npos &&
        value.text.size() - digits.size() <= 1;
    const std::string why = n ? " is out of range" : is_number ? " does not fit 64 bits" : " is no size";
    return stop(value.column, std::string(name_of(f)) + ": " + quoted(value.text) + why + "; wanted " +
                                  wanted(out_.config, f));
}

// take: of each number what is wrong with it, or nothing.
template <class Take>
Status Reader::read_list(Field f, Word value, u64 limit, Take&& take) const {
    const std::string key(name_of(f));
    if (value.text.ends_with(','))
        return stop(value.column + value.text.size(),
                    key + ": the list ends in a comma; wanted " + wanted(out_.config, f));
    while (!value.text.empty()) {
        const Word item = next_item(value);
        const auto n = read_number(f, item, limit);
        if (!n) return std::unexpected(n.error());
        if (const std::string wrong = take(*n); !wrong.empty())
            return stop(item.column, key + ": " + quoted(item.text) + wrong);
    }
    return {};
}

std::string one_too_many(std::size_t most) {
    return " is one too many; wanted at most " + std::to_string(most);
}

Status Reader::read_faults(Faults& faults, Field f, Word value) const {
    std::size_t n = 0;
    return read_list(f, value, nr_values(out_.config, f), [&](u64 nth) -> std::string {
        if (n == max_faults) return one_too_many(max_faults);
        if (faults.has(nth)) return " is listed twice";
        faults.nth[n++] = static_cast<u16>(nth);
        return "";
    });
}

Status Reader::read_frames(Frames& frames, Word value) const {
    std::size_t n = 0;
    return read_list(f_frames, value, no_frame, [&](u64 pfn) {
        if (n == max_named_frames) return one_too_many(max_named_frames);
        frames.nth[n++] = static_cast<u32>(pfn);
        return std::string();
    });
}

Status Reader::read_folios(Op& op, Word value) const {
    return read_list(f_folios, value, max_folios, [&](u64 slot) -> std::string {
        const auto bit = static_cast<u16>(1u << slot);
        if (op.folios & bit) return " is listed twice";
        op.folios |= bit;
        return "";
    });
}

std::expected<Trace, TraceError> Reader::finish() {
    if (has_geometry_) return std::move(out_);
    ++line_nr_;
    return stop(1, "the text ends without a geometry; wanted a line such as 'geometry x86-64'");
}

} // namespace

std::expected<Trace, TraceError> parse_trace(std::string_view text) {
    if (text.size() > max_trace_bytes)
        return std::unexpected(TraceError{1, 1,
                                          "text of " + std::to_string(text.size()) +
                                              " bytes; wanted at most " + std::to_string(max_trace_bytes)});
    Reader reader;
    do {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (auto s = reader.read_line(line); !s) return std::unexpected(s.error());
        text.remove_prefix(std::min(end + 1, text.size()));
    } while (!text.empty());
    return reader.finish();
}

} // namespace mmodel
