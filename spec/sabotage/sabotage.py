#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Holds spec/sabotage/sabotage.tsv to what is there: every name of spec/sabotage/sabotage.hpp and every break of the formal layers has one row,
and every place that a row names has that break and expects it to be caught. Whether it is caught there, the tests of that place say.
With --write, writes the table anew, keeping what the rows say in words.

Exit status: 0 all is well, 1 not."""
import pathlib, re, sys

HERE = pathlib.Path(__file__).resolve().parent
SPEC = HERE.parent
ROOT = SPEC.parent
HEAD = """# SPDX-License-Identifier: GPL-2.0 OR MIT
# Where each break is caught: a trace of corpus/sabotage or corpus/concurrent, a run of promela/hardware/runs.tsv, a mutant of proof/mutants.txt,
# a theorem of symbolic/sabotages.hpp, a space of explore/sabotages.tsv,
# spaces of promela/link/runs.tsv in which Promela and C++ break alike, scenarios of mmodel explore --concurrent (kept here, and run from here).
"""
COLUMNS = ["sabotage", "trace", "spin", "proof", "symbolic", "explore", "link", "concurrent", "what"]


def model_names():
    text = (ROOT / "spec/sabotage/sabotage.hpp").read_text()
    return dict(re.findall(r'^\s*X\((\w+), "(.*)"\)', text, re.M))


def traces():
    found = {}
    corpus = ROOT / "corpus"
    for f in sorted([*corpus.glob("sabotage/*.trace"), *corpus.glob("concurrent/*.trace")]):
        m = re.search(r"^sabotage (\w+)$", f.read_text(), re.M)
        if m: found.setdefault(m.group(1), []).append(f.stem)
    return found


def spin():
    """The last define of a run that is not to hold is its break."""
    found = {}
    for line in (SPEC / "promela/hardware/runs.tsv").read_text().splitlines()[3:]:
        model, run, defines, expect, when = line.split("\t")
        if expect != "holds": found.setdefault(defines.split()[-1], []).append("%s/%s" % (model.split(".")[0], run))
    return found


def proof():
    found = {}
    for m in re.finditer(r"^(\w+\.(?:dfy|smt2)) (\w+) ", (SPEC / "proof/mutants.txt").read_text(), re.M):
        if not m.group(2).startswith("vacuous_"): found.setdefault(m.group(2), []).append(m.group(1))
    return found


def symbolic():
    found = {}
    for m in re.finditer(r'Refuted\{"(\w+)", "(\w+)"\}', (SPEC / "symbolic/sabotages.hpp").read_text()):
        found.setdefault(m.group(1), []).append(m.group(2))
    return found


def spaces():
    rows = [l.split("\t") for l in (SPEC / "explore/sabotages.tsv").read_text().splitlines() if not l.startswith("#")][1:]
    return {r[0]: [r[1]] for r in rows if r[1] != "-"}


def scenarios():
    return set(re.findall(r'^    add\("(\w+)"', (SPEC / "tasks/scenarios.cpp").read_text(), re.M))


def link():
    """Spaces of spec/promela/link in which both sides have the break."""
    found = {}
    for line in (SPEC / "promela/link/runs.tsv").read_text().splitlines()[3:]:
        space, model, defines, sabotage, expect, when = line.split("\t")
        if sabotage != "none" and expect == "same": found.setdefault(sabotage, []).append(space)
    return found


# What a row says is computed from these; the column `concurrent` and the words are the table's own.
DERIVED = {"trace": traces, "spin": spin, "proof": proof, "symbolic": symbolic, "explore": spaces, "link": link}


def expected():
    names, layers = model_names(), [f() for f in DERIVED.values()]
    order = list(names) + sorted(set().union(*layers) - set(names))
    return {n: [",".join(layer.get(n, [])) or "-" for layer in layers] for n in order}, names


def read():
    path = HERE / "sabotage.tsv"
    if not path.exists(): return {}
    head, *rows = [l.split("\t") for l in path.read_text().splitlines() if l and not l.startswith("#")]
    return {r[0]: dict(zip(head[1:], r[1:])) for r in rows}


def main():
    want, words = expected()
    have = read()
    if "--write" in sys.argv[1:]:
        rows = ["\t".join([n, *places, *(have.get(n, {}).get(c, d) for c, d in (("concurrent", "-"), ("what", words.get(n, "?"))))])
                for n, places in want.items()]
        (HERE / "sabotage.tsv").write_text(HEAD + "\t".join(COLUMNS) + "\n" + "\n".join(rows) + "\n")
        return 0
    wrong = ["%s: no row" % n for n in want if n not in have]
    wrong += ["%s: there is no such break" % n for n in have if n not in want]
    known = scenarios()
    for n, row in have.items():
        places = row["concurrent"].split(",")
        wrong += ["%s: there is no scenario %s" % (n, s) for s in places if s != "-" and s not in known]
        if places != ["-"] and n not in words: wrong.append("%s: the C++ has no such break, no scenario can catch it" % n)
    for n in want.keys() & have.keys():
        for column, is_there in zip(DERIVED, want[n]):
            said = have[n].get(column)
            if is_there != said: wrong.append("%s: %s says %s, there is %s" % (n, column, said, is_there))
        if all(place == "-" for column, place in have[n].items() if column != "what"): wrong.append("%s: caught nowhere" % n)
    for w in wrong: print("spec/sabotage/sabotage.tsv: " + w, file=sys.stderr)
    caught = ", ".join("%s %d" % (c, sum(row.get(c, "-") != "-" for row in have.values())) for c in COLUMNS[1:-1])
    print("%d breaks, caught in: %s; %d rows wrong" % (len(want), caught, len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
