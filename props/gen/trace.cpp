// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "props/gen/trace.hpp"

#include <algorithm>
#include <memory>
#include <ostream>

#include "fuzz/ops/shrink.hpp"

namespace mmodel {
namespace {

// RapidCheck's numbers cost more than an operation does, so that one of them starts a stream.
Rng stream(rc::Random r) {
    return [n = r.next()]() mutable { return mix(n++); };
}

// What the shrinker was told while it shrank `start`: how often "no" before each "yes".
struct Told {
    std::shared_ptr<const Trace> start{};
    std::vector<u64> nos{};
};

rc::Shrinkable<Trace> shrinkable(Told told, std::shared_ptr<const Trace> now);

// What the shrinker tries after it was told all that, as long as the answer is no. It keeps no state between
// two candidates: it runs again from the start, is given the same answers, and is stopped at the ones it has
// not been asked about. That costs no run of the property, and is done for many candidates at a time.
class Steps {
public:
    explicit Steps(Told told) : told_(std::move(told)) {}

    rc::Maybe<rc::Shrinkable<Trace>> operator()() {
        if (next_ == batch_.size() && !refill()) return rc::Nothing;
        Told then = told_;
        then.nos.push_back(nr_given_++);
        return shrinkable(std::move(then), batch_[next_++]);
    }

private:
    struct Enough {};

    bool refill() {
        const std::size_t want = std::min<std::size_t>(4096, 64 + 2 * nr_given_);
        batch_.clear();
        next_ = 0;
        u64 nr_asked = 0, nos = 0;
        std::size_t answered = 0;
        const auto answer = [&](const Trace& t) {
            if (nr_asked++ == 0) return true; // the trace that it starts from
            if (answered < told_.nos.size()) {
                if (nos++ < told_.nos[answered]) return false;
                ++answered, nos = 0;
                return true;
            }
            if (nos++ < nr_given_) return false;
            if (batch_.size() == want) throw Enough{};
            batch_.push_back(std::make_shared<const Trace>(t));
            return false;
        };
        try {
            (void)shrink(*told_.start, answer);
        } catch (const Enough&) {
        }
        return !batch_.empty();
    }

    Told told_;
    std::vector<std::shared_ptr<const Trace>> batch_{};
    std::size_t next_{};
    u64 nr_given_{};
};

// Each operand of an operation nearer to 0, as RapidCheck shrinks numbers.
rc::Seq<Op> lower_operands(const Config& c, const Op& op) {
    std::vector<Op> all;
    for (const Field f : number_fields) {
        if (!(fields_of(op.kind) & f)) continue;
        for (auto values = rc::shrink::towards<u64>(field_value(op, f), 0); auto v = values.next();) {
            Op lower = op;
            set_field(lower, f, *v);
            if (lower = canonical(lower); lower != op && is_valid(c, lower)) all.push_back(lower);
        }
    }
    return rc::seq::fromContainer(all);
}

rc::Seq<rc::Shrinkable<Trace>> its_values(const std::shared_ptr<const Trace>& now) {
    auto lower =
        rc::shrink::eachElement(now->ops, [now](const Op& op) { return lower_operands(now->config, op); });
    return rc::seq::map(std::move(lower), [now](std::vector<Op> ops) {
        Trace t = *now;
        t.ops = std::move(ops);
        return shrinkable_trace(std::move(t));
    });
}

rc::Shrinkable<Trace> shrinkable(Told told, std::shared_ptr<const Trace> now) {
    return rc::shrinkable::lambda([now] { return *now; },
                                  [told = std::move(told), now] {
                                      return rc::seq::concat(rc::Seq<rc::Shrinkable<Trace>>(Steps(told)),
                                                             its_values(now));
                                  });
}

} // namespace

rc::Shrinkable<Trace> shrinkable_trace(Trace t) {
    const auto start = std::make_shared<const Trace>(std::move(t));
    return shrinkable({.start = start}, start);
}

void showValue(const Trace& t, std::ostream& os) { os << '\n' << print_trace(t); }
void showValue(const Op& op, std::ostream& os) { os << print_op(Geometry{}, op); }

rc::Gen<Op> gen_op(const Config& c, const Mix& mix) {
    return [=](const rc::Random& random, int) {
        Rng rng = stream(random);
        return rc::shrinkable::shrinkRecur(random_op(c, mix, rng),
                                           [c](const Op& op) { return lower_operands(c, op); });
    };
}

rc::Gen<Trace> gen_trace(const rc::Gen<Config>& machines, const Mix& mix, std::size_t min_ops,
                         std::size_t max_ops) {
    return [=](const rc::Random& random, int size) {
        rc::Random r = random;
        const Config c =
            rc::gen::suchThat(machines, [](const Config& x) { return why_impossible(x).empty(); })(r.split(),
                                                                                                   size)
                .value();
        Rng rng = stream(r);
        const std::size_t nr_ops = min_ops + rng() % (max_ops - min_ops + 1);
        return shrinkable_trace({.config = c, .ops = random_ops(c, mix, rng, nr_ops)});
    };
}

rc::Gen<Trace> gen_trace(const Config& c, const Mix& mix, std::size_t min_ops, std::size_t max_ops) {
    return gen_trace(rc::gen::just(c), mix, min_ops, max_ops);
}

rc::Gen<Trace> changed(const rc::Gen<Trace>& gen, const std::function<void(Trace&)>& change) {
    return [=](const rc::Random& random, int size) {
        Trace t = gen(random, size).value();
        change(t);
        return shrinkable_trace(std::move(t));
    };
}

rc::Gen<Trace> with_break(const rc::Gen<Trace>& gen, const std::string& sabotage) {
    return changed(gen, [=](Trace& t) { t.sabotage = sabotage; });
}

rc::Gen<Trace> with_first(const rc::Gen<Trace>& gen, const std::vector<Op>& first) {
    return changed(gen, [=](Trace& t) { t.ops.insert(t.ops.begin(), first.begin(), first.end()); });
}

} // namespace mmodel
