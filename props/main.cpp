// SPDX-License-Identifier: GPL-2.0 OR MIT
// Lines wide enough that a trace or a command is never wrapped or hyphenated.
#define CATCH_CONFIG_CONSOLE_WIDTH 400
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
