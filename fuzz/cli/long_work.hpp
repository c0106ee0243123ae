// SPDX-License-Identifier: GPL-2.0 OR MIT
// Work that takes a while: progress on a terminal, Ctrl-C, the time that there is for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>

namespace mmodel::cli {

// A line on stderr that replaces the one before; nothing unless stderr is a terminal. Goes away when this
// does.
class Progress {
public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(const std::string& text);
    // Away with it, before something else is printed.
    void end();

private:
    bool terminal_{}, shown_{};
    std::chrono::steady_clock::time_point last_{};
};

// From now on the first Ctrl-C is only noted; the second ends the program.
void catch_interrupt();
[[nodiscard]] bool interrupted();

// ---- time

inline constexpr double no_limit = std::numeric_limits<double>::infinity();

// The seconds that a command was given for all it does, shared out as it goes: what one part leaves, the next
// ones have. 0: no limit.
class Budget {
public:
    explicit Budget(double seconds) : seconds_(seconds > 0 ? seconds : no_limit) {}
    [[nodiscard]] bool is_limited() const { return seconds_ < no_limit; }
    // That much of what is left, as a budget of its own from now on.
    [[nodiscard]] Budget part(double fraction) const;
    // An equal share of what is left, for the first of n.
    [[nodiscard]] double share(std::size_t n) const;

private:
    using Clock = std::chrono::steady_clock;
    double seconds_;
    Clock::time_point start_{Clock::now()};
};

// Whose turn it is, of n parts that have no end of their own: each once, with its share of the budget; if
// there is no limit again and again, twice as long each time, until Ctrl-C.
class Turns {
public:
    Turns(const Budget& budget, std::size_t n) : budget_(budget), n_(n) {}
    struct Turn {
        std::size_t part{};
        double seconds{};
    };
    [[nodiscard]] std::optional<Turn> next();

private:
    const Budget& budget_;
    std::size_t n_, next_{};
    double seconds_{10};
};

} // namespace mmodel::cli
