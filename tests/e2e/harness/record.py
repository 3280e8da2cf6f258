# SPDX-License-Identifier: Apache-2.0
"""What one sink has of everything that was ever numbered."""


def gaps(events, *causes):
    """The gap bodies, one for each event however often it came; of these causes, or all."""
    found = {e["id"]: e["gap"] for e in events if e["kind"] == "sensor.gap"}.values()
    return [g for g in found if not causes or g["cause"] in causes]


def account(events, sink):
    """(how many arrived, how many numbers between them are missing, how many of these a gap names)"""
    numbers = {e["seq"] for e in events}
    holes = max(numbers) - min(numbers) + 1 - len(numbers)
    named = sum(g["count"] for g in gaps(events) if g.get("sink") in ("spool", sink))
    return len(numbers), holes, named
