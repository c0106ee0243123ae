#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Spin over the explorer's own C++ step (drive.pml), for spaces that are larger than memory: many bitstate searches, each with its own
seed, order and depth, until the time is up. Not exhaustive: what it says is what it has seen. With --exact, one whole search instead,
whose number of states must be the explorer's.

Exit status: 0 nothing wrong was found, 1 something was, 2 bad usage, 3 a tool is missing (77 if so asked with --skip-code)."""
import os, pathlib, re, shutil, signal, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.append(str(HERE.parents[1]))
from runs import call, must, number, parser, prepare, stop


def build(d, lib, name, *defines):
    libs = [str(lib / p) for p in ("spec/promela/link/libmmodel_step.a", "spec/libmmodel_explore.a", "spec/libmmodel_spec.a",
                                    "spec/sabotage/libmmodel_broken.a", "model/libmmodel_model.a")]
    must(["gcc", "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DMANY", *defines, "-c", "-o", name + ".o", "pan.c"], d)
    must(["g++", "-o", name, name + ".o", *libs, "-lpthread"], d)


def judge(out):
    """What is wrong in what pan says, or nothing."""
    broken = re.findall(r"step: broken: (\S+)", out)
    if broken: return "the model breaks " + ", ".join(broken)
    if "assertion violated" in out: return "a state that no hardware may come to (mmodel explore shows the way)"
    m = re.search(r"^step: .*", out, re.M)
    return m.group(0) if m else "" if "errors: 0" in out else "pan said: " + out.strip()[-300:]


def exact(args, d):
    build(d, args.lib, "pan")
    pan = call(["./pan", "-m20000000", "-w22"], d, MMODEL_SPACE=args.space).out
    wrong = judge(pan) or ("the search is not whole" if re.search("max search depth|out of memory", pan) else "")
    states = number(r"([\d.e+]+) states, stored", pan) - 1
    out = must([str(args.lib / "bin/mmodel_link"), "count", args.space], d).out
    want = number(r"states (\d+)", out)
    if not wrong and states != want: wrong = "the explorer has %d states" % want
    print("%-4s %s: %d states by Spin over the C++ step  %s" % ("BAD" if wrong else "ok", args.space, states, wrong))
    return 1 if wrong else 0


def start(args, d, seed):
    depth = [10**6, 3 * 10**5, 10**5, 3 * 10**4][seed % 4]
    cmd = ["./pan%d" % (seed % 2), "-m%d" % depth, "-w%d" % args.bits, "-k%d" % (2 + seed % 3), "-RS%d" % (seed + 1)]
    log = open(d / ("log%d" % seed), "w+")
    return subprocess.Popen(cmd, cwd=d, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ, MMODEL_SPACE=args.space)), log


def finish(p, log, until, states, wrongs):
    while p.poll() is None and time.monotonic() < until: time.sleep(0.2)
    if p.poll() is None:
        p.send_signal(signal.SIGINT)    # pan says how far it came
        p.wait(60)
    log.seek(0)
    text = log.read()
    states.append(number(r"([\d.e+]+) states, stored", text))
    wrong = judge(text)
    if wrong: wrongs.append(wrong)


def swarm(args, d):
    seconds = args.seconds or args.hours * 3600
    build(d, args.lib, "pan0", "-DBITSTATE", "-DT_RAND", "-DP_RAND")
    build(d, args.lib, "pan1", "-DBITSTATE", "-DT_RAND", "-DP_RAND", "-DT_REVERSE")
    end = time.monotonic() + seconds
    states, wrongs, seed = [], [], args.seed
    print("%s: bitstate searches for %d s, %d at once, 2^%d bits (%d MiB) each" % (
        args.space, seconds, args.workers, args.bits, (1 << args.bits) >> 23), flush=True)
    slice_ = max(5, seconds / max(1, args.runs))
    while time.monotonic() < end and not wrongs:
        now = [start(args, d, seed + i) for i in range(args.workers)]
        seed += args.workers
        until = min(end, time.monotonic() + slice_)
        for p, log in now: finish(p, log, until, states, wrongs)
        if sys.stdout.isatty(): print("\r%d searches, the largest of %d states" % (len(states), max(states)), end="", flush=True)
    if max(states, default=0) > 1 or wrongs: print("%s%d searches, %d states in all (in each different ones; between them not), the largest of %d: %s" % (
        "\n" if sys.stdout.isatty() else "", len(states), sum(states), max(states, default=0), wrongs[0] if wrongs else "nothing wrong"))
    if max(states, default=0) <= 1 and not wrongs: stop("no search began: the machine's graph takes longer than %d s" % slice_, 1)
    if args.finds: return 0 if wrongs and wrongs[0].startswith("a state") else 1
    return 1 if wrongs else 0


def main():
    ap = parser(__doc__)    # of --jobs nothing is heard: ctest says it to all, and --workers is what counts here
    ap.add_argument("--space", required=True, help="a space of `mmodel explore` or of mmodel_link")
    ap.add_argument("--hours", type=float, default=1.0)
    ap.add_argument("--seconds", type=float, help="instead of --hours")
    ap.add_argument("--runs", type=int, default=8, help="searches a worker makes in that time, more if they end early")
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--bits", type=int, default=31, help="2^bits bits of memory a search")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--sabotage", help="with this break in the model: something has to be found")
    ap.add_argument("--finds", action="store_true", help="succeed if, and only if, something was found")
    ap.add_argument("--exact", action="store_true")
    ap.add_argument("--lib", type=pathlib.Path, default=ROOT / "build/release", help="where the C++ was built")
    args = ap.parse_args()
    if args.sabotage: os.environ["MMODEL_SABOTAGE"] = args.sabotage
    prepare(args, ("spin", "gcc", "g++"))
    if not (args.lib / "spec/promela/link/libmmodel_step.a").exists():
        stop("%s has no spec/promela/link/libmmodel_step.a: build the target mmodel_step" % args.lib, 3)
    if not 16 <= args.bits <= 40: stop("--bits is from 16 to 40", 2)
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="swarm.") as d:
        d = pathlib.Path(d)
        for f in ("drive.pml", "step.h"): shutil.copy(HERE / f, d)
        must(["spin", "-a", "-DMANY", "drive.pml"], d)
        return exact(args, d) if args.exact else swarm(args, d)


if __name__ == "__main__":
    sys.exit(main())
