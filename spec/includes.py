#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Holds the includes to the house: props -> fuzz -> spec -> model, and inside model/ hvo and percpu -> machine. model/ includes nothing but
the standard library and itself; model/machine nothing of hvo, percpu or what is above them; hvo and percpu nothing of each other. Nor does a file of
model/ name a sabotage: what breaks the model is in spec/sabotage.

Exit status: 0 all arrows point down, 1 not, each that does not with its file and line."""
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Room -> what it may include; the longest prefix of a path is its room.
MAY = {
    "model/machine": ["model/machine"],
    "model/hvo": ["model/machine", "model/hvo", "model/op.hpp", "model/outcome.hpp"],
    "model/percpu": ["model/machine", "model/percpu", "model/op.hpp", "model/outcome.hpp"],
    "model": ["model"],
    "spec/sabotage": ["model", "spec/sabotage"],
    "spec/judge": ["model", "spec/sabotage", "spec/judge"],
    "spec/inductive": ["model", "spec/judge", "spec/inductive"],
    "spec": ["model", "spec"],
    "fuzz/ops": ["model", "spec", "fuzz/ops"],
    "fuzz/campaign": ["model", "spec", "fuzz/ops", "fuzz/campaign"],
    "fuzz/targets": ["model", "spec", "fuzz/ops", "fuzz/campaign", "fuzz/targets"],
    "fuzz/cli": ["model", "spec", "fuzz/ops", "fuzz/campaign", "fuzz/cli"],
    "props": ["model", "spec", "fuzz", "props"],
}
TOPS = ("model/", "spec/", "fuzz/", "props/")


def room(path):
    return max((r for r in MAY if path == r or path.startswith(r + "/")), key=len)


def main():
    wrong, seen = [], 0
    for top in TOPS:
        for f in sorted((ROOT / top).rglob("*")):
            path = f.relative_to(ROOT).as_posix()
            if top == "model/" and f.is_file() and "sabotage" in f.read_text().lower():
                wrong.append("%s: model/ serves no break, and here is a sabotage" % path)
            if f.suffix not in (".cpp", ".hpp", ".c", ".h") or "/shim/" in path or "/fixtures/" in path: continue
            for nr, line in enumerate(f.read_text().splitlines(), 1):
                m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if not m: continue
                seen += 1
                target, ours = m.group(2), m.group(2).startswith(TOPS)
                if ours and not any(target == a or target.startswith(a + "/") for a in MAY[room(path)]):
                    wrong.append("%s:%d: %s may not include %s" % (path, nr, room(path), target))
                elif not ours and room(path).startswith("model") and (m.group(1) == '"' or "/" in target or target.endswith(".h")):
                    wrong.append("%s:%d: model/ includes only the standard library and itself, not %s" % (path, nr, target))
    if not seen: wrong.append("no include was seen")
    for w in wrong: print(w, file=sys.stderr)
    print("%d includes, %d against the arrows" % (seen, len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
