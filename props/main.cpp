// SPDX-License-Identifier: GPL-2.0 OR MIT
// Lines wide enough that a trace or a command is never wrapped or hyphenated.
#define CATCH_CONFIG_CONSOLE_WIDTH 400
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "props/skip.hpp"

namespace {

int nr_cases, nr_skipped;
bool is_skipped; // the test case that runs

class CountCases : public Catch::TestEventListenerBase {
public:
    using TestEventListenerBase::TestEventListenerBase;
    void testCaseStarting(const Catch::TestCaseInfo&) override { is_skipped = false; }
    void testCaseEnded(const Catch::TestCaseStats&) override { ++nr_cases, nr_skipped += is_skipped; }
};
CATCH_REGISTER_LISTENER(CountCases)

} // namespace

void mmodel::skip(const std::string& why) {
    is_skipped = true;
    WARN("skipped: " << why);
}

int main(int argc, char** argv) {
    const int status = Catch::Session().run(argc, argv);
    return status == 0 && nr_skipped > 0 && nr_skipped == nr_cases ? mmodel::skipped_status : status;
}
