# SPDX-License-Identifier: Apache-2.0
"""What the tests without Docker share."""

import os
import subprocess
import sys

from .lab import Lab
from .portlid import BINARY
from .rows import Report


_ECHO = """
import socket, sys, threading
def copy(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
servers = [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]
def serve(listener):
    while True:
        threading.Thread(target=copy, args=(listener.accept()[0],), daemon=True).start()
for server in servers:
    threading.Thread(target=serve, args=(server,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""


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
               lambda: work(report))
    return report.finish()


def python(lab, code, *arguments):
    """A Python child on the lab host; returns when it printed its first line."""
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", code, *arguments, stdout=subprocess.PIPE,
                      text=True)
    if not child.stdout.readline():
        raise AssertionError(f"child ended with {child.wait()}")
    return child


def echo_server(lab, *ports):
    """TCP servers on the lab host that send back what they get; returns when they listen."""
    return python(lab, _ECHO, *(str(port) for port in ports))
