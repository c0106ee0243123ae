// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli/exit_style.hpp"

#include <string_view>

#include "fuzz/campaign/input.hpp"

namespace mmodel::cli {

bool asks_for_nipa(std::span<char*> args) {
    bool is_next = false;
    for (const std::string_view arg : args) {
        if (arg == "--exit-style=nipa" || (is_next && arg == "nipa")) return true;
        is_next = arg == "--exit-style";
    }
    return false;
}

int status_for_nipa(int status) {
    return status == exit_environment ? nipa_warn : status == exit_usage ? nipa_fail : status;
}

int with_warning(ExitStyle style, int status, bool warns) {
    return style == ExitStyle::nipa && status == exit_holds && warns ? nipa_warn : status;
}

} // namespace mmodel::cli
