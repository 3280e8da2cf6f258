# SPDX-License-Identifier: Apache-2.0
"""Chaos: random faults against a sensor that enforces, while containers come and go, probers ask closed and open
ports, and host and container talk outward. No SYN to a closed port passes, no reply is dropped, no event is lost
without a gap, and two seconds after the last fault ports equals ss and everything is attached.

PORTLID_CHAOS_SECONDS: how long faults go on (120). PORTLID_CHAOS_SEED: the order of faults of an earlier run;
what they meet, and when, is the machine's. PORTLID_CHAOS_FAULTS: only these, by name (Killed,Replugged).

What is excused, and nothing else, stands in chaos/world.py: where root took our program off the wire, or a NIC is
new, a SYN may pass for the two seconds in which it has to be repaired, and so on.

Left out: clock steps (time namespaces move CLOCK_MONOTONIC and CLOCK_BOOTTIME only, and a step of CLOCK_REALTIME
would move the machine's); loss of power (scripts/vm-test); an engine that lies, hangs or babbles (docker_owners.py);
a disk that stalls (bare_outage.py); the pin of a map removed (the sensor watches the pins of links only; a start
makes that map anew). Where there is no memory group of cgroup v1, the run says that OutOfMemory is left out."""

import contextlib
import os
import random
import sys
import time

from chaos import around, daemon, invariants, wire
from chaos.traffic import Binds, Container, Datagrams, Fleeting, Queries, Talker, stream
from chaos.world import CLOSED, ECHO, FLEETING, OPEN, PUBLISHED, World, make_sensor
from harness import bare, machine
from harness.clients import handshakes, reach
from harness.lab import HOST4, HOST6, Lab
from harness.packets import mac_of
from harness.prober import MOST_BATCHES, Prober
from harness.wait import until

SECONDS = float(os.environ.get("PORTLID_CHAOS_SECONDS", "120"))
SEED = int(os.environ.get("PORTLID_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
ONLY = os.environ.get("PORTLID_CHAOS_FAULTS", "")
LAB = f"e2e-chaos-{os.getpid()}"
EVERY_SECONDS = max(0.006, SECONDS * 1.2 / MOST_BATCHES)  # a batch of SYNs


class Deck:
    """Every fault comes before one comes again."""

    def __init__(self, world):
        kinds = [k for room in (daemon, wire, around) for k in room.FAULTS
                 if not ONLY or k.__name__ in ONLY.split(",")]
        self.world, self.cards = world, []
        self.kinds = [kind for kind in kinds if kind(world).possible()]
        left_out = [kind.__name__ for kind in kinds if kind not in self.kinds]
        if left_out:
            world.say(f"this machine cannot do: {', '.join(left_out)}")

    def draw(self):
        """One to three faults of different places, those that need the daemon first."""
        drawn, wanted = [], self.world.dice.randint(1, 3)
        while len(drawn) < wanted:
            if not self.cards:
                self.cards = self.world.dice.sample(self.kinds, len(self.kinds))
            fitting = [k for k in self.cards if k.where not in {d.where for d in drawn}]
            if not fitting:
                break
            self.cards.remove(fitting[0])
            drawn.append(fitting[0])
        return sorted((kind(self.world) for kind in drawn), key=lambda fault: not fault.needs_daemon)


def strike(world, faults):
    """All of them, each lasting for a moment; a daemon that is away comes back first, a disk before what has to
    be told."""
    world.blind = any(fault.blinds for fault in faults)
    done = []
    try:
        for fault in faults:
            world.say(f"{type(fault).__name__}: {fault}")
            for what in taken(fault, world.blind):
                world.excuses.begin(what)
            done.append(fault)
            fault.do()
            if not world.blind and not fault.lasts:
                end_excuses(world, [fault])
            time.sleep(world.dice.uniform(0.0, 1.5))
    finally:
        with contextlib.ExitStack() as stack:  # one that fails keeps no other from being put back
            stack.callback(end_excuses, world, done)
            for fault in sorted(done, key=lambda fault: fault.blinds or fault.mutes):
                stack.callback(fault.undo)


def taken(fault, blind):
    return fault.takes + (fault.takes_when_blind if blind else ())


def end_excuses(world, faults):
    for fault in faults:
        for what in taken(fault, world.blind):
            world.excuses.end(what)


def rounds(world):
    """Faults and quiet moments until the time is over."""
    policy_hash = world.sensor.get("status")["policy"]
    deck = Deck(world)
    while time.monotonic() - world.started < SECONDS:
        strike(world, deck.draw())
        invariants.quiet(world, policy_hash)


def furnish(lab):
    """Servers and containers of the whole run, and the proof that without a sensor the closed ports answer."""
    lab.ufw("disable")  # what UFW would keep out says nothing about us
    lab.echo_server("host", OPEN, CLOSED)
    lab.echo_server("srv", ECHO)
    lab.container("published", "--restart", "always", "-p", f"{PUBLISHED}:80")
    for address in (HOST4, HOST6):
        for port in (OPEN, CLOSED, PUBLISHED):
            until(f"{address}:{port} answers without a sensor",
                  lambda address=address, port=port: reach(lab.ns["cli2"], address, port), seconds=10)


def make_talkers(lab):
    inside = Container(lab, "talker")
    places = {"host": lambda: lab.ns["host"], "container": inside.namespace}
    return [Talker(f"{place}, {what}", kind, find) for place, find in places.items()
            for what, kind in (("one UDP flow", Datagrams), ("a UDP flow each", Queries), ("TCP", stream))]


@contextlib.contextmanager
def started(*threads):
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stop()


def chaos(report, lab):
    furnish(lab)
    talkers = make_talkers(lab)
    with make_sensor(lab) as sensor:
        world = World(lab, sensor, random.Random(SEED), mac=mac_of(lab.ns["host"]))
        binds = Binds(lab)
        with Prober(world, (OPEN, CLOSED, PUBLISHED, FLEETING), EVERY_SECONDS) as prober, \
                handshakes(lab.ns["cli2"], (HOST6, CLOSED), (HOST6, PUBLISHED)) as tries, \
                started(fleeting := Fleeting(lab), *talkers):
            calm = report.run("chaos", "X01", "after every fault: whole, and ports equals ss, within 2 s",
                              lambda: rounds(world))
        binds.stop()
        judge(report, world, prober, tries, talkers, binds)
        world.say(f"{fleeting.lived} containers came and went")
        if not calm or report.failed:
            print(f"     again: PORTLID_CHAOS_SEED={SEED}\n{sensor.log()}", flush=True)


def judge(report, world, prober, tries, talkers, binds):
    for identity, function, values in (("X02", invariants.no_leak, (prober, tries)),
                                       ("X03", invariants.allowed, (prober,)),
                                       ("X04", invariants.replies, (talkers,)),
                                       ("X05", invariants.record, (binds,))):
        report.run("chaos", identity, function.__doc__, lambda f=function, v=values: f(world, *v))


def rows(report):
    print(f"     PORTLID_CHAOS_SEED={SEED}, {SECONDS:g} s", flush=True)
    before = machine.snapshot(LAB)
    try:
        with Lab(LAB) as lab:
            chaos(report, lab)
    finally:
        report.run("machine", "Z01", "the machine is as it was found", lambda: machine.as_found(before, LAB))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
