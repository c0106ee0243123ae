// SPDX-License-Identifier: GPL-2.0 OR MIT
// Files as the user gives them: text traces, fuzz bytes, findings. Every refusal names the file and, of a
// text, the place.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>

#include <sys/stat.h>

#include <fmt/format.h>

#include "fuzz/campaign/input.hpp"
#include "fuzz/ops/bytes.hpp"

namespace mmodel::cli {

std::string grouped(u64 n) {
    std::string s = std::to_string(n);
    for (auto at = static_cast<int>(s.size()) - 3; at > 0; at -= 3)
        s.insert(static_cast<std::size_t>(at), ",");
    return s;
}

namespace {

constexpr std::string_view trace_start = "mmodel trace";

std::string shown_name(const std::string& path) { return path == "-" ? "standard input" : path; }

std::unexpected<Failure> refuse(const std::string& path, const std::string& why) {
    return std::unexpected(Failure{fmt::format("{}: {}", shown_name(path), why), exit_usage});
}

// Reads no more than one byte past what a trace may have.
std::expected<std::string, Failure> read_all(const std::string& path) {
    struct stat st{};
    if (path != "-" && ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode))
        return refuse(path, "is a directory; wanted a trace or a fuzz file");
    const bool is_stdin = path == "-";
    std::FILE* f = is_stdin ? stdin : std::fopen(path.c_str(), "rb");
    if (!f) return refuse(path, fmt::format("cannot be read: {}", std::strerror(errno)));
    std::string text;
    const auto chunk = std::make_unique<std::array<char, 65536>>();
    std::size_t n = 0;
    while (text.size() <= max_trace_bytes && (n = std::fread(chunk->data(), 1, chunk->size(), f)) > 0)
        text.append(chunk->data(), n);
    const int error = std::ferror(f) ? errno : 0;
    if (!is_stdin) std::fclose(f);
    if (error) return refuse(path, fmt::format("cannot be read: {}", std::strerror(error)));
    if (text.size() > max_trace_bytes)
        return refuse(path, fmt::format("is larger than {} bytes, the most that a trace may have",
                                        grouped(max_trace_bytes)));
    if (text.empty())
        return refuse(path, "is empty; wanted a text trace ('mmodel trace 1' ...) or a fuzz file");
    return text;
}

void add_note(Input& in, const std::string& note) { in.note += (in.note.empty() ? "" : "; ") + note; }

// The sabotage that the header marks, if this mmodel has it.
void resolve_mark(Input& in, u16 mark) {
    if (!mark) return;
    const auto s =
        std::ranges::find(sabotage_names, mark, [](const SabotageName& n) { return sabotage_mark(n.name); });
    if (s == std::end(sabotage_names))
        return add_note(in, "its bytes 6..7 mark a sabotage that this mmodel does not have");
    in.sabotage = s->sabotage;
    in.trace.sabotage = s->name;
}

std::expected<Input, Failure> load_bytes(const std::string& path, std::span<const u8> bytes, bool raw) {
    const bool has_magic = looks_like_bytes(bytes);
    const auto version = version_of(bytes);
    if (has_magic && !version)
        return refuse(path, fmt::format("byte {}: the fuzz file ends inside its header of {} bytes",
                                        bytes.size(), header_bytes));
    if (version && *version > bytes_version && !raw)
        return refuse(path,
                      fmt::format("byte 4: fuzz format version {} is newer than this mmodel reads (1 to {})",
                                  *version, bytes_version));
    Input in{.name = shown_name(path),
             .format =
                 has_magic ? fmt::format("fuzz bytes, version {}", *version) : "fuzz bytes without a header"};
    in.trace = decode(bytes);
    const std::size_t body = bytes.size() - (version ? header_bytes : 0);
    if (body / record_bytes > max_decoded_ops)
        add_note(in, fmt::format("only the first {} of {} records count", max_decoded_ops,
                                 grouped(body / record_bytes)));
    else if (body % record_bytes)
        add_note(in,
                 fmt::format("the last {} bytes are no whole record and do not count", body % record_bytes));
    resolve_mark(in, sabotage_mark_in(bytes));
    return in;
}

// The line number, from 0, and the text of a Markdown file's fenced block that is a trace. Lines before it
// count.
std::optional<std::pair<u64, std::string>> fenced_trace(std::string_view text) {
    const std::string opening = std::string("\n") + std::string(trace_start);
    std::size_t line_end = 0; // of the fence's line: each line is looked at once
    for (auto fence = text.find("```"); fence != text.npos; fence = text.find("```", line_end)) {
        line_end = text.find('\n', fence);
        if (line_end == text.npos) break;
        if (!text.substr(line_end).starts_with(opening)) continue;
        const auto close = std::min(text.find("\n```", line_end), text.size());
        const auto before = static_cast<u64>(
            std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(line_end) + 1, '\n'));
        return std::pair(before, std::string(text.substr(line_end + 1, close - line_end)));
    }
    return std::nullopt;
}

// "line N, column N" of what follows a keyword, in the first line that starts with it. Needs: the text was
// parsed, so there is one.
std::string place_of(std::string_view text, std::string_view keyword, u64 lines_before) {
    for (u64 line = 1 + lines_before;; ++line) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto at = std::min(text.find_first_not_of(' '), end);
        if (text.substr(at, end - at).starts_with(keyword)) {
            const auto value = std::min(text.find_first_not_of(' ', at + keyword.size()), end);
            return fmt::format("line {}, column {}", line, value + 1);
        }
        if (end == text.size()) return fmt::format("line {}, column 1", line);
        text.remove_prefix(end + 1);
    }
}

std::string known_sabotages() {
    std::string out;
    for (const SabotageName& s : sabotage_names)
        if (s.sabotage != Sabotage::none) out += fmt::format(" {}", s.name);
    return out;
}

// The names in a trace are kept as text by the parser; here they must mean something.
std::expected<Input, Failure> resolve(const std::string& path, Input in, std::string_view text,
                                      u64 lines_before) {
    if (!in.trace.sabotage.empty()) {
        const auto s = sabotage_named(in.trace.sabotage);
        if (!s)
            return refuse(path, fmt::format("{}: unknown sabotage '{}'; known:{}",
                                            place_of(text, "sabotage", lines_before), in.trace.sabotage,
                                            known_sabotages()));
        in.sabotage = *s;
    }
    if (in.trace.expect.empty() || in.trace.expect == "ok") return in;
    in.expect = spec::invariant_named(in.trace.expect);
    if (!in.expect)
        return refuse(path, fmt::format("{}: '{}' is no invariant of this mmodel",
                                        place_of(text, "expect", lines_before), in.trace.expect));
    return in;
}

std::expected<Input, Failure> load_text(const std::string& path, std::string_view text, u64 lines_before,
                                        std::string format) {
    auto trace = parse_trace(text);
    if (!trace) {
        TraceError e = trace.error();
        e.line += lines_before;
        const bool is_binary = !text.starts_with("mmodel") && text.substr(0, 4096).find('\0') != text.npos;
        return refuse(path, print_error(e) +
                                (is_binary ? "; if these are fuzz bytes without a header, say --bytes" : ""));
    }
    return resolve(path,
                   Input{.name = shown_name(path), .format = std::move(format), .trace = std::move(*trace)},
                   text, lines_before);
}

// The value of a finding's line "key: value", above its first empty line.
std::string_view head_value(std::string_view text, std::string_view key) {
    for (std::string_view head = text.substr(0, text.find("\n\n")); !head.empty();) {
        const auto end = std::min(head.find('\n'), head.size());
        const auto line = head.substr(0, end);
        if (line.starts_with(key) && line.substr(key.size()).starts_with(": "))
            return line.substr(key.size() + 2, line.find_last_not_of(" \r") - key.size() - 1);
        head.remove_prefix(std::min(end + 1, head.size()));
    }
    return {};
}

std::string about(std::string_view text) {
    const auto file = head_value(text, "file"), seen = head_value(text, "seen");
    const auto version = seen.empty() ? head_value(text, "version") : seen.substr(0, seen.find(' '));
    return file.empty() || version.empty() ? "" : fmt::format("{} of Linux {}", file, version);
}

} // namespace

std::expected<Input, Failure> load(const std::string& path, bool raw_bytes) {
    const auto text = read_all(path);
    if (!text) return std::unexpected(text.error());
    const std::span bytes(reinterpret_cast<const u8*>(text->data()), text->size());
    if (raw_bytes || looks_like_bytes(bytes)) return load_bytes(path, bytes, raw_bytes);
    if (!text->starts_with(trace_start))
        if (const auto fenced = fenced_trace(*text)) {
            auto in = load_text(path, fenced->second, fenced->first, "finding");
            if (in) in->about = about(*text);
            return in;
        }
    return load_text(path, *text, 0, "text trace");
}

} // namespace mmodel::cli
