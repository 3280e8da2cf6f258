# SPDX-License-Identifier: Apache-2.0
"""What every fault gets: lab, sensor, dice, and the record of what our own faults excuse."""

import dataclasses
import math
import random
import time

from harness.context import policy
from harness.lab import Lab
from harness.portlid import Portlid

REPAIR_SECONDS = 2.0  # what root took away is back within that
# One listener each: open, closed on the host, closed and published, closed and of a container that comes and goes.
OPEN, CLOSED, PUBLISHED, FLEETING = 22, 9000, 8080, 7100
FLEETING_OPEN = 7000
ECHO = 7007  # on srv
POLICY = policy("enforce", f"{FLEETING_OPEN}/tcp")
STATE = "/run/chaos-state"

# What a fault takes away, and with it whatever cannot be promised while it lasts:
UNFILTERED = "unfiltered"  # root took our program off the wire, or a NIC is new: a SYN may pass
UNWIRED = "unwired"  # there is no wire: nothing comes in or out, whoever filters
# root took the egress program away: who spoke first is not seen, and a reply may be taken for a stranger
UNHEARD = "unheard"
DEAF = "deaf"  # root took a bind hook away: a bind may be unseen
ENGINELESS = "engineless"  # dockerd is down, its containers with it
LIARS = ("999_xdp", "998_tcx_in", "997_tcx_out", "nobody_4")  # pins that are not the sensor's
# Excuses nothing, but a loss that is found at a start may be as old as this:
AWAY = "away"  # no daemon runs


class Excuses:
    """Spans of time by what was taken away in them. Nothing else excuses anything."""

    def __init__(self):
        self.spans = []  # [what, begin, end]

    def begin(self, what):
        self.spans.append([what, time.monotonic(), math.inf])

    def end(self, what):
        """Ends the span some time from now: when it has to be as it was."""
        for span in self.spans:
            if span[0] == what and span[2] == math.inf:
                span[2] = time.monotonic() + REPAIR_SECONDS

    def cover(self, whats, begin, end=None):
        end = begin if end is None else end
        return any(what in whats and first <= end and begin <= last for what, first, last in self.spans)


@dataclasses.dataclass
class World:
    lab: Lab
    sensor: Portlid
    dice: random.Random
    mac: bytes = b""  # of the host's eth0, also when it is away
    blind: bool = False  # one of the faults of this moment takes the daemon away
    started: float = dataclasses.field(default_factory=time.monotonic)
    excuses: Excuses = dataclasses.field(default_factory=Excuses)

    @property
    def ns(self):
        return self.lab.ns

    def say(self, text):
        print(f"     {time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def host(self, *command, check=True):
        return self.lab.run("host", *command, check=check)


def make_sensor(lab):
    """Every event in a file behind the spool, so that a kill costs none that no gap names; the state on a small
    disk of its own, which may be filled."""
    lab.run("host", "sh", "-ec", f"mkdir {STATE}; mount -t tmpfs -o size=64m chaos {STATE}")
    sensor = Portlid(lab, POLICY, options=("--last-good", "--on-exit", "keep"))
    sensor.keep_state_at(STATE)
    sensor.configure(f"""version: 1
sinks:
  - {{ name: local, to: "file:{sensor.events_path}", spool: {{ bytes: 16MiB, age: 1d }} }}
history: {{ age: 1d, bytes: 8MiB }}
""")
    return sensor
