# SPDX-License-Identifier: Apache-2.0
"""Single packets from a lab host, and what the sensor's counters made of them."""

import pathlib
import struct
import sys
import time

from .lab import CLI2_4, CLI2_6, HOST4, HOST6

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import frames  # noqa: E402  (tests/support)


def syn_from_cli2(ctx, port, source_port, version=4):
    """One SYN, exactly once: a kernel would retransmit it."""
    source, destination = (CLI2_4, HOST4) if version == 4 else (CLI2_6, HOST6)
    segment = frames.tcp(source, destination, source_port, port)
    with frames.Wire(ctx.ns["cli2"]) as wire, frames.Wire(ctx.ns["host"]) as host:
        packet = (frames.ipv4(source, destination, frames.TCP, segment) if version == 4 else
                  frames.ipv6(source, destination, frames.TCP, segment))
        kind = frames.ETH_IPV4 if version == 4 else frames.ETH_IPV6
        wire.send(frames.ethernet(host.mac, wire.mac, packet, kind))


def mac_of(ns):
    with frames.Wire(ns) as wire:
        return wire.mac


def syns(lab, count, source_port_of, burst=0, mac=None):
    """One SYN for each number below `count`, from what `source_port_of` says of it; addresses and ports are put
    into one template, and what they change in the sums is taken back from the identification and the sequence
    number. A pause after each `burst`: what a queue on the way has no room for would not arrive. `mac`: the host's,
    when it may have no eth0 to ask."""
    with frames.Wire(lab.ns["cli2"]) as wire:
        segment = frames.tcp(CLI2_4, HOST4, 40000, 5432)
        frame = bytearray(frames.ethernet(mac or mac_of(lab.ns["host"]), wire.mac,
                                          frames.ipv4(CLI2_4, HOST4, frames.TCP, segment)))
        own = sum(struct.unpack_from("!HH", frame, 26))
        for number in range(count):
            (high, low), port = source_port_of(number)
            struct.pack_into("!HH", frame, 26, high, low)
            struct.pack_into("!H", frame, 36, port)
            more = own - high - low
            struct.pack_into("!H", frame, 18, (1 + more) % 65535)
            struct.pack_into("!H", frame, 40, (1 + more + 5432 - port) % 65535)
            wire.send(frame)
            if burst and number % burst == burst - 1:
                time.sleep(0.001)


def counted(ctx, before, reason, at_least):
    """The new counters once `reason` has grown by at least that."""
    after = ctx.sensor.packets()
    grown = after["by_reason"].get(reason, 0) - before["by_reason"].get(reason, 0)
    return after if grown >= at_least else None


class Forger:
    """Sends frames from cli2 to the Docker host and watches cli2's wire and the Docker bridge for
    whatever they cause. Entering drains what was on the wires before."""

    def __init__(self, ctx):
        self.wire = frames.Wire(ctx.ns["cli2"])
        self.bridge = frames.Wire(ctx.ns["host"], "docker0")
        with frames.Wire(ctx.ns["host"]) as host:
            self.host_mac = host.mac

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()
        self.bridge.close()

    def ipv4(self, packet, vlan=None):
        self.wire.send(frames.ethernet(self.host_mac, self.wire.mac, packet, vlan=vlan))

    def ipv6(self, packet):
        self.wire.send(frames.ethernet(self.host_mac, self.wire.mac, packet, frames.ETH_IPV6))

    def silent(self, from_port=None, seconds=0.3):
        """No TCP segment of the host (from that port) came back."""
        while (frame := self.wire.receive(seconds)) is not None:
            facts = frames.tcp_facts(frame)
            if facts and facts[0] in (HOST4, HOST6) and from_port in (None, facts[2]):
                return False
        return True

    def bridge_silent(self):
        """No TCP segment was seen on the Docker bridge, in either direction."""
        self.bridge.socket.settimeout(0.1)
        try:
            while True:
                if frames.tcp_facts(self.bridge.socket.recv(65536)):
                    return False
        except OSError:
            return True
