# SPDX-License-Identifier: Apache-2.0
"""What the tests without Docker share."""

import contextlib
import os
import subprocess
import sys

from .lab import Lab
from .portlid import BINARY
from .rows import Report


def bare_lab():
    """A lab without dockerd and UFW; up in less than a second."""
    return Lab(f"e2e-bare-{os.getpid()}", docker=False)


def guarded(work):
    """Runs work(report) and prints the totals, whatever happened; 77 with the reason when nothing
    can run at all. IDs on the command line choose rows."""
    reason = "root" if os.geteuid() != 0 else "" if BINARY.exists() else f"{BINARY}"
    if reason:
        print(f"SKIP all rows: missing {reason}\n0 passed, 0 failed, 1 skipped")
        return 77
    report = Report({*sys.argv[1:], "Z00"} if sys.argv[1:] else None)
    report.run("bare", "Z00", "lab and sensor stood from the first row to the last",
               lambda: work(report), turn=contextlib.nullcontext)
    return report.finish()


def python(lab, code, *arguments):
    """A Python child on the lab host; returns when it printed its first line."""
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", code, *arguments, stdout=subprocess.PIPE,
                      text=True)
    if not child.stdout.readline():
        raise AssertionError(f"child ended with {child.wait()}")
    return child
