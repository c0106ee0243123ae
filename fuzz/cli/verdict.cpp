// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/verdict.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "fuzz/campaign/branches.hpp"

namespace mmodel::cli {

int worse(int a, int b) {
    constexpr std::array<int, 4> best_first{exit_holds, exit_environment, exit_violation, exit_usage};
    return *std::max(std::ranges::find(best_first, a), std::ranges::find(best_first, b));
}

std::string ended_by(std::string_view cut_by) {
    if (cut_by == "time") return "time was up";
    if (cut_by == "interrupt") return "interrupted";
    if (cut_by == "states" || cut_by == "nodes") return "limit of states";
    if (cut_by == "memory") return "limit of memory";
    if (cut_by == "bits") return "states too large";
    if (cut_by == "crash") return "an operation ended the child";
    if (cut_by == "unconfirmed") return "a fresh child does not show it";
    return std::string(cut_by);
}

std::string Standing::text() const {
    if (violated) return fmt::format("violates {}", violated);
    switch (reach) {
    case Reach::whole: break;
    case Reach::in_part: return "incomplete: " + why;
    case Reach::nothing: return "not run: " + why;
    }
    return differs ? fmt::format("{}; differs from the model in {}", holds(), plural(differs, "way"))
                   : holds();
}

std::string Standing::holds() const {
    if (!percent) return "holds";
    return fmt::format("holds{} ({} %)", *percent < percent_of_a_file ? " as far as it ran" : "", *percent);
}

void Standing::put(Json& j) const {
    const char* const unbroken[] = {"holds", "incomplete", "not-run"};
    j["verdict"] = violated ? "violates" : unbroken[static_cast<std::size_t>(reach)];
    j["complete"] = reach == Reach::whole;
    if (known) j["known"] = known;
    if (differs) j["differs"] = differs;
    if (reach != Reach::whole) j["incomplete"] = reached.empty() ? why : reached + ", then " + why;
}

void Tally::add(const Standing& v) {
    ++nr_;
    nr_incomplete_ += v.reach != Reach::whole;
    ran_ |= v.reach != Reach::nothing;
    if (v.violated) worsen(exit_violation);
}

} // namespace mmodel::cli
