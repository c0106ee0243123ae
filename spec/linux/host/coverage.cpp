// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "spec/linux/host/coverage.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include "spec/linux/host/process.hpp"
#include "spec/linux/host/source_line.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::bench {
namespace {

namespace fs = std::filesystem;

constexpr u32 most_bytes = 4 << 20; // of an object that is looked at
constexpr std::size_t most_said = std::size_t{64} << 20;

u32 hex(std::string_view text) {
    u32 out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out, 16);
    return out;
}

// What follows each call of the entry point, in the order of addresses; and in which of the object's
// functions.
struct Call {
    u32 returns_to;
    std::string in;
};

std::vector<Call> calls_of_entry_point(const std::string& disassembly) {
    std::vector<Call> out;
    std::istringstream lines(disassembly);
    std::string function;
    bool is_behind = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with(">:")) {
            const auto open = line.find('<');
            function = line.substr(open + 1, line.size() - open - 3);
        } else if (line.starts_with(' ')) {
            const auto start = line.find_first_not_of(' '), colon = line.find(':');
            if (is_behind && colon != line.npos)
                out.push_back({hex(std::string_view(line).substr(start, colon - start)), function});
            is_behind = line.ends_with("<__sanitizer_cov_trace_pc>");
        }
    }
    return out;
}

// The text stands in `file`, at `line`, of the innermost function; `chain`: through which calls that were put
// inline.
struct Place {
    std::string function, file, chain;
    u32 line;
};

// The lines of files, which are read when first asked for.
class Lines {
public:
    const std::string& of(const std::string& file, u32 line) {
        static const std::string none;
        auto [it, is_new] = files_.try_emplace(file);
        if (is_new) {
            std::istringstream in(slurp(file).value_or(""));
            for (std::string text; std::getline(in, text);) it->second.push_back(trimmed(text));
        }
        return line && line <= it->second.size() ? it->second[line - 1] : none;
    }

private:
    std::map<std::string, std::vector<std::string>> files_;
};

// "DIR/mm/percpu.c:123 (discriminator 4)"
void take_place(Place& p, const std::string& function, const std::string& said) {
    const auto colon = said.rfind(':');
    if (p.file.empty()) {
        p.file = said.substr(0, colon);
        p.function = function.substr(0, function.find('.')); // a compiler's copy: .part.0
        const std::string line = said.substr(colon + 1);
        std::from_chars(line.data(), line.data() + line.size(), p.line);
    } else {
        p.chain += function + said.substr(colon) + ' ';
    }
}

std::vector<Place> places_of(const fs::path& object, const std::vector<u32>& at) {
    std::vector<std::string> words{"addr2line", "-a", "-i", "-f", "-e", object.string()};
    for (const u32 a : at) {
        char text[16];
        *std::to_chars(text, text + sizeof text, a, 16).ptr = 0;
        words.emplace_back(text);
    }
    std::vector<Place> out;
    std::istringstream lines(said_by(std::move(words), most_said));
    for (std::string line, said; std::getline(lines, line);) {
        if (line.starts_with("0x"))
            out.emplace_back();
        else if (!out.empty() && std::getline(lines, said))
            take_place(out.back(), line, said);
    }
    return out;
}

} // namespace

std::expected<Edges, std::string> find_edges(const fs::path& object, const fs::path& tree) {
    const std::string text = said_by({"objdump", "-d", "--no-show-raw-insn", object.string()}, most_said);
    if (text.empty()) return std::unexpected("objdump (binutils) is not there");
    std::vector<Call> calls = calls_of_entry_point(text);
    std::erase_if(calls, [](const Call& c) { return c.returns_to >= most_bytes; });
    if (calls.empty()) return std::unexpected("the compiler's edge coverage calls nobody");
    std::vector<u32> at; // each call, and what follows it, for where a call has no line of its own
    for (const Call& c : calls) at.push_back(c.returns_to - 1), at.push_back(c.returns_to);
    const std::vector<Place> places = places_of(object, at);
    if (places.size() != at.size()) return std::unexpected("addr2line (binutils) is not there");
    Edges out;
    Lines lines;
    std::map<std::string, u32> nr_at; // in one copy of a function, by line
    const std::string own = tree.string() + "/";
    for (std::size_t i = 0; i < calls.size(); ++i) {
        Place p = places[2 * i];
        const Place& next = places[2 * i + 1];
        if (!p.file.starts_with(own)) continue;
        if (p.line == 0 && next.file == p.file) p.line = next.line;
        if (p.line == 0) continue; // code of several lines made one: it has no name
        const std::string where = calls[i].in + ' ' + p.chain + p.function + ':' + std::to_string(p.line);
        out.at.push_back(calls[i].returns_to);
        out.branches.push_back({.file = p.file.substr(own.size()),
                                .line = p.line,
                                .nr = nr_at[where]++,
                                .function = p.function,
                                .text = lines.of(p.file, p.line)});
        out.bytes = calls[i].returns_to + 1;
    }
    if (out.at.empty()) return std::unexpected("nothing that the compiler says of it stands in the tree");
    return out;
}

// ---- worlds

namespace {

u64 up_to(u64 n, u64 most) { return std::min(n, most); }

bool is_pressed(const Machine& m) {
    for (u8 n = 0; n < m.config().nr_nodes; ++n)
        if (m.pressure(Nid{n})) return true;
    return false;
}

// How many folios are optimised and how many are not, a walker, memory pressure.
u64 class_of_hvo(const World& w) {
    u64 optimised = 0, plain = 0;
    for (const hvo::FolioSlot& s : w.pool().slots)
        if (s.state == hvo::SlotState::hugetlb)
            ++(hvo::is_optimised(w.machine(), s.head) ? optimised : plain);
    const bool walked = std::ranges::any_of(w.machine().walkers, &Walker::inside);
    return up_to(optimised, 3) | up_to(plain, 3) << 2 | u64{walked} << 4 | u64{is_pressed(w.machine())} << 5;
}

// How many chunks there are, empty pages, whether one is isolated, work for the balance worker, pressure.
u64 class_of_percpu(const World& w) {
    const pcpu::Pcpu& p = w.pcpu();
    u64 chunks = 0;
    bool isolated = false;
    for (pcpu::ChunkId id = 0; id < p.chunks.end_id(); ++id)
        if (p.chunks.is_live(id)) ++chunks, isolated |= p.chunks[id].isolated;
    return up_to(chunks, 3) | u64{p.nr_empty_pop_pages > 2} << 2 | u64{isolated} << 3 |
           u64{p.balance_scheduled} << 4 | u64{is_pressed(w.machine())} << 5;
}

} // namespace

u8 class_of(const World& w) {
    return static_cast<u8>(w.pcpu().booted ? class_of_percpu(w) : class_of_hvo(w));
}

// ---- the map

CoverageMap::CoverageMap(std::shared_ptr<const Edges> edges)
    : edges_(std::move(edges)), stride_((edges_->bytes + 4095u) & ~4095u) {
    used_ = static_cast<unsigned char*>(share_memory(nr_world_classes * (stride_ + 1)));
    if (used_) ran_ = used_ + nr_world_classes;
}

CoverageMap::~CoverageMap() {
    if (used_) unshare_memory(used_, nr_world_classes * (stride_ + 1));
}

void CoverageMap::attach(void (*entry)(mmodel_cov*), unsigned long base) {
    port_ = {.base = base, .bytes = ran_ ? edges_->bytes : 0, .ran = ran_};
    enter(0);
    entry(&port_);
}

void CoverageMap::enter(u8 world_class) {
    if (!ran_) return;
    used_[world_class] = 1;
    port_.ran = of_class(world_class);
}

Reached CoverageMap::take() {
    Reached out;
    std::vector<u64> classes;
    for (u64 c = 0; used_ && c < nr_world_classes; ++c)
        if (std::exchange(used_[c], 0)) classes.push_back(c);
    for (u32 i = 0; i < edges_->at.size(); ++i) {
        bool ran = false;
        for (const u64 c : classes)
            if (std::exchange(of_class(c)[edges_->at[i]], 0)) {
                ran = true;
                out.pairs.push_back(i * nr_world_classes + static_cast<u32>(c));
            }
        if (ran) out.edges.push_back(i);
    }
    return out;
}

} // namespace mmodel::bench
