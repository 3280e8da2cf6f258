# SPDX-License-Identifier: Apache-2.0
"""Waiting for a fact, never for a time."""

import os
import time

# For machines that are busy with other things: stretches waiting, never what is asserted.
PATIENCE = float(os.environ.get("PORTLID_E2E_PATIENCE", "1"))


def until(what, predicate, seconds=5.0, pause=0.02):
    """The first true value of predicate(); AssertionError naming `what` when time is up."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
