// SPDX-License-Identifier: GPL-2.0 OR MIT
// Hidden: what props/CMakeLists.txt runs to see that a skip is a skip.
#include <catch2/catch.hpp>

#include "props/skip.hpp"

TEST_CASE("this one cannot run", "[.][skip]") { mmodel::skip("it has nothing to do"); }
TEST_CASE("this one cannot run, and fails", "[.][skip-fails]") {
    mmodel::skip("it has nothing to do");
    CHECK(false);
}
TEST_CASE("this one can", "[.][runs]") { CHECK(true); }
