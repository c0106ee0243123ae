// SPDX-License-Identifier: GPL-2.0 OR MIT
// What `b4 review` reads of a check: an array of what a tool has to say of one message.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fuzz/cli/finding.hpp"
#include "fuzz/cli/linux.hpp"
#include "fuzz/cli/report/report.hpp"

namespace mmodel::cli {
namespace {

const char* status_of(Mark m) {
    switch (m) {
    case Mark::pass: return "pass";
    case Mark::warn: return "warn";
    case Mark::fail: return "fail";
    }
    return "";
}

class B4 : public Output {
public:
    explicit B4(const LinuxOptions& o) : options_(o) {}
    void file(const Judged& j) override {
        std::string details;
        if (j.did_run())
            for (const bench::Finding& f : j.report->findings)
                if (!f.known)
                    details += fmt::format("{}\n  {}\n", name_of(f.violation),
                                           fmt::join(lines_of(f, j, options_), "\n  "));
        add(status_of(mark_of(j)), j.tree.file + ": " + verdict_of(j), details);
    }
    int end() override {
        if (all_.empty()) add("pass", "touches nothing that mmodel judges", "");
        fmt::print("{}\n", all_.dump(2, ' ', false, Json::error_handler_t::replace));
        return exit_holds;
    }

private:
    void add(const char* status, const std::string& summary, const std::string& details) {
        all_.push_back({{"tool", "mmodel"}, {"status", status}, {"summary", summary}, {"details", details}});
    }
    const LinuxOptions& options_;
    Json all_ = Json::array();
};

} // namespace

std::unique_ptr<Output> b4_output(const LinuxOptions& o) { return std::make_unique<B4>(o); }

} // namespace mmodel::cli
