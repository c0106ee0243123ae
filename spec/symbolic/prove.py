#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runs mmodel_prove for ctest. Where it was not built, for libz3-dev (or what the command mmodel needs) is missing, that is a skip (exit
status 77), or a failure where CI is set. usage: prove.py PATH-OF-mmodel_prove [ARGS]"""
import os, sys

program = sys.argv[1]
if not os.access(program, os.X_OK):
    print("mmodel_prove was not built: libz3-dev, or what mmodel is made with, is missing", file=sys.stderr)
    sys.exit(3 if os.environ.get("CI") else 77)
os.execv(program, [program] + sys.argv[2:])
