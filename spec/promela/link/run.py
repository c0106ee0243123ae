#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Holds the Promela models of this directory to the C++ model, as runs.tsv says, by three kinds of run:

  same     pan and the explorer (mmodel_link) find the same states and the same edges between them, in number and by hash, and pan has
           one state for what is seen as one. On a mismatch the first edges that only one side has are printed.
  differs  the same, of a spec that has drifted: it must be refused, although the numbers agree
  events N M  the model of ../hardware, its task alone: of operation N of the space's alphabet, then M, the same sequences of events,
           with the page table after each
  drift N M  the same, with a break in Promela only: it must be refused
  replay   pan follows logs of long runs of the C++ model to their end, and refuses them once a byte is another, or the model has a break

A row names a space of mmodel_link and a sabotage, which both sides have in them.

Exit status: 0 all as expected, 1 not, 2 bad usage, 3 a tool is missing (77 if so asked with --skip-code, for ctest)."""
import json, os, pathlib, re, shutil, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1]))
from runs import call, end, number, parser, prepare, read_table, run_all, stop
EVENTS = ("alloc_pages_node free_page free_bootmem_page split_page pte_alloc pte_free set_pte_at pmd_populate smp_wmb copy_page "
          "reset_struct_pages store flush_tlb_range flush_tlb_all synchronize_rcu static_branch memmap memmap_boot lock unlock warn "
          "vmalloc_pte flush_tlb_vmalloc flush_cache_vmap flush_cache_vunmap get_vm_areas free_vm_areas kzalloc kfree set_page_tag").split()
WALKS = ["a walker enters", "the walker writes", "the walker leaves"]
WRONG = ["", "a freed frame in a TLB", "what no TLB can hold", "an address mapped anew under a TLB entry", "a write through a read-only PTE"]


def action(n):
    if n == 0: return "the operation returns"
    if n < 64: return EVENTS[n - 1]
    if n < 96: return "TLB entry %d is filled" % (n - 64)
    return "TLB entry %d is dropped" % (n - 96) if n < 128 else WALKS[n - 128]


def seen(view, names):
    b = bytes.fromhex(view)
    if len(b) == 1: return WRONG[b[0]]
    if len(b) != len(names): return "%d bytes, not %d" % (len(b), len(names))
    return " ".join("%s=%d" % nv for nv in zip(names, b) if nv[1])


def tell_difference(before, after, names):
    a, b = bytes.fromhex(before), bytes.fromhex(after)
    if len(a) != len(b): return seen(after, names)
    return ", ".join("%s %d -> %d" % (n, x, y) for n, x, y in zip(names, a, b) if x != y) or "nothing changes"


def first_differing(ours, theirs, names):
    """Edges that one side only has, those first that leave what both sides know."""
    both = {l.split()[0] for l in ours} & {l.split()[0] for l in theirs}
    out = []
    for who, mine in (("Promela", ours - theirs), ("C++", theirs - ours)):
        lines = sorted(mine, key=lambda l: (l.split()[0] not in both, l[4:6], l))
        out.append("      %d edges only in %s" % (len(mine), who))
        for l in lines[:2]:
            pre, act, post = l.split()
            out += ["        " + action(int(act)), "          at   " + seen(pre, names),
                    "          then " + tell_difference(pre, post, names)]
    return out


def build(row, d, *modes, where=HERE, beside=("edges.c",)):
    """pan of a row's model; '' or what went wrong."""
    defines = ["-D" + x for x in row["defines"].split() if x != "-"]
    if row["sabotage"] != "none": defines.append("-D" + row["sabotage"])
    for f in (*where.glob("*.h"), *(where / b for b in beside), where / row["model"]): shutil.copy(f, d)
    defines += ["-D" + m for m in modes]
    out, status, *_ = call(["spin", "-a", *defines, row["model"]], d)
    if status or not (d / "pan.c").exists(): return "spin: " + out.strip()[-300:]
    out, status, *_ = call(["gcc", "-O1", "-w", "-DSAFETY", "-DNOREDUCE", *defines, "-o", "pan", "pan.c", *beside], d)
    return "gcc: " + out.strip()[-300:] if status else ""


def sums(text):
    m = re.search(r"states (\d+) edges (\d+) hash (\w+)", text)
    return m.groups() if m else None


def compare(row, args, d):
    wrong = build(row, d, "LINK")
    if wrong: return wrong, None
    pan, status, *_ = call(["./pan", "-E", "-m3000000", "-w21"], d)
    if re.search(r"max search depth too small|out of memory|resource exhausted", pan) or "errors: 0" not in pan:
        return "pan's search is not whole: " + pan.strip()[-300:], None
    cpp, status, *_ = call([args.explorer, "edges", row["space"], row["sabotage"]], d)
    if status: return "mmodel_link: " + cpp.strip()[-300:], None
    ours, theirs = sums(pan), sums(cpp)
    if row["sabotage"] != "none" and theirs == sums(call([args.explorer, "edges", row["space"]], d).out):
        return "the space does not show this break", theirs
    stored = number(r"([\d.e+]+) states, stored", pan)
    if ours == theirs and row["sabotage"] == "none" and stored != int(ours[0]) + 1:
        return "pan has %d states (and the one before all), but they look like %s" % (stored - 1, ours[0]), theirs
    if ours == theirs: return "", theirs
    text = "not the same: Promela %s, C++ %s" % (" ".join(ours), " ".join(theirs))
    if row["expect"] == "differs" and ours[:2] == theirs[:2]: return text, theirs
    call(["./pan", "-E", "-m3000000", "-w21"], d, LINK_DUMP=str(d / "ours"))
    call([args.explorer, "edges", row["space"], row["sabotage"], str(d / "theirs")], d)
    names = call([args.explorer, "fields", row["space"]], d).out.split()
    edges = [set((d / f).read_text().splitlines()) for f in ("ours", "theirs")]
    return "\n".join([text, *first_differing(*edges, names)]), theirs


# Of the models of ../hardware: events they do not have; what they tell of beside what is mapped, and the pages.
HARDWARE = {
    "hvo.pml": ({"memmap", "memmap_boot", "lock", "unlock"}, r"page_table_lock|key|split\d+", r"pte\d+"),
    "percpu.pml": ({"pte_alloc", "kzalloc", "kfree", "set_page_tag", "flush_cache_vmap", "flush_cache_vunmap"}, r"chunk0.populated0", r"pte8|pte12")}
FAILED = 32


def named(pages):
    """Frames by where they are first mapped, from 1 on."""
    names = {}
    return [names.setdefault(p >> 1, len(names) + 1) << 1 | p & 1 if p else 0 for p in pages]


def of_cpp(dump, names, model, ops):
    """Every sequence of events of the operations, one after the other as far as they go; from where the first can begin."""
    silent, sees, pages = HARDWARE[model]
    at = {n: i for i, n in enumerate(names)}
    sees, pages = ([i for n, i in at.items() if re.fullmatch(pattern, n)] for pattern in (sees, pages))
    edges = {}
    for l in dump.read_text().splitlines():
        pre, act, post = l.split()
        if int(act) < 64: edges.setdefault(bytes.fromhex(pre), []).append((int(act), bytes.fromhex(post)))
    first = next(iter(edges))

    def told(act, pre, post):
        failed = FAILED if act and post[at["faults"]] > pre[at["faults"]] else 0
        if action(act) in silent and not failed: return []
        same = 2 if action(act) == "free_bootmem_page" else act
        counted = [(post[i] - first[i]) % 256 if names[i] == "key" else post[i] for i in sees]
        return [",".join(map(str, [same + failed, *counted, *named([post[i] for i in pages])]))]

    def begins(state, op): return [e for e in edges.get(state, []) if e[0] and e[1][0] == op]

    def go(state, seen, ops, inside):
        for act, post in edges.get(state, []) if inside else begins(state, ops[0]):
            now = seen + told(act, state, post)
            if act: yield from go(post, now, ops, True)
            elif len(ops) > 1 and begins(post, ops[1]): yield from go(post, now, ops[1:], False)
            else: yield tuple(now)

    todo, reached = [first], {first}
    for state in todo:
        if state[0] == 0 and begins(state, ops[0]): return set(go(state, [], ops, False))
        new = {post for _, post in edges.get(state, [])} - reached
        todo += sorted(new)
        reached |= new
    return set()


def of_promela(out):
    edges = {}
    for pre, what, post in re.findall(r"^event (\w+) (\S+) (\w+)$", out, re.M): edges.setdefault(pre, set()).add((what, post))

    def go(at, seen):
        if at not in edges: yield tuple(seen)
        for what, post in edges.get(at, []): yield from go(post, seen + [what])
    return set(go("0", []))


def follow(row, args, d):
    wrong = build(row, d, where=HERE.parent / "hardware", beside=())
    if wrong: return wrong, None
    cpp = call([args.explorer, "edges", row["space"], row["sabotage"], str(d / "dump")], d)
    if cpp.status: return "mmodel_link: " + cpp.out.strip()[-300:], None
    names = call([args.explorer, "fields", row["space"]], d).out.split()
    ours = of_promela(call(["./pan", "-E", "-m1000000"], d).out)
    theirs = of_cpp(d / "dump", names, row["model"], [int(n) for n in row["expect"].split()[1:]])
    total = (str(len(theirs)), str(sum(map(len, theirs))), "0")
    if ours == theirs: return "" if len(ours) > 1 else "there is nothing to compare", total
    lines = ["not the same: %d sequences, %d in C++" % (len(ours), len(theirs))]
    for who, mine, other in (("Promela", ours, theirs), ("C++", theirs, ours)):
        for s in sorted(mine - other)[:1]:
            n = max(len(os.path.commonprefix([s, o])) for o in other | {()})
            lines.append("      only %s goes on with %s after %s" % (who, s[n] if n < len(s) else "nothing", " ".join(s[:n]) or "nothing"))
    return "\n".join(lines), total


def replayed(d, log):
    out, *_ = call(["./pan", "-E", "-m3000000", "-w16"], d, LINK_LOG=str(log))
    m = re.search(r"replay: (\d+) of (\d+) lines", out)
    return (int(m.group(1)), int(m.group(2))) if m else (-1, 0)


def spoil(log, to):
    """The same log with one byte of one line another."""
    lines = log.read_text().splitlines()
    n = len(lines) * 2 // 3
    act, view = lines[n].split()
    lines[n] = "%s %02x%s" % (act, int(view[:2], 16) ^ 1, view[2:])
    to.write_text("\n".join(lines) + "\n")
    return n


def replay(row, args, d):
    wrong = build(row, d, "REPLAY")
    if wrong: return wrong, None
    events = 0
    for seed in range(2):
        log = d / ("log%d" % seed)
        out, status, *_ = call([args.explorer, "walk", row["space"], "none", "4000", str(seed), str(log)], d)
        if status: return "mmodel_link: " + out, None
        got, of = replayed(d, log)
        events += of
        if of != 4000 or (row["sabotage"] == "none") != (got == of):
            return "log %d: followed for %d of %d lines" % (seed, got, of), None
        if row["sabotage"] == "none":
            at = spoil(log, d / "spoilt")
            got, of = replayed(d, d / "spoilt")
            if got != at: return "log %d with another byte in line %d: followed for %d lines" % (seed, at, got), None
    return "", ("%d" % events, "0", "0")


def run(row, args):
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=args.dir, prefix="link.") as d:
        kind = {"replay": replay, "events": follow, "drift": follow}.get(row["expect"].split()[0], compare)
        wrong, total = kind(row, args, pathlib.Path(d))
    if row["expect"] == "differs":
        agree = wrong.startswith("not the same") and "\n" not in wrong
        wrong = "" if agree else wrong or "a spec that drifted passes"
    if row["expect"].startswith("drift"):
        wrong = "" if wrong.startswith("not the same") else wrong or "a task that drifted passes"
    return dict(row, wrong=wrong, total=total, seconds=time.monotonic() - start)


def report(r, as_json):
    t = r["total"] or ("0", "0", "0")
    if as_json:
        return json.dumps({"kind": "link", "ok": not r["wrong"], "space": r["space"], "sabotage": r["sabotage"], "expect": r["expect"],
                           "states": int(t[0]), "edges": int(t[1]), "hash": t[2], "seconds": round(r["seconds"], 2), "wrong": r["wrong"]})
    if r["expect"] == "replay":
        what = "%s events followed, spoilt logs refused" % t[0] if r["sabotage"] == "none" else "logs of the C++ model refused"
    elif " " in r["expect"]:
        what = "%s sequences of events, %s events" % t[:2] + ("  a task with a break is refused" if r["expect"].startswith("drift") else "")
    else:
        what = "%s states %s edges %s" % t + ("" if r["expect"] == "same" else "  a drifted spec with as many is refused")
    return "%-4s %-17s %-21s %5.1f s  %s" % ("ok" if not r["wrong"] else "BAD", r["space"], r["sabotage"], r["seconds"], r["wrong"] or what)


def main():
    ap = parser(__doc__)
    ap.add_argument("--explorer", type=os.path.abspath, default=str(HERE.parents[2] / "build/release/bin/mmodel_link"), help="the C++ side")
    ap.add_argument("--json", action="store_true", help="one JSON object a run")
    ap.add_argument("--model", help="this model only: hvo.pml or percpu.pml")
    ap.add_argument("--sabotage", help="runs with this sabotage only (or: none)")
    ap.add_argument("--long", action="store_true", help="the long runs instead")
    ap.add_argument("--all", action="store_true", help="... as well")
    ap.add_argument("--table", default=HERE / "runs.tsv", help="another table")
    args = ap.parse_args()
    prepare(args, ("spin", "gcc"))
    if not os.access(args.explorer, os.X_OK): stop("%s is not there: build the target mmodel_link" % args.explorer, 3)
    rows = [r for r in read_table(args.table)
            if (not args.model or r["model"] == args.model) and (not args.sabotage or r["sabotage"] == args.sabotage)
            and (args.all or args.sabotage or (r["when"] == "long") == args.long)]
    if not rows: stop("no such run", 2)
    return end(run_all(rows, args, lambda row: run(row, args), report), args)


if __name__ == "__main__":
    sys.exit(main())
