# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is, among all end-to-end programs that run from this tree at once: ordinary rows
run together, a row that measures runs while no other row does. Two files: whoever waits for the
machine holds the door, so that ordinary rows cannot overtake it for ever. Compilers that scripts/test
left at work, the session PORTLID_E2E_PAUSES, stop meanwhile."""

import contextlib
import fcntl
import os
import pathlib
import subprocess

_DIRECTORY = pathlib.Path(__file__).resolve().parents[3] / "build"


@contextlib.contextmanager
def _held(name, kind):
    with open(os.path.join(_DIRECTORY, name), "a") as file:
        fcntl.flock(file, kind)
        yield


_mine = False  # this program has a turn; a lab that a row builds for itself needs no second


@contextlib.contextmanager
def _taken():
    global _mine
    _mine = True
    try:
        yield
    finally:
        _mine = False


@contextlib.contextmanager
def together():
    """Beside others, but not beside one who measures."""
    if _mine:
        yield
        return
    with contextlib.ExitStack() as stack:
        with _held("e2e.door", fcntl.LOCK_EX):
            stack.enter_context(_held("e2e.room", fcntl.LOCK_SH))
        with _taken():
            yield


@contextlib.contextmanager
def _compilers_stopped():
    session = os.environ.get("PORTLID_E2E_PAUSES")

    def tell(signal):
        if session:
            subprocess.run(["pkill", signal, "-s", session], check=False)
    tell("-STOP")
    try:
        yield
    finally:
        tell("-CONT")


@contextlib.contextmanager
def alone():
    """While nobody else does anything."""
    with (_held("e2e.door", fcntl.LOCK_EX), _held("e2e.room", fcntl.LOCK_EX), _taken(),
          _compilers_stopped()):
        yield
