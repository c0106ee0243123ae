#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Holds spec/sabotage.tsv to what is there: every name of model/machine/sabotage.hpp and every break of the formal layers has one row,
and every place that a row names has that break and expects it to be caught. Whether it is caught there, the tests of that place say.
With --write, writes the table anew, keeping what the rows say in words.

Exit status: 0 all is well, 1 not."""
import pathlib, re, sys

HERE = pathlib.Path(__file__).resolve().parent
HEAD = "# SPDX-License-Identifier: GPL-2.0 OR MIT\n# Where each break is caught: a trace of corpus/sabotage, a run of concurrency/runs.tsv, a mutant of proof/mutants.txt;\n# link: the spaces in which model and Promela, both broken, agree edge by edge (link/runs.tsv).\n"
COLUMNS = ["sabotage", "trace", "spin", "proof", "link", "what"]


def model_names():
    text = (HERE.parent / "model/machine/sabotage.hpp").read_text()
    enum = re.search(r"enum class Sabotage.*?\{(.*?)\};", text, re.S).group(1)
    found = dict(re.findall(r"^\s*(\w+),\s*//\s*(.*)$", enum, re.M))
    return {n: w for n, w in found.items() if n != "none"}


def traces():
    found = {}
    for f in sorted((HERE.parent / "corpus/sabotage").glob("*.trace")):
        m = re.search(r"^sabotage (\w+)$", f.read_text(), re.M)
        if m: found.setdefault(m.group(1), []).append(f.stem)
    return found


def spin():
    """The last define of a run that is not to hold is its break."""
    found = {}
    for line in (HERE / "concurrency/runs.tsv").read_text().splitlines()[3:]:
        model, run, defines, expect, when = line.split("\t")
        if expect != "holds": found.setdefault(defines.split()[-1], []).append("%s/%s" % (model.split(".")[0], run))
    return found


def proof():
    found = {}
    for m in re.finditer(r"^(\w+\.(?:dfy|smt2)) (\w+) ", (HERE / "proof/mutants.txt").read_text(), re.M):
        if not m.group(2).startswith("vacuous_"): found.setdefault(m.group(2), []).append(m.group(1))
    return found


def link():
    """Spaces of spec/link in which both sides have the break."""
    found = {}
    for line in (HERE / "link/runs.tsv").read_text().splitlines()[3:]:
        space, model, defines, sabotage, expect, when = line.split("\t")
        if sabotage != "none" and expect == "same": found.setdefault(sabotage, []).append(space)
    return found


def expected():
    names, layers = model_names(), (traces(), spin(), proof(), link())
    order = list(names) + sorted(set().union(*layers) - set(names))
    return {n: [",".join(layer.get(n, [])) or "-" for layer in layers] for n in order}, names


def read():
    path = HERE / "sabotage.tsv"
    if not path.exists(): return {}
    rows = [l.split("\t") for l in path.read_text().splitlines() if l and not l.startswith("#")][1:]
    return {r[0]: r[1:] for r in rows}


def main():
    want, words = expected()
    have = read()
    if "--write" in sys.argv[1:]:
        rows = ["\t".join([n, *places, have[n][-1] if n in have else words.get(n, "?")]) for n, places in want.items()]
        (HERE / "sabotage.tsv").write_text(HEAD + "\t".join(COLUMNS) + "\n" + "\n".join(rows) + "\n")
        return 0
    wrong = ["%s: no row" % n for n in want if n not in have]
    wrong += ["%s: there is no such break" % n for n in have if n not in want]
    for n in want.keys() & have.keys():
        for column, is_there, said in zip(COLUMNS[1:], want[n], have[n]):
            if is_there != said: wrong.append("%s: %s says %s, there is %s" % (n, column, said, is_there))
        if have[n][:4] == ["-"] * 4: wrong.append("%s: caught nowhere" % n)
    for w in wrong: print("spec/sabotage.tsv: " + w, file=sys.stderr)
    print("%d breaks, %d with a trace, %d in Promela, %d in proofs, %d linked; %d rows wrong" % (
        len(want), *(sum(p[k] != "-" for p in want.values()) for k in range(4)), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
