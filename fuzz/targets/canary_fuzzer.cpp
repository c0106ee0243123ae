// SPDX-License-Identifier: GPL-2.0 OR MIT
// hvo_fuzzer with a bug in the model: if this does not fail, no silence of hvo_fuzzer means anything. The bug
// shows only after hot-adding a block whose vmemmap is a high-order allocation, taking a folio from it and
// optimising that.
#include "fuzz/targets/harness.hpp"

namespace mmodel::harness {
const Target target{.subsystem = Subsystem::hvo, .planted = Sabotage::no_split_page};
}
