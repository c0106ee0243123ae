// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "fuzz/cli_explore.hpp"

namespace mmodel::cli {

int explore_spaces(const SpacesOptions&) {
    return complain(Failure{"there are no spaces to explore yet; try 'explore --concurrent'"});
}

} // namespace mmodel::cli
