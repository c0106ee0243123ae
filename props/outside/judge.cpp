// SPDX-License-Identifier: GPL-2.0 OR MIT
// The specification lets the model pass, and sees it break: 0 if both.
#include "spec/judge/check.hpp"

int main() {
    using namespace mmodel;
    const Config c = *parse_config("x86-64");
    const Op ops[]{{.kind = OpKind::alloc_folio}, {.kind = OpKind::optimise}};
    const auto good = spec::check_sequence(c, ops);
    const auto bad = spec::check_sequence(c, ops, Sabotage::no_flush);
    return !good.violation && good.nr_ops == 2 && bad.violation ? 0 : 1;
}
