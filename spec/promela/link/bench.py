#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How fast the explorer is, side by side with Spin on plain Promela of the same space (hvo.pml), one after the other on this machine:
link-hvo with two TLBs, about 1.3 million states. Then how CPU time grows with transitions. The best of three runs each; both look for what
is wrong at every transition; pan is -O2, without compression of states, the explorer is its release build and builds the machine's graph
first (counted).

Exit status: 0, or 1 with --check when a goal is not met, 3 a tool is missing."""
import json, math, os, pathlib, re, shutil, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1]))
from runs import must, number, parser, prepare, stop
GOALS = {"ratio": (2.0, "explorer/Spin, states a second"), "threads": (1.7, "two threads/one"),
         "bytes": (48.0, "bytes a state, at most"), "exponent": (1.2, "growth of CPU time with transitions, at most")}


def spin(d):
    for f in (*HERE.glob("*.h"), HERE / "hvo.pml"): shutil.copy(f, d)
    must(["spin", "-a", "-DNTLB=2", "hvo.pml"], d)
    must(["gcc", "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"], d)
    out, _, cpu, wall = must(["./pan", "-E", "-m3000000", "-w24"], d)
    if "errors: 0" not in out or "max search depth" in out: stop("pan's search is not whole", 1)
    return number(r"([\d.e+]+) states, stored", out), number(r"([\d.e+]+) transitions", out), cpu, wall


def explorer(args, d, *what):
    out, _, cpu, wall = must([args.explorer, *what], d)
    m = re.search(r"states (\d+) transitions (\d+) seconds ([\d.]+) cpu [\d.]+ bytes (\d+) found 0", out)
    return int(m.group(1)), int(m.group(2)), cpu, wall, int(m.group(4))


def exponent(points):
    """Least squares of log(seconds) over log(transitions)."""
    xs, ys = [math.log(t) for t, _ in points], [math.log(s) for _, s in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def main():
    ap = parser(__doc__)
    ap.add_argument("--explorer", type=os.path.abspath, default=str(HERE.parents[2] / "build/release/bin/mmodel_link"))
    ap.add_argument("--times", type=int, default=3)
    ap.add_argument("--no-growth", action="store_true", help="without the growth of CPU time (a minute or two, 2 GiB)")
    ap.add_argument("--check", action="store_true", help="fail when a goal is not met")
    args = ap.parse_args()
    prepare(args, ("spin", "gcc"))
    found = {}
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="link-bench.") as d:
        d = pathlib.Path(d)
        runs = [(spin(d), explorer(args, d, "grow", "2", "4", "1")) for _ in range(args.times)]
        s, one = (min((r[k] for r in runs), key=lambda r: r[2]) for k in (0, 1))
        # Threads are compared where the graph, which one thread makes, is a small part: 43 million states, or 4 without growth.
        largest = ("grow", "3", "3" if args.no_growth else "4")
        alone, two = (explorer(args, d, *largest, n) for n in "12")
        print("Spin, plain Promela   %9d states %9d transitions %6.2f s CPU  %9.0f states/s" % (*s[:3], s[0] / s[2]))
        print("explorer, 1 thread    %9d states %9d transitions %6.2f s CPU  %9.0f states/s" % (*one[:3], one[0] / one[2]))
        print("explorer, 1 thread    %9d states %9d transitions %6.2f s wall %9.0f states/s" % (*alone[:2], alone[3], alone[0] / alone[3]))
        print("explorer, 2 threads   %9d states %9d transitions %6.2f s wall %9.0f states/s" % (*two[:2], two[3], two[0] / two[3]))
        found["ratio"] = one[0] / one[2] / (s[0] / s[2])
        found["threads"] = alone[3] / two[3]
        found["bytes"] = one[4] / one[0]
        if not args.no_growth:
            points = []
            for tlbs, pages in ((2, 3), (2, 4), (3, 3), (3, 4)):
                known = alone if largest[1:] == (str(tlbs), str(pages)) else None
                states, transitions, cpu, _, peak = known or explorer(args, d, "grow", str(tlbs), str(pages), "1")
                points.append((transitions, cpu))
                print("  %d TLBs of %d pages %11d states %11d transitions %7.2f s CPU  %5.1f bytes a state" % (
                    tlbs, pages, states, transitions, cpu, peak / states))
            found["exponent"] = exponent(sorted(points))
    missed = [k for k in found if (found[k] > GOALS[k][0]) == (k in ("bytes", "exponent"))]
    for k in found: print("%-4s %-48s %6.2f  (goal %.1f)" % ("MISS" if k in missed else "ok", GOALS[k][1], found[k], GOALS[k][0]))
    print(json.dumps({"kind": "explore_bench", **{k: round(v, 3) for k, v in found.items()}}))
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
