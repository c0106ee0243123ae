#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The formal layers that are not part of `mmodel run`, each by a short run, one line a layer: what it is, whether it holds, how long it
took. What takes minutes is in `ctest -L formal` and `ctest -L long`.

Exit status: 0 all that could be run holds, 1 something does not, 2 bad usage. A tool that is missing is said and is no failure."""
import argparse, pathlib, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
CONCURRENT = ["explore", "--concurrent", "--no-faults"]


def layers(bin_dir):
    """Name, what is shown, commands; all of them have to succeed."""
    spin, prove = HERE / "promela/hardware/run.py", HERE / "proof/prove.py"
    short = lambda script, *args: [str(script), "--jobs", "1", "--skip-code", str(SKIPPED), *args]
    yield "every interleaving, of the code", "22 scenarios, two preemptions", [[str(bin_dir / "mmodel"), *CONCURRENT]]
    yield "every interleaving, Spin", "HVO with a reader; percpu", [
        short(spin, "--model", "hvo.pml", "--run", "reader"), short(spin, "--model", "percpu.pml", "--run", "plain")]
    yield "any size, Dafny and Spacer", "percpu.dfy, counts.smt2", [
        short(prove, "--file", "percpu.dfy"), short(prove, "--file", "counts.smt2")]
    yield "same source, Z3", "HVO's step on two folios is inductive", [
        [str(HERE / "symbolic/prove.py"), str(bin_dir / "mmodel_prove"), "--theorem", "hvo_two_step"]]
    yield "Promela and C++, edge by edge", "percpu-vm, unbroken, and its logs", [
        short(HERE / "promela/link/run.py", "--explorer", str(bin_dir / "mmodel_link"), "--model", "percpu.pml", "--sabotage", "none")]


def run(commands, work):
    """(verdict, last words)"""
    for command in commands:
        if "--skip-code" in command: command = [*command, "--dir", str(work)]
        done = subprocess.run(command, capture_output=True, text=True)
        words = (done.stderr or done.stdout).strip().splitlines() or [""]
        if done.returncode == SKIPPED: return "not run", words[-1]
        if done.returncode: return "fails", "%s: exit status %d: %s" % (" ".join(command), done.returncode, words[-1])
    return "holds", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parent / "build/release/bin", help="where mmodel and mmodel_prove are")
    args = parser.parse_args()
    if not (args.bin / "mmodel").exists(): parser.error("there is no mmodel in '%s'; --bin says where it is" % args.bin)
    failed, not_run, nr = False, 0, 0
    print("%-34s  %-38s %8s  %s" % ("formal layer", "by", "seconds", "verdict"), flush=True)
    for name, what, commands in layers(args.bin.resolve()):
        start = time.monotonic()
        if sys.stdout.isatty(): print("  %-32s  %-38s           running" % (name, what), end="\r", flush=True)
        with tempfile.TemporaryDirectory(prefix="mmodel-layer-") as work: verdict, words = run(commands, work)
        failed, not_run, nr = failed or verdict == "fails", not_run + (verdict == "not run"), nr + 1
        print("  %-32s  %-38s %8.1f  %s" % (name, what, time.monotonic() - start, verdict), flush=True)
        if words: print("      " + words, flush=True)
    if not_run: print("\n%d of %d layers were not run for want of the tools named above; ./dev test installs them" % (not_run, nr))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
