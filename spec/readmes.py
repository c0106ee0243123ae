#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Holds what is written to what is there. In every file: a path of ours (model/..., spec/..., ...) exists. In every *.md: links lead
somewhere; a name in backticks that looks like a path or a file of ours is one; invariants and environment variables exist; and,
given the directory of the command, each command line of mmodel, mmodel_prove, ./dev and our scripts uses subcommands and options
that their --help (of a script, its text) has, and what is shown below `$ mmodel replay ...` is what that prints, but for numbers.

usage: readmes.py [BIN-DIR]
Exit status: 0 all of it is there, 1 not, each that is not with its file and line."""
import os, pathlib, re, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPS = ("model", "spec", "props", "fuzz", "corpus")
TOP_DIRS = "|".join(TOPS)
TEXT = {".cpp", ".hpp", ".inc", ".c", ".h", ".py", ".sh", ".md", ".tsv", ".cmake", ".txt", ".pml", ".dfy", ".smt2", ".json", ".yaml"}
FOREIGN = ("mm/", "include/", "kernel/", "arch/", "build/", "/", "~")
FILE_NAME = re.compile(r"^[\w-]+\.(cpp|hpp|inc|py|sh|md|tsv|cmake|pml|dfy|smt2|trace|patch)$")


def our_files():
    """What is kept: with git, what it knows or would add; without it, everything but build directories."""
    try:
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = [n for n in out.splitlines() if (ROOT / n).is_file()]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if not names:
        names = [f.relative_to(ROOT).as_posix() for f in ROOT.rglob("*") if f.is_file() and not f.relative_to(ROOT).parts[0] in ("build", ".git")]
    return sorted(names)


def exists(path, *bases):
    """A path, or a pattern with *, {a,b} or <x>; it may lack its ending."""
    path = re.sub(r"\{[^}]*\}|<[^>]*>|\b(NAME|DIR|FILE)\b", "*", path.rstrip("/."))
    return any((b / path).exists() or any(b.glob(path)) or any(b.glob(path + ".*")) for b in bases)


class Helps:
    """What --help says, asked once of each command."""
    def __init__(self, bin_dir):
        self.bin, self.said = bin_dir, {}

    def of(self, *command):
        if command not in self.said:
            p = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.said[command] = p.stdout + p.stderr if p.returncode == 0 else ""
        return self.said[command]

    def mmodel(self, sub=None): return self.of(str(self.bin / "mmodel"), *([sub] if sub else []), "--help")

    def subcommands(self):
        return re.findall(r"^  (\w+) ", self.mmodel().split("Subcommands:")[-1].split("\n\n")[0], re.M)

    def has(self, text, option): return re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(option), text) is not None

    def all(self):
        scripts = [(ROOT / f).read_text() for f in our_files() if f.startswith("spec/") and f.endswith(".py")]
        texts = [self.mmodel(s) for s in [None, *self.subcommands()]] + [self.of("./dev", "help"), self.of("fuzz/targets/dev-fuzz.sh", "--help")]
        prove = self.bin / "mmodel_prove"
        if prove.exists(): texts.append(self.of(str(prove), "--help"))
        return "\n".join(texts + scripts)


def wrong_command(line, helps):
    """What a command line names that does not exist, or None."""
    words = line.replace("`", " ").split()
    for i, w in enumerate(words):
        rest = words[i + 1:]
        options = [re.match(r"--[\w-]+", o).group(0) for o in rest if re.match(r"--[a-z]", o)]
        if w in ("mmodel", "build/release/bin/mmodel"):
            if not rest or not re.match(r"^[a-z]+$", rest[0]) or rest[0] == "trace": continue   # "mmodel trace 1" begins a trace
            if rest[0] not in helps.subcommands(): return "mmodel has no '%s'" % rest[0]
            text = helps.mmodel(rest[0])
            return next(("mmodel %s has no %s" % (rest[0], o) for o in options if not helps.has(text, o)), None)
        if w == "./dev":
            if not rest or not re.match(r"^[a-z]", rest[0]) or rest[0] == "help": continue
            if not re.search(r"^  %s\b" % re.escape(rest[0]), helps.of("./dev", "help"), re.M): return "./dev has no '%s'" % rest[0]
            if rest[0] == "fuzz":
                text = helps.of("fuzz/targets/dev-fuzz.sh", "--help")
                return next(("./dev fuzz has no %s" % o for o in options if not helps.has(text, o)), None)
            return None
        if w.endswith("mmodel_prove") and (helps.bin / "mmodel_prove").exists():
            text = helps.of(str(helps.bin / "mmodel_prove"), "--help")
            return next(("mmodel_prove has no %s" % o for o in options if not helps.has(text, o)), None)
        if re.match(r"^spec/[\w/]+\.py$", w) and options and (ROOT / w).exists():
            return next(("%s has no %s" % (w, o) for o in options if not helps.has((ROOT / w).read_text(), o)), None)
    return None


def wrong_output(command, shown, helps):
    """The first line shown below a command that it does not print, in this order; numbers may be others. None: all is well."""
    words = [str(helps.bin / "mmodel") if w.endswith("mmodel") else w for w in command.split()]
    printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "200"}).stdout
    alike = lambda line: " ".join(re.sub(r"[\d,.]*\d", "#", line).split())
    rest = [alike(l) for l in printed.splitlines()]
    for line in (l for l in shown if l.strip() not in ("", "...")):
        if alike(line) not in rest: return line.strip()
        rest = rest[rest.index(alike(line)) + 1:]
    return None


def check_outputs(name, text, helps, wrong):
    """What is shown below `$ mmodel replay ...`, or below another command with a break in it: those are quick."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S):
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            command = command.split("#")[0].strip()
            if not re.match(r"\S*mmodel (replay|explore .*--sabotage) ", command) or not shown.strip(): continue
            if (what := wrong_output(command, shown.splitlines(), helps)): wrong.append("%s: '%s' does not print: %s" % (name, command, what))


def check_everywhere(name, text, wrong):
    """Paths of ours, wherever they stand."""
    here = (ROOT / name).parent
    for nr, line in enumerate(text.splitlines(), 1):
        line = re.sub(r" -o \S+", "", line)   # where something is to be written
        for m in re.finditer(r"(?<![\w/.$}~-])(?:%s)/[\w./*<>{},-]*\w[\w./*<>{}-]*" % TOP_DIRS, line):
            path = m.group(0).split(":")[0].rstrip(".,")
            if path.endswith(".a") or "," in path and "{" not in path: continue
            if not exists(path, ROOT, here): wrong.append("%s:%d: there is no %s" % (name, nr, path))


def check_readme(name, text, known, helps, wrong):
    here = (ROOT / name).parent
    fenced = False
    for nr, line in enumerate(text.splitlines(), 1):
        say = lambda what: wrong.append("%s:%d: %s" % (name, nr, what))
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced:
            if line.startswith(("$ ", "./dev", "mmodel ", "build/release/bin/", "spec/")) and helps:
                if what := wrong_command(line.split("#")[0], helps): say(what)
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if not target.startswith("http") and not (here / target.split("#")[0]).exists(): say("the link %s leads nowhere" % target)
        for quoted in re.findall(r"`([^`]+)`", line):
            if re.search(r"\s", quoted):
                if helps and (what := wrong_command(quoted, helps)): say(what)
            elif quoted.startswith("--"):
                if helps and not helps.has(helps.all(), quoted.split("=")[0]): say("no --help has %s" % quoted)
            elif re.match(r"^inv_\w+$", quoted):
                if quoted[4:] not in known["invariants"]: say("there is no invariant %s" % quoted)
            elif re.match(r"^MMODEL_[A-Z]+(=\w+)?$", quoted):
                if quoted.split("=")[0] not in known["code"]: say("nothing reads %s" % quoted)
            elif FILE_NAME.match(quoted):
                if quoted not in known["names"] and not exists(quoted, here): say("there is no file %s" % quoted)
            elif re.match(r"^[\w.*-]+(/[\w.*{}-]+)+/?$", quoted) and not quoted.startswith((*FOREIGN, *(t + "/" for t in TOPS))):
                if not exists(quoted, ROOT, here): say("there is no %s" % quoted)


def main():
    if any(a in ("-h", "--help") for a in sys.argv[1:]): return print(__doc__) or 0
    helps = Helps(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None
    if helps and not helps.subcommands(): sys.exit("readmes.py: %s/mmodel does not run" % sys.argv[1])
    files = [f for f in our_files() if pathlib.Path(f).suffix in TEXT or f in ("dev", ".ci/run")]
    texts = {f: (ROOT / f).read_text(errors="replace") for f in files if "/fixtures/" not in f}
    code = "\n".join(t for f, t in texts.items() if not f.endswith(".md"))
    known = {"code": code, "names": {pathlib.PurePath(f).name for f in our_files()},
             "invariants": set(re.findall(r"^MMODEL_INV\((\w+)", texts.get("spec/judge/invariants.inc", ""), re.M))}
    wrong, readmes = [], 0
    for name, text in texts.items():
        check_everywhere(name, text, wrong)
        if name.endswith(".md"):
            readmes += 1
            check_readme(name, text, known, helps, wrong)
            if helps: check_outputs(name, text, helps, wrong)
    if not readmes: wrong.append("no *.md was seen")
    for w in wrong: print(w, file=sys.stderr)
    print("%d files, %d of them *.md: %d things that are not there" % (len(texts), readmes, len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
