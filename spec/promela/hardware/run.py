#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runs Spin over the models of this directory, as runs.tsv says, and holds each run to what it expects.

A run that is to hold must be complete (no depth or memory limit met), and every statement of a model must be reached in some run
that holds. A run with a break in it must fail, and fail as runs.tsv says. One line a run.

Exit status: 0 all as expected, 1 not, 2 bad usage, 3 a tool is missing (77 if so asked with --skip-code, for ctest)."""
import json, pathlib, re, shutil, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1]))
from runs import call, end, number, parser, prepare, read_table, run_all, stop


def statement(text):
    """Geometry differs between runs; the statement is the same."""
    return re.sub(r"(?<=[/%*])(\(\d+\+\d+\)|\d+)", "N", re.sub(r"\s+", " ", text)).strip()


def statements(listing):
    """pan -d: every statement, as often as it is in the program (inlines are there more than once)."""
    return [(int(m.group(1)), statement(m.group(2))) for m in re.finditer(r"\.pml:(\d+) => (.*)", listing)]


def unreached(out):
    found = []
    for section in re.split(r"^unreached in ", out, flags=re.M)[1:]:
        if not section.startswith("claim"):
            found += [(int(a), statement(b)) for a, b in re.findall(r'\.pml:(\d+), state \d+, "(.*)"', section)]
    return [u for u in found if u[1] != "-end-"]


def judge(row, out, status):
    """Empty if the run is as expected, else what is wrong with it."""
    if not re.search(r"errors: \d+", out):
        return "pan said nothing (exit status %d): %s" % (status, out.strip()[-200:])
    limits = re.search(r"max search depth too small|out of memory|VECTORSZ|resource exhausted", out)
    broken = re.search(r"^pan:1: (.*?)(?: \(at depth.*)?$", out, re.M)
    if row["expect"] == "holds":
        if limits or ("Warning: Search not completed" in out and not broken):
            return "the search is not complete"
        return "violated: " + broken.group(1) if broken else ""
    if not broken:
        return "survives: nothing found, complete" if not limits else "survives: nothing found, and the search was cut short"
    return "" if row["expect"] in broken.group(1) else "caught, but by: " + broken.group(1)


def run(row, top):
    defines = ["-D" + d for d in row["defines"].split()]
    ltl = any(d.startswith("-DLTL") for d in defines)
    holds = row["expect"] == "holds"
    with tempfile.TemporaryDirectory(dir=top, prefix=row["run"] + ".") as d:
        d = pathlib.Path(d)
        for f in (*HERE.glob("*.h"), HERE / row["model"]): shutil.copy(f, d)
        result = dict(row, states=0, transitions=0, depth=0, cpu_seconds=0.0, seconds_compiling=0.0, dead=[], live=[])
        out, status, *_ = call(["spin", "-a", *defines, row["model"]], d)
        if status or not (d / "pan.c").exists():
            return dict(result, wrong="spin: " + out.strip()[-300:])
        # A liveness property needs acceptance cycles and fairness among up to six processes, a safety one neither.
        mode = ["-DNFAIR=3"] if ltl else ["-DSAFETY"]
        out, status, result["seconds_compiling"], _ = call(
            ["gcc", "-O1" if holds else "-O0", *mode, "-DCOLLAPSE", "-DVECTORSZ=2048", "-w", "-o", "pan", "pan.c"], d)
        if status:
            return dict(result, wrong="gcc: " + out.strip()[-300:])
        out, status, result["cpu_seconds"], _ = call(["./pan", "-m1000000", *(["-a", "-f"] if ltl else [])], d)
        result["states"] = number(r"([\d.e+]+) states, stored", out)
        result["transitions"] = number(r"([\d.e+]+) transitions", out)
        result["depth"] = number(r"depth reached (\d+)", out)
        result["wrong"] = judge(row, out, status)
        if holds and not ltl and not result["wrong"]:
            result["dead"] = unreached(out)
            left = list(result["dead"])
            for s in statements(call(["./pan", "-d"], d).out):
                if s in left: left.remove(s)
                else: result["live"].append(s)
        return result


def report(r, as_json):
    if as_json:
        keep = ("model", "run", "defines", "expect", "states", "transitions", "depth", "cpu_seconds", "wrong")
        return json.dumps({"kind": "spin", "ok": not r["wrong"], **{k: r[k] for k in keep}})
    verdict = r["wrong"] or ("holds" if r["expect"] == "holds" else "caught: " + r["expect"])
    return "%-4s %-11s %-24s %9d states %7.2f s + %4.1f s gcc  %s" % (
        "ok" if not r["wrong"] else "BAD", r["model"], r["run"], r["states"], r["cpu_seconds"], r["seconds_compiling"], verdict)


def nowhere_reached(results, model):
    live = {s for r in results if r["model"] == model for s in r["live"]}
    dead = {s for r in results if r["model"] == model for s in r["dead"]}
    return sorted(dead - live)


def main():
    ap = parser(__doc__)
    ap.add_argument("--json", action="store_true", help="one JSON object a run")
    ap.add_argument("--model", help="this model only: hvo.pml or percpu.pml")
    ap.add_argument("--run", help="this run only (unreached statements are not judged)")
    ap.add_argument("--long", action="store_true", help="the long runs instead")
    ap.add_argument("--table", default=HERE / "runs.tsv", help="another table")
    args = ap.parse_args()
    prepare(args, ("spin", "gcc"))
    rows = [r for r in read_table(args.table)
            if (not args.model or r["model"] == args.model)
            and ((r["run"] == args.run) if args.run else (r["when"] == "long") == args.long)]
    if not rows: stop("no such run", 2)
    results = run_all(rows, args, lambda row: run(row, args.dir), report)
    nowhere = [(model, *s) for model in sorted({r["model"] for r in results}) if not args.run and not args.long
               for s in nowhere_reached(results, model)]
    for what in nowhere: print("BAD  %s:%d is reached in no run that holds: %s" % what, file=sys.stderr)
    return end(results, args, len(nowhere))


if __name__ == "__main__":
    sys.exit(main())
