// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/long_work.hpp"

#include <csignal>
#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

namespace mmodel::cli {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(const std::string& text) {
    using namespace std::chrono_literals;
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < 200ms) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\x1b[K{}", text.substr(0, 110));
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

} // namespace mmodel::cli
