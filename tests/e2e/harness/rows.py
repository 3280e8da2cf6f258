# SPDX-License-Identifier: Apache-2.0
"""Rows of the acceptance matrix: a sentence, an ID, a function; PASS, FAIL or SKIP with a reason."""

import inspect
import os
import resource
import sys
import time
import traceback

class Skip(Exception):
    """Raised with what is missing."""


class Report:
    def __init__(self, wanted=None):
        self.wanted = wanted
        self.passed = self.failed = self.skipped = 0
        self.color = sys.stdout.isatty()
        self.started = time.monotonic()

    def run(self, prefix, identity, sentence, function):
        """True when it passed. A failed row never stops the next one."""
        if self.wanted and identity not in self.wanted:
            return False
        started = time.monotonic()
        word, detail = outcome(identity, function)
        seconds = time.monotonic() - started
        self.count(word)
        print(f"{word} {prefix:8} {identity:4} {sentence} [{seconds:.1f} s]{detail}", flush=True)
        return word == "PASS"

    def count(self, word):
        self.passed += word == "PASS"
        self.failed += word == "FAIL"
        self.skipped += word == "SKIP"

    def finish(self):
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                             resource.RUSAGE_CHILDREN))
        processor = sum(u.ru_utime + u.ru_stime for u in (own, children))
        print(f"took {time.monotonic() - self.started:.0f} s, {processor:.0f} s of processor time")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


def outcome(identity, function):
    """("PASS" | "FAIL" | "SKIP", what to say of it)"""
    try:
        if identity in os.environ.get("PORTLID_E2E_GAPS", "").split(","):
            raise Skip("a known gap, stated in README.md; unset PORTLID_E2E_GAPS to measure it")
        function()
        return "PASS", ""
    except Skip as reason:
        return "SKIP", f" ({reason})"
    except Exception as error:
        detail = "\n" + "".join(traceback.format_exception(error)).rstrip()
        return "FAIL", detail.replace("\n", "\n      ")


def row(identity, sentence):
    """Marks a function as a row; collected by rows_of()."""
    def mark(function):
        function.row = (identity, sentence)
        return function
    return mark


def rows_of(module):
    """The rows of a module in the order they are written."""
    return [f for f in vars(module).values() if inspect.isfunction(f) and hasattr(f, "row") and
            f.__module__ == module.__name__]
