#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""aarch64.py MMODEL BUILD FIXTURES TREES: the command, built for aarch64 and run by qemu, says of kernel files what
MMODEL says here: the same findings, operations and events, and the same states in closed spaces. By clang and by
gcc. Exit status 0 it does, 1 it does not, 125 something is missing."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
LIBRARIES = "/usr/aarch64-linux-gnu"
COMPILERS = [("clang-19", "clang-19 --target=aarch64-linux-gnu"), ("gcc", "aarch64-linux-gnu-gcc")]
SPACES = {"hugetlb_vmemmap.c": ["hvo-walker", "hvo-walker-list", "hvo-hotplug", "hvo-gigantic"],
          "percpu.c": ["percpu-reclaim", "percpu-reserved"]}
# What is another from run to run, or from machine to machine. Where branches are is the compiler's.
OTHERWISE = {"seconds", "again", "operations_a_second", "bytes_per_state", "coverage"}


def skip_without(*programs):
    missing = [p for p in programs if not shutil.which(p)] + [d for d in (LIBRARIES,) if not Path(d).is_dir()]
    if missing:
        print("skipped: there is no", ", ".join(missing))
        sys.exit(125)


def build(where, trees):
    options = ["-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", f"-DMMODEL_TREES_DIR={trees}"]
    for line in (["cmake", "--preset", "aarch64", "-B", where, *options],
                 ["cmake", "--build", where, "--target", "mmodel"]):
        subprocess.run(line, cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    return ["qemu-aarch64", "-L", LIBRARIES, f"{where}/bin/mmodel"]


def said(command, args, cc, path):
    """Objects that the command wrote, without what differs otherwise."""
    env = os.environ | {"MMODEL_CC": cc, "PATH": path}
    out = subprocess.run([*command, *args, "--json"], env=env, capture_output=True, text=True)
    if out.returncode not in (0, 1):
        sys.exit(f"{' '.join([*command, *args])}: exit status {out.returncode}\n{out.stderr}")
    drop = lambda o: {k: v for k, v in o.items() if k not in OTHERWISE}
    return [json.loads(line, object_hook=drop) for line in out.stdout.splitlines()]


def jobs(fixtures, trees, trace):
    """Arguments, and what is added to the compiler."""
    for name in ("reuse_page", "shared_tail", "update_fails"):
        yield ["linux", "--tree", f"{fixtures}/{name}", "--sweeps", "--geometry", "tiny512"], ""
    # A store that the host's page tables refuse.
    yield ["replay", trace, "--tree", f"{fixtures}/reuse_page", "--backend", "mmap"], " -DMMODEL_BREAK_WRITE_TAIL"
    for tree in sorted(Path(trees).glob("linux-*")):
        yield ["linux", "--tree", str(tree), "--sweeps", "--geometry", "tiny512"], ""
        for file, spaces in SPACES.items():
            if (tree / "mm" / file).exists():
                closed = [w for s in spaces for w in ("--space", s)]
                yield ["explore", "--tree", str(tree), "--file", Path(file).stem, "--jobs", "1", *closed], ""


def main(mmodel, where, fixtures, trees):
    skip_without("cmake", "clang++-19", "qemu-aarch64", "gcc", "aarch64-linux-gnu-g++", "aarch64-linux-gnu-objdump")
    there = build(where, trees)
    nr_objects = nr_different = 0
    with tempfile.TemporaryDirectory() as tools:
        for tool in ("objdump", "addr2line"):
            os.symlink(shutil.which(f"aarch64-linux-gnu-{tool}"), f"{tools}/{tool}")
        trace = Path(tools) / "write.trace"
        trace.write_text("mmodel trace 1\ngeometry x86-64\nalloc_folio folio=0\noptimise folio=0\n")
        for args, more in jobs(fixtures, trees, str(trace)):
            for cc, cc_there in COMPILERS:
                a = said([mmodel], args, cc + more, os.environ["PATH"])
                b = said(there, args, cc_there + more, f"{tools}:{os.environ['PATH']}")
                nr_objects += len(a)
                if a == b:
                    continue
                nr_different += 1
                print("different:", cc, *args)
                for x, y in zip(a, b):
                    for k in sorted(k for k in x.keys() | y.keys() if x.get(k) != y.get(k)):
                        print(f"  {k}: here {x.get(k)}, there {y.get(k)}")
    print(f"{nr_objects} objects compared, {nr_different} runs differ")
    return 1 if nr_different or not nr_objects else 0


sys.exit(main(*sys.argv[1:]))
