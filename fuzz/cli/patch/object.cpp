// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/patch/object.hpp"

#include <elf.h>

#include <array>
#include <cstring>

#include "spec/linux/host/text.hpp"

namespace mmodel::cli {
namespace {

template <typename T>
std::optional<T> read_at(std::string_view bytes, u64 at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
    T out;
    std::memcpy(&out, bytes.data() + at, sizeof(T));
    return out;
}

} // namespace

std::string code_of(const std::filesystem::path& object) {
    constexpr u64 most = u64{256} << 20;
    const auto bytes = bench::slurp(object, most);
    const auto head = bytes ? read_at<Elf64_Ehdr>(*bytes, 0) : std::nullopt;
    if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return "";
    std::string all;
    for (u64 i = 0; i < head->e_shnum; ++i) {
        const auto s = read_at<Elf64_Shdr>(*bytes, head->e_shoff + i * head->e_shentsize);
        if (!s) return "";
        if (!(s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NOTE) continue;
        all += std::to_string(s->sh_type) + " " + std::to_string(s->sh_size) + "\n";
        if (s->sh_type == SHT_NOBITS) continue;
        if (s->sh_offset > bytes->size() || bytes->size() - s->sh_offset < s->sh_size) return "";
        all.append(*bytes, s->sh_offset, s->sh_size);
    }
    return bench::fnv1a(all);
}

std::expected<std::string, bench::Problem> code_of(const bench::Tree& tree,
                                                   const std::filesystem::path& work_dir,
                                                   bench::Backend backend, std::string_view geometry) {
    const std::array<std::string, 2> no_places{"-D__LINE__=0", "-D__FILE__=\"\""};
    const auto unit = bench::compile(tree, work_dir, {}, {}, backend, geometry, no_places);
    if (!unit) return std::unexpected(unit.error());
    std::string out = code_of(unit->object);
    std::error_code ec;
    std::filesystem::remove(unit->object, ec);
    if (out.empty())
        return std::unexpected(bench::Problem{unit->object.string() + ": is no object that can be read"});
    return out;
}

} // namespace mmodel::cli
