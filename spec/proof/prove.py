#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Has Dafny check the proofs of this directory, and Z3 counts.smt2; with --mutants, checks that each edit of mutants.txt makes the
proof of its method fail. A proof that runs out of time counts neither as proved nor as refuted. One line a run.

Exit status: 0 all as expected, 1 not, 2 bad usage, 3 a tool is missing (77 if so asked with --skip-code, for ctest)."""
import json, pathlib, re, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[0]))
from runs import call, end, parser, prepare, run_all
# What --quick keeps beside counts.smt2: not what needs the long proof of optimize().
CORE = ("early_free", "no_reset", "tail_writable", "skip_failing_cpu", "vacuous_restore", "vacuous_alloc", "vacuous_map", "vacuous_populate")


def mutants(path):
    found = []
    for line in open(path):
        line = line.rstrip("\n")
        if re.match(r"\w+\.(dfy|smt2) ", line):
            found.append(dict(zip(("file", "name", "method"), line.split())) | {"old": [], "new": []})
        elif line.startswith("-"): found[-1]["old"].append(line[2:])
        elif line.startswith("+"): found[-1]["new"].append(line[2:])
    return [m | {"old": "\n".join(m["old"]), "new": "\n".join(m["new"])} for m in found]


def text_of(run):
    """The file with the edit in it, in the method that it names."""
    text = (HERE / run["file"]).read_text()
    if "old" not in run: return text
    at = 0
    if run["method"] != "-":
        # What a method relies on may lie before it.
        m = re.search(r"^  method %s\(" % run["method"], text, re.M)
        if not m: raise ValueError("no method " + run["method"])
        at = m.start() if run["old"] in text[m.start():] else 0
    if run["old"] not in text[at:]: raise ValueError("the text to edit is not there")
    return text[:at] + text[at:].replace(run["old"], run["new"], 1)


def dafny(run, top):
    """What is wrong, the proofs done and CPU seconds."""
    path = pathlib.Path(top) / (run["name"] + "." + run["file"])
    path.write_text(text_of(run))
    cmd = ["dafny", "/compile:0", "/timeLimit:600", str(path)]  # seconds on the clock: generous, for a busy machine
    if "method" in run: cmd.insert(1, "/proc:*.%s" % run["method"].replace("_", "__"))
    out, status, cpu, _ = call(cmd, top)
    m = re.search(r"finished with (\d+) verified, (\d+) errors?(.*)", out)
    if not m: return "dafny: " + " ".join(out.split())[-300:], 0, cpu
    verified, errors, rest = int(m.group(1)), int(m.group(2)), m.group(3)
    definite = re.search(r"\.dfy\(\d+,\d+\): Error", out)
    if "old" in run:
        if errors and definite: return "", errors, cpu
        return ("undecided" + rest if rest.strip() else "survives: %d verified, no error" % verified), 0, cpu
    first = re.search(r"\.dfy(\(\d+,\d+\): .*)", out)
    return ("" if verified and not errors and not rest.strip() else "not proved: " + (first.group(1) if first else rest)), verified, cpu


def spacer(run, top):
    path = pathlib.Path(top) / (run["name"] + "." + run["file"])
    path.write_text(text_of(run))
    out, status, cpu, _ = call(["z3", "-T:60", str(path)], top)
    # A query of the Horn clauses is "sat" if the assertions have an inductive invariant, "unsat" if they can be violated.
    answers = out.split()
    if "old" in run: return ("" if "unsat" in answers else "survives: " + " ".join(answers)), 1, cpu
    return ("" if answers and set(answers) == {"sat"} else "not proved: " + " ".join(answers)[:200]), len(answers), cpu


def check(run, top):
    try:
        wrong, count, cpu = (dafny if run["file"].endswith(".dfy") else spacer)(run, top)
    except ValueError as e:
        wrong, count, cpu = str(e), 0, 0.0
    return dict(run, wrong=wrong, count=count, cpu_seconds=cpu)


def report(r, as_json):
    if as_json:
        return json.dumps({"kind": "proof", "ok": not r["wrong"], "mutant": "old" in r,
                           **{k: r[k] for k in ("file", "name", "count", "cpu_seconds", "wrong")}})
    verdict = r["wrong"] or ("refused, as it must be" if "old" in r else "%d proved" % r["count"])
    return "%-4s %-11s %-24s %7.2f s  %s" % ("ok" if not r["wrong"] else "BAD", r["file"], r["name"], r["cpu_seconds"], verdict)


def main():
    ap = parser(__doc__)
    ap.add_argument("--json", action="store_true", help="one JSON object a run")
    ap.add_argument("--mutants", action="store_true", help="the mutants and vacuity probes instead of the proofs")
    ap.add_argument("--quick", action="store_true", help="with --mutants: a few mutants and vacuity probes")
    ap.add_argument("--file", help="this file only: hvo.dfy, percpu.dfy or counts.smt2")
    ap.add_argument("--name", help="this mutant only")
    args = ap.parse_args()
    files = [f for f in ("hvo.dfy", "percpu.dfy", "counts.smt2") if not args.file or f == args.file]
    if not files: ap.error("no such file: " + args.file)
    prepare(args, {"dafny" if f.endswith(".dfy") else "z3" for f in files})
    runs = [{"file": f, "name": f.split(".")[0]} for f in files]
    if args.mutants or args.name:
        runs = [m for m in mutants(HERE / "mutants.txt") if m["file"] in files and (not args.name or m["name"] == args.name)
                and (not args.quick or m["name"] in CORE or m["file"].endswith(".smt2"))]
    if not runs: ap.error("no such mutant")
    with tempfile.TemporaryDirectory(dir=args.dir) as top:
        return end(run_all(runs, args, lambda run: check(run, top), report), args)


if __name__ == "__main__":
    sys.exit(main())
