// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "mmodel cache 1 ";

// Empty: there is no place for it.
fs::path place() {
    const char* xdg = std::getenv("XDG_CACHE_HOME");
    if (xdg && *xdg == '/') return fs::path(xdg) / "mmodel";
    const char* home = std::getenv("HOME");
    return home && *home == '/' ? fs::path(home) / ".cache" / "mmodel" : fs::path();
}

// Now, whatever the file system notes of reads. When it was written stays.
void note_used(const fs::path& at) {
    const timespec now_and_then[] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW},
                                     {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
    (void)utimensat(AT_FDCWD, at.c_str(), now_and_then, 0);
}

// A hash, or ".hash-pid" while it is written: nothing else there is ours.
bool is_entry(std::string name) {
    const auto all_of = [](std::string_view s, std::string_view of) {
        return s.find_first_not_of(of) == s.npos;
    };
    if (name.starts_with('.')) name = name.substr(1);
    const std::string hash = name.substr(0, name.find('-'));
    return hash.size() >= 40 && all_of(hash, "0123456789abcdef") &&
           all_of(std::string_view(name).substr(hash.size()), "-0123456789");
}

struct Entry {
    fs::path path;
    std::uintmax_t bytes;
    timespec used;
};

std::vector<Entry> entries_in(const fs::path& dir) {
    std::vector<Entry> out;
    std::error_code ec;
    for (fs::directory_iterator at(dir, ec), end; !ec && at != end; at.increment(ec)) {
        struct stat st{};
        const fs::path& path = at->path();
        if (is_entry(path.filename().string()) && lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode))
            out.push_back({path, static_cast<std::uintmax_t>(st.st_size), st.st_atim});
    }
    return out;
}

void prune(const fs::path& dir) {
    std::vector<Entry> all = entries_in(dir);
    std::ranges::sort(all, {}, [](const Entry& e) { return std::pair(e.used.tv_sec, e.used.tv_nsec); });
    std::uintmax_t bytes = 0;
    for (const Entry& e : all) bytes += e.bytes;
    for (const Entry& e : all) {
        if (bytes <= max_cache_bytes) return;
        std::error_code ec;
        if (fs::remove(e.path, ec)) bytes -= e.bytes;
    }
}

} // namespace

Cache::~Cache() {
    if (is_fuller_) prune(dir_);
}

Cache::Cache(const Git& git, bool on) : git_(git), dir_(on ? place() : fs::path()) {}

std::string Cache::name_of(const std::string& key) const {
    const GitSaid said = git_.run({"hash-object", "--stdin", "--no-filters"}, key);
    return said.out.substr(0, said.out.find('\n'));
}

std::optional<Json> Cache::get(const std::string& name) const {
    if (dir_.empty() || name.empty()) return std::nullopt;
    const fs::path at = dir_ / name;
    const auto text = bench::slurp(at);
    std::error_code ec;
    if (!text && !fs::exists(at, ec)) return std::nullopt;
    const std::string_view all = text ? std::string_view(*text) : "";
    const auto end = all.find('\n');
    const std::string_view body = end == all.npos ? "" : all.substr(end + 1);
    Json out = Json::parse(body, nullptr, false);
    if (all.starts_with(magic) && all.substr(magic.size(), 16) == bench::fnv1a(body) && !out.is_discarded()) {
        note_used(at);
        return out;
    }
    say(at.string() + ": what was kept there is damaged; it is ignored");
    return std::nullopt;
}

// Under another name first: whoever reads meanwhile finds the whole of it, or nothing.
void Cache::put(const std::string& name, const Json& what) {
    if (dir_.empty() || name.empty()) return;
    std::error_code ec;
    fs::create_directories(dir_, ec);
    const std::string body = what.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    const fs::path part = dir_ / fmt::format(".{}-{}", name, getpid());
    auto why = write_file(part, fmt::format("{}{}\n{}", magic, bench::fnv1a(body), body));
    if (!why) {
        fs::rename(part, dir_ / name, ec);
        if (ec) why = fmt::format("cannot write '{}': {}", (dir_ / name).string(), ec.message());
    }
    is_fuller_ |= !why;
    if (why) fs::remove(part, ec);
    if (why && !said_) say("nothing is kept for the next run: " + *why);
    said_ |= why.has_value();
}

} // namespace mmodel::cli
