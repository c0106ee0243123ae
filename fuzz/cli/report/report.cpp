// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/report/report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "fuzz/campaign/findings.hpp"
#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "spec/linux/host/text.hpp"

namespace mmodel::cli {

namespace {

class Outputs : public Output {
public:
    void add(std::unique_ptr<Output> one) { all_.push_back(std::move(one)); }
    void file(const Judged& j) override {
        for (const auto& one : all_) one->file(j);
    }
    void group(const std::string& name) override {
        for (const auto& one : all_) one->group(name);
    }
    int end() override {
        int status = exit_holds;
        for (const auto& one : all_) status = worse(status, one->end());
        return status;
    }

private:
    std::vector<std::unique_ptr<Output>> all_{};
};

} // namespace

std::unique_ptr<Output> output_for(const LinuxOptions& o) {
    auto out = std::make_unique<Outputs>();
    if (o.ktap) out->add(ktap_output(o));
    if (o.github) out->add(github_output(o));
    if (o.b4) out->add(b4_output(o));
    if (!o.junit.empty()) out->add(junit_output(o));
    return out;
}

Mark mark_of(const Judged& j) {
    if (!j.did_run()) return j.report || j.is_error ? Mark::warn : Mark::pass; // pass: nothing is to be run
    return j.standing.violated ? Mark::fail : j.standing.differs ? Mark::warn : Mark::pass;
}

std::vector<std::string> lines_of(const bench::Finding& f, const Judged& j, const LinuxOptions& o) {
    const Trace t = trace_of(f);
    return {"id: " + print_identity(f.identity),
            "means: " + std::string(meaning(f.violation)),
            "where: " + where_text(f.violation),
            "found: " + (f.violation.detail.empty() ? "-" : f.violation.detail),
            fmt::format("trace: {}: {}", print_config(f.config), one_line(f.config.geometry, f.ops)),
            "again: " + (j.again ? j.again(f) : again_command(f, replay_command(t, o.tree)))};
}

std::string verdict_of(const Judged& j) {
    if (!j.report) return (j.is_error ? "not judged: " : "") + j.why_not;
    const Standing& s = j.standing;
    std::string out = s.violated ? "violates " + plural(s.violated, "invariant") : s.text();
    if (s.differs) out += fmt::format("; differs from the model in {}", plural(s.differs, "way"));
    if (s.known) out += fmt::format("; {} known", plural(s.known, "finding"));
    return out;
}

std::string standard_input() {
    std::string out, part(1 << 16, '\0');
    for (std::size_t n = 1; n > 0 && out.size() < bench::max_text; out.append(part, 0, n))
        n = std::fread(part.data(), 1, part.size(), stdin);
    return out;
}

bool is_touched(const bench::KernelFile& f, std::string_view mail) {
    const bool hvo = f.name == "hugetlb_vmemmap";
    bool is_patch = false;
    while (!mail.empty()) {
        const std::string_view line = mail.substr(0, mail.find('\n'));
        mail.remove_prefix(std::min(line.size() + 1, mail.size()));
        if (!line.starts_with("diff --git ")) continue;
        is_patch = true;
        for (const std::string_view what :
             {hvo ? "/mm/hugetlb_vmemmap." : "/mm/percpu.", hvo ? "" : "/mm/percpu-"})
            if (!what.empty() && line.find(what) != line.npos) return true;
    }
    return !is_patch;
}

} // namespace mmodel::cli
