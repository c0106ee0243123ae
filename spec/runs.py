# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the scripts share that run other tools: options, tools that are not there, many runs at once with a line each.

Exit status of them all: 0 all as expected, 1 not, 2 bad usage, 3 a tool is missing (77 if so asked with --skip-code, for ctest)."""
import argparse, collections, concurrent.futures, csv, os, pathlib, re, shutil, subprocess, sys, tempfile, time

SCRIPT = os.path.relpath(os.path.realpath(sys.argv[0]), pathlib.Path(__file__).resolve().parents[1])
Done = collections.namedtuple("Done", "out status cpu wall")    # all that was said, exit status, seconds of CPU and on the clock


def call(cmd, cwd, **env):
    with tempfile.TemporaryFile("w+") as out:
        start = time.monotonic()
        p = subprocess.Popen(cmd, cwd=cwd, env=dict(os.environ, **env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return Done(out.read(), p.returncode, usage.ru_utime + usage.ru_stime, time.monotonic() - start)


def stop(message, code):
    print("%s: %s" % (SCRIPT, message), file=sys.stderr)
    sys.exit(code)


def must(cmd, cwd):
    """The same, of what has to succeed."""
    done = call(cmd, cwd)
    if done.status: stop("%s: %s" % (pathlib.Path(cmd[0]).name, done.out.strip()[-400:]), 1)
    return done


def number(pattern, text):
    m = re.search(pattern, text)
    return int(float(m.group(1))) if m else 0


def read_table(path):
    with open(path) as f:
        rows = csv.DictReader((l for l in f if not l.startswith("#")), delimiter="\t")
        return [{k: (v or "").strip() for k, v in row.items()} for row in rows]


def parser(doc):
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--dir", default=tempfile.gettempdir(), help="where to work; nothing is left there")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--skip-code", type=int, default=3, help="exit status when a tool is missing")
    return ap


def prepare(args, tools):
    """Ends here if a tool is missing."""
    missing = sorted(t for t in tools if not shutil.which(t))
    if missing:
        code = 1 if os.environ.get("CI") and args.skip_code == 77 else args.skip_code
        stop("not installed: %s (Debian packages of these names)" % " ".join(missing), code)
    os.makedirs(args.dir, exist_ok=True)


def run_all(rows, args, run, report):
    """The results of run(row), each reported when it is there. What is wrong with one is in its "wrong"."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for r in concurrent.futures.as_completed([pool.submit(run, row) for row in rows]):
            results.append(r.result())
            print(report(results[-1], args.json), flush=True)
    return results


def end(results, args, more_bad=0):
    bad = sum(bool(r["wrong"]) for r in results) + more_bad
    if not args.json: print("%d runs, %d not as expected" % (len(results), bad))
    return 1 if bad else 0
