# SPDX-License-Identifier: Apache-2.0
"""Waiting for a fact, never for a time."""

import time


def until(what, predicate, seconds=5.0, pause=0.02):
    """The first true value of predicate(); AssertionError naming `what` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
