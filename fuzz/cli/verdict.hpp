// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is said of a piece of work: whether it held, how far it came, what ended it; and the exit status of
// several.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fuzz/cli/say.hpp"

namespace mmodel::cli {

// The worse of two exit statuses: bad usage, then a violation, then what was missing, then 0.
[[nodiscard]] int worse(int a, int b);

// In words, what a limit's name stands for: "time" is "time was up".
[[nodiscard]] std::string ended_by(std::string_view cut_by);

enum class Reach : u8 { whole, in_part, nothing };

struct Standing {
    std::size_t violated{}; // invariants
    std::size_t known{};    // findings that were expected
    std::size_t differs{};  // ways in which it differs from the model, and breaks nothing
    Reach reach{Reach::whole};
    std::string reached{};        // in part: as far as this, "9 steps"
    std::string why{};            // not whole: what ended it, "time was up"
    std::optional<u64> percent{}; // of a tree's file, that ran; nothing: not measured

    // "violates 2", "holds (97 %)", "incomplete: time was up", "not run: time was up"
    [[nodiscard]] std::string text() const;
    // "holds (97 %)", "holds as far as it ran (60 %)"; without a percentage "holds"
    [[nodiscard]] std::string holds() const;
    // "verdict": violates, holds, incomplete or not-run; "complete"; and if it is not, "incomplete": words.
    void put(Json& j) const;
};

// Of all that a command checks.
class Tally {
public:
    void add(const Standing& v);
    void worsen(int status) { status_ = worse(status_, status); }
    // 0: something ran, and held.
    [[nodiscard]] int status() const { return ran_ ? status_ : worse(status_, exit_environment); }
    [[nodiscard]] std::size_t nr() const { return nr_; }
    [[nodiscard]] std::size_t nr_incomplete() const { return nr_incomplete_; }
    [[nodiscard]] bool ran() const { return ran_; }

private:
    int status_{exit_holds};
    std::size_t nr_{}, nr_incomplete_{};
    bool ran_{};
};

} // namespace mmodel::cli
