// SPDX-License-Identifier: GPL-2.0 OR MIT
// mmodel report: a finding as a mail that can be sent to a list as it is.
#pragma once

#include <string>

#include "spec/linux/host/bench.hpp"

namespace mmodel::cli {

struct ReportOptions {
    std::string finding{}; // a record, or a trace
    std::string tree{};    // which shows it; empty: what the record says has to do
    std::string git{};     // a repository: since which commit
    bench::Backend backend{bench::default_backend};
};
int report(const ReportOptions& o);

} // namespace mmodel::cli
