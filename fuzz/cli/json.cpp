// SPDX-License-Identifier: GPL-2.0 OR MIT
// What programs read: a replay and a tree's report, one JSON object a line.
#include <memory>

#include <fmt/format.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/replay.hpp"
#include "fuzz/cli/trees.hpp"
#include "spec/linux/host/assumed.hpp"

namespace mmodel::cli {
namespace {

Json ranges_json(const std::vector<show::PteRange>& ranges) {
    Json out = Json::array();
    for (const show::PteRange& r : ranges) {
        Json one{{"start", r.start.value}, {"end", r.end.value}, {"present", r.first.present()}};
        if (r.first.present())
            one.update(
                {{"pfn", r.first.pfn().value}, {"pfn_step", r.step}, {"writable", r.first.writable()}});
        out.push_back(std::move(one));
    }
    return out;
}

Json units_json(const std::vector<show::UnitRange>& units) {
    Json out = Json::array();
    for (const show::UnitRange& u : units) {
        Json one{
            {"start", u.ptes.start.value}, {"end", u.ptes.end.value}, {"present", u.ptes.first.present()}};
        if (u.chunk != pcpu::no_chunk)
            one.update({{"chunk", u.chunk}, {"cpu", u.cpu}, {"page", u.start_page}});
        if (u.ptes.first.present())
            one.update({{"pfn", u.ptes.first.pfn().value},
                        {"pfn_step", u.ptes.step},
                        {"writable", u.ptes.first.writable()}});
        out.push_back(std::move(one));
    }
    return out;
}

Json chunk_json(const show::ChunkView& v) {
    Json populated = Json::array();
    for (const auto& [start, end] : v.populated) populated.push_back({start, end});
    return {{"chunk", v.id},
            {"base", v.base_addr},
            {"list", v.list},
            {"isolated", v.isolated},
            {"nr_pages", v.nr_pages},
            {"populated", std::move(populated)},
            {"nr_empty_pop_pages", v.nr_empty_pop_pages},
            {"free_bytes", v.free_bytes},
            {"contig_bytes", v.contig_bytes}};
}

Json percpu_json(const show::PercpuChange& c) {
    Json chunks = Json::array(), destroyed = Json::array();
    for (const auto& chunk : c.chunks) {
        if (!chunk.after)
            destroyed.push_back(chunk.before->id);
        else
            chunks.push_back(chunk_json(*chunk.after));
    }
    return {{"chunks", std::move(chunks)},
            {"destroyed", std::move(destroyed)},
            {"ptes", units_json(c.ptes)},
            {"objects", c.objects},
            {"notes", c.notes}};
}

Json percpu_state_json(const World& w) {
    const pcpu::Pcpu& p = w.pcpu();
    Json groups = Json::array(), chunks = Json::array(), areas = Json::array();
    for (std::size_t g = 0; g < p.layout.ai.groups.size(); ++g)
        groups.push_back({{"offset", p.layout.group_offsets[g]}, {"cpus", p.layout.ai.groups[g].cpu_map}});
    for (pcpu::ChunkId id = 0; id < p.chunks.end_id(); ++id) {
        if (!p.chunks.is_live(id)) continue;
        chunks.push_back(chunk_json(show::view_of(p, id)));
        chunks.back().update(
            {{"ptes", units_json(show::ptes_of(w, id))}, {"stale", units_json(show::stale_of(w, id))}});
    }
    for (std::size_t i = 0; i < max_areas; ++i)
        if (const pcpu::Area& a = p.areas[i]; a.live)
            areas.push_back({{"area", i}, {"chunk", a.chunk}, {"offset", a.off}, {"bytes", a.bytes}});
    return {{"unit_size", p.layout.unit_size}, {"nr_units", p.layout.nr_units},
            {"groups", std::move(groups)},     {"nr_empty_pop_pages", p.nr_empty_pop_pages},
            {"nr_populated", p.nr_populated},  {"balance_scheduled", p.balance_scheduled},
            {"chunks", std::move(chunks)},     {"areas", std::move(areas)}};
}

Json change_json(const show::Change& c) {
    Json splits = Json::array();
    for (const show::Split& s : c.splits)
        splits.push_back({{"pmd", s.pmd_idx}, {"leaf", s.leaf.value}, {"table", s.table.value}});
    return {{"frames", {{"allocated", c.allocated}, {"freed", c.freed}}},
            {"counters",
             {{"static_key", c.static_key},
              {"nr_memmap_pages", c.memmap},
              {"nr_memmap_boot_pages", c.memmap_boot}}},
            {"splits", std::move(splits)},
            {"ptes", ranges_json(c.ptes)},
            {"notes", c.notes}};
}

Json violations_json(const std::vector<spec::Violation>& violations) {
    Json out = Json::array();
    for (const spec::Violation& v : violations) out.push_back(violation_json(v));
    return out;
}

Json folios_json(const World& w) {
    Json out = Json::array();
    for (u8 i = 0; i < max_folios; ++i) {
        const hvo::FolioSlot& s = w.pool().slots[i];
        if (s.state == hvo::SlotState::none) continue;
        const show::Span v = show::vmemmap_of(w, i);
        out.push_back({{"folio", i},
                       {"hugetlb", s.state == hvo::SlotState::hugetlb},
                       {"head", s.head.value},
                       {"order", w.machine().geometry().folio_order[s.size]},
                       {"optimised", hvo::is_optimised(w.machine(), s.head)},
                       {"ptes", ranges_json(show::ptes(w.machine(), v.start, v.end))},
                       {"stale", ranges_json(show::stale_ptes(w.machine(), v.start, v.end))}});
    }
    return out;
}

Json nodes_json(const Machine& m) {
    Json out = Json::array();
    for (u8 n = 0; n < m.config().nr_nodes; ++n) {
        Json blocks = Json::array();
        for (u8 o = 0; o <= m.geometry().max_order; ++o) blocks.push_back(show::nr_free_blocks(m, Nid{n}, o));
        out.push_back({{"nid", n},
                       {"free_pages", m.nr_free_or_held_pages(Nid{n})},
                       {"held", m.pressure(Nid{n})},
                       {"blocks", std::move(blocks)}});
    }
    return out;
}

Json walkers_json(const Machine& m) {
    Json out = Json::array();
    for (u8 i = 0; i < nr_walkers; ++i)
        if (const Walker& k = m.walkers[i]; k.inside)
            out.push_back({{"walker", i}, {"pfn", k.page.value}, {"may_write", k.may_write}});
    return out;
}

Json hot_blocks_json(const Machine& m) {
    Json out = Json::array();
    for (u8 i = 0; i < max_hot_blocks; ++i)
        if (const HotBlock& h = m.hot_block(i); h.present)
            out.push_back({{"block", i},
                           {"nid", h.nid.value},
                           {"vmemmap", h.vmemmap.value},
                           {"self_hosted", h.self_hosted}});
    return out;
}

class JsonScreen : public Screen {
public:
    void begin(const Input& in, const std::string& subject) override {
        in_ = &in;
        subject_ = subject;
        Json j{{"kind", "trace"},
               {"file", in.name},
               {"format", in.format},
               {"subject", subject},
               {"geometry", print_config(in.trace.config)},
               {"operations", in.trace.ops.size()}};
        if (in.sabotage != Sabotage::none) j["sabotage"] = in.trace.sabotage;
        if (!in.trace.expect.empty()) j["expect"] = in.trace.expect;
        if (!in.note.empty()) j["note"] = in.note;
        print_json(j);
    }

    void step(const ReplayStep& s, const World* before, const World* after) override {
        const bool broken = !s.violations.empty();
        Json j{{"kind", "op"},
               {"index", s.idx},
               {"op", print_op(in_->trace.config.geometry, s.op)},
               {"result", broken ? "violates" : show::result(s.ran.outcome, s.op.kind)},
               {"disabled", s.ran.outcome.disabled},
               {"events", s.ran.nr_events}};
        if (!s.known.empty()) j.update({{"known", s.known}, {"put_back", s.put_back}});
        if (before) {
            const show::Change c = show::change(*before, *after);
            j.update(change_json(c));
            if (after->pcpu().booted) j["percpu"] = percpu_json(c.percpu);
        }
        print_json(j);
    }

    void state(u64 idx, const World& w) override {
        const Counters& c = w.machine().counters;
        Json j{{"kind", "state"},
               {"index", idx},
               {"enabled", w.pool().enabled},
               {"counters",
                {{"static_key", c.static_key},
                 {"nr_memmap_pages", c.memmap},
                 {"nr_memmap_boot_pages", c.memmap_boot}}},
               {"folios", folios_json(w)},
               {"walkers", walkers_json(w.machine())},
               {"hot_blocks", hot_blocks_json(w.machine())},
               {"nodes", nodes_json(w.machine())}};
        if (w.pcpu().booted) j["percpu"] = percpu_state_json(w);
        print_json(j);
    }

    void end(const Verdict& v, const World*) override {
        Json j{{"kind", "verdict"},    {"file", in_->name},
               {"subject", subject_},  {"verdict", v.violations.empty() ? "holds" : "violates"},
               {"as_expected", v.met}, {"operations", v.nr_ops},
               {"events", v.nr_events}};
        if (!v.violations.empty()) j["operation"] = v.op_idx;
        j["violations"] = violations_json(v.violations);
        print_json(j);
    }

private:
    const Input* in_{};
    std::string subject_;
};

Json linux_json(const std::filesystem::path& tree, const std::string& version, const std::string& file) {
    return {{"kind", "linux"}, {"tree", tree.string()}, {"version", version}, {"file", file}};
}

// What came of the comparison with the model.
Json model_json(const bench::Report& r) {
    Json j = compared_json(r.compared, r.deviations);
    if (r.tree.name == "hugetlb_vmemmap" && !r.tree.not_the_models.empty())
        j["lacks"] = r.tree.not_the_models;
    return j;
}

} // namespace

Json coverage_json(const bench::Report& r) {
    const Covered c = covered(r);
    if (!c.is_measured()) return {{"measured", false}, {"why", r.no_coverage}};
    Json never = Json::array(), but_ran = Json::array();
    for (const bench::Branch& b : c.never)
        never.push_back({{"file", b.file}, {"function", b.function}, {"line", b.line}, {"text", b.text}});
    for (const Unreachable* u : c.but_ran) but_ran.push_back(u->said);
    return {{"measured", true},
            {"branches", c.reachable},
            {"ran", c.ran},
            {"percent", c.percent()},
            {"unreachable", c.unreachable},
            {"never_ran", std::move(never)},
            {"listed_but_ran", std::move(but_ran)}};
}

std::unique_ptr<Screen> json_screen() { return std::make_unique<JsonScreen>(); }

Json compared_json(u64 nr, const bench::DeviationCounts& counts) {
    Json shown = Json::array();
    for (const bench::DeviationFact& d : bench::deviations)
        if (const u64 n = counts[static_cast<std::size_t>(d.deviation)])
            shown.push_back({{"name", d.name}, {"sentence", d.sentence}, {"operations", n}});
    return {{"compared", nr}, {"deviations", std::move(shown)}};
}

Json report_json(const bench::Report& r, const std::filesystem::path& tree, Counting counting) {
    Json j = linux_json(tree, r.tree.version, r.tree.file);
    j.update({{"source", r.tree.source}, // the file's hash
              {"operations", r.operations},
              {"events", r.events},
              {"seconds", r.seconds},
              {"backend", r.backend == bench::Backend::mmu ? "mmu" : "mmap"}});
    standing_of(r, counting).put(j);
    Json violations = Json::array(), differences = Json::array();
    for (const bench::Finding& f : r.findings) {
        Json& all = r.is_difference(f) && !counting.differences ? differences : violations;
        all.push_back(violation_json(f.violation, trace_of(f), tree));
        all.back()["seen"] = f.seen;
        all.back()["geometries"] = f.geometries;
        all.back()["finding"] = print_identity(f.identity);
        all.back()["known"] = f.known.has_value();
        all.back()["again"] = again_command(f, all.back()["again"].get<std::string>());
    }
    j["violations"] = std::move(violations);
    if (!differences.empty()) j["differences"] = std::move(differences);
    j["model"] = model_json(r);
    Json on = Json::array();
    for (const bench::OnGeometry& g : r.on)
        on.push_back({{"geometry", g.geometry},
                      {"operations", g.operations},
                      {"events", g.events},
                      {"sequences", g.sequences},
                      {"swept", g.swept},
                      {"to_sweep", g.to_sweep},
                      {"seconds", g.seconds}});
    j["geometries"] = std::move(on);
    if (!r.no_mmu.empty()) j["no_mmu"] = r.no_mmu;
    j["config"] = bench::options_assumed(r.tree);
    j["warnings"] = r.warnings;
    j["coverage"] = coverage_json(r);
    return j;
}

Json cannot_build_json(const std::filesystem::path& tree, const std::string& version,
                       const std::string& file) {
    Json j = linux_json(tree, version, file);
    j.update({{"operations", 0},
              {"events", 0},
              {"seconds", 0.0},
              {"verdict", "cannot-build"},
              {"violations", Json::array()}});
    return j;
}

Json unjudged_json(const bench::Tree& t) {
    const std::string& why = t.judged().refusal;
    if (why.empty()) return cannot_build_json(t.dir, t.version, t.file);
    return {{"kind", "refused"},
            {"tree", t.dir.string()},
            {"version", t.version},
            {"file", t.file},
            {"why", why}};
}

} // namespace mmodel::cli
