# SPDX-License-Identifier: Apache-2.0
"""What the tests without Docker share."""

import os
import subprocess

from .lab import Lab
from .portlid import BINARY


def bare_lab():
    """A lab without dockerd and UFW; up in less than a second."""
    return Lab(f"e2e-bare-{os.getpid()}", docker=False)


def guarded(main):
    """main(), or 77 with the reason when it cannot run at all."""
    reason = "root" if os.geteuid() != 0 else "" if BINARY.exists() else f"{BINARY}"
    if reason:
        print(f"SKIP all rows: missing {reason}\n0 passed, 0 failed, 1 skipped")
        return 77
    return main()


def python(lab, code, *arguments):
    """A Python child on the lab host; returns when it printed its first line."""
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", code, *arguments, stdout=subprocess.PIPE,
                      text=True)
    if not child.stdout.readline():
        raise AssertionError(f"child ended with {child.wait()}")
    return child
