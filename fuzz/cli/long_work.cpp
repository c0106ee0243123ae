// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/long_work.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mmodel::cli {

namespace {
std::size_t columns_of_stderr() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}
} // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { end(); }

void Progress::end() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
}

void Progress::show(const std::string& text) {
    using namespace std::chrono_literals;
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < 200ms) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\x1b[K{}", text.substr(0, columns_of_stderr() - 1));
    std::fflush(stderr);
}

namespace {
volatile std::sig_atomic_t interrupt_seen = 0;
extern "C" void note_interrupt(int) {
    interrupt_seen = 1;
    std::signal(SIGINT, SIG_DFL);
}
} // namespace

void catch_interrupt() { std::signal(SIGINT, note_interrupt); }
bool interrupted() { return interrupt_seen != 0; }

// ---- time

Budget Budget::part(double fraction) const {
    constexpr double least = 1e-3; // 0 would be no limit
    return Budget(is_limited() ? std::max(least, share(1) * fraction) : 0);
}

double Budget::share(std::size_t n) const {
    if (!is_limited()) return no_limit;
    const double left = seconds_ - std::chrono::duration<double>(Clock::now() - start_).count();
    return std::max(0.0, left / static_cast<double>(n));
}

std::optional<Turns::Turn> Turns::next() {
    if (interrupted() || n_ == 0) return std::nullopt;
    if (budget_.is_limited()) {
        if (next_ == n_) return std::nullopt;
        const std::size_t part = next_++;
        return Turn{part, budget_.share(n_ - part)};
    }
    if (next_ == n_) next_ = 0, seconds_ *= 2;
    return Turn{next_++, n_ == 1 ? no_limit : seconds_};
}

} // namespace mmodel::cli
