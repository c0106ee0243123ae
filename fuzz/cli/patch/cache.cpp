// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/cache.hpp"

#include <cstdlib>

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

} // namespace

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
        ++hits_;
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
    if (why) fs::remove(part, ec);
    if (why && !said_) say("nothing is kept for the next run: " + *why);
    said_ |= why.has_value();
}

} // namespace mmodel::cli
