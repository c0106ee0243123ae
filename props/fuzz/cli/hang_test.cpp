// SPDX-License-Identifier: GPL-2.0 OR MIT
// A campaign against a file that never returns: each hang costs the bench's patience, so this takes 20
// seconds.
#include <catch2/catch.hpp>

#include "props/fuzz/cli/stand_in.hpp"

using namespace mmodel::test;

TEST_CASE("a tree whose file hangs exits 1 with that finding, and says that the campaign was given up") {
    const TempDir dir;
    const Said s = run_mmodel({"linux", "--tree", stand_in(dir, "#define MMODEL_BREAK_HANG"), "--sweeps"},
                              {.patience = 100});
    INFO(s.out + s.err);
    CHECK(s.status == 1);
    CHECK(has(s.out, "\ninv_every_operation_ends: "));
    CHECK(has(s.err, "the run ended early: operations hang again and again"));
}
