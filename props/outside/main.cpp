// SPDX-License-Identifier: GPL-2.0 OR MIT
// A folio is taken and optimised: 0 if that raises the static key.
#include "model/step.hpp"

int main() {
    using namespace mmodel;
    const World taken = step(World(*parse_config("x86-64")), {.kind = OpKind::alloc_folio}).next;
    const Step optimised = step(taken, {.kind = OpKind::optimise});
    return optimised.ran.outcome == Outcome{} && optimised.next.machine().counters.static_key == 1 ? 0 : 1;
}
