// SPDX-License-Identifier: GPL-2.0 OR MIT
// What is included here as model/step.hpp is the copy that the build has edited (mmodel_break of
// CMakeLists.txt).
#include "model/step.hpp"
#include "spec/sabotage/broken.hpp"
#include "spec/sabotage/edits.hpp"

namespace mmodel {
namespace {

// Another broken model may have run on this thread while the watch had control (spec/tasks: fibers).
struct Watching {
    AnyWatch& to;
    void before(const Machine& m, const Event& e) {
        to.before(m, e);
        planted = to.sabotage;
    }
    void after(const Machine& m, const Event& e) {
        to.after(m, e);
        planted = to.sabotage;
    }
};

struct Picking : Watching {
    std::optional<Pfn> pick_frame(const Machine& m) { return to.pick_frame(m); }
};

} // namespace

Ran run_broken(State& s, pcpu::Pcpu* p, const Op& op, AnyWatch& watch) {
    planted = watch.sabotage;
    Watching watching{watch};
    Picking picking{{watch}};
    return watch.picks ? run(s, p, op, picking) : run(s, p, op, watching);
}

} // namespace mmodel
