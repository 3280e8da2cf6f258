# SPDX-License-Identifier: Apache-2.0
"""The stranger on the wire of scripts/vm-host-test: sends a SYN to ports 8080 and 22 every 20 ms from the moment
that the VM is on the wire, whatever the VM is doing, and counts who answers in each phase that the VM's log
names. Usage: vm_host_probe.py PORT LOG SECONDS. Exits 0 when every phase was as it must be."""

import pathlib
import re
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import frames  # noqa: E402

HOST, STRANGER, GATEWAY = "198.51.100.10", "203.0.113.9", "198.51.100.1"
HOST_MAC, OUR_MAC = bytes.fromhex("525400000010"), bytes.fromhex("5254000000fe")
OPEN, CLOSED = 22, 8080
# What each phase promises of the closed port: it answers (Docker's bypass), it must not, or nobody cares.
PHASES = {"monitor": "answers", "enforced": "silent", "removed": "answers"}


class Wire:
    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port + 1))
        self.socket.settimeout(0.02)
        self.peer = ("127.0.0.1", port)

    def send(self, frame):
        try:
            self.socket.sendto(frame, self.peer)
        except ConnectionRefusedError:
            pass

    def receive(self):
        try:
            return self.socket.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            return None


def arp_answer(frame):
    """We are everybody that the VM asks for."""
    sender_mac, sender, target = frame[22:28], frame[28:32], frame[38:42]
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + OUR_MAC + target + sender_mac + sender
    return frames.ethernet(sender_mac, OUR_MAC, body, frames.ETH_ARP)


def syn(port, number):
    source_port = 20000 + number % 40000
    segment = frames.tcp(STRANGER, HOST, source_port, port, sequence=number)
    return frames.ethernet(HOST_MAC, OUR_MAC, frames.ipv4(STRANGER, HOST, frames.TCP, segment))


def answered(frame):
    """(the port that said SYN-ACK in this frame, the number of the SYN that it answers), or None."""
    if len(frame) < 54 or struct.unpack_from("!H", frame, 12)[0] not in (frames.ETH_IPV4, frames.ETH_IPV6):
        return None
    facts = frames.tcp_facts(frame)
    return (facts[2], facts[6] - 1) if facts and facts[4] & 0x12 == 0x12 else None


def phase_of(log):
    found = re.findall(r"vm: phase (\w+)", log)
    return found[-1] if found else "booting"


def watch(wire, log, seconds):
    """{phase: {"sent": n, port: answers, "at": [when the closed port answered, in s since the phase began]}}
    An answer counts for the phase in which its SYN was sent: a host goes on answering what it once let in."""
    sent_in, counted, number, deadline, next_look = {}, {}, 0, time.monotonic() + seconds, 0.0
    phase, since = "booting", time.monotonic()
    while time.monotonic() < deadline:
        if time.monotonic() >= next_look:
            text = log.read_text(errors="replace")
            before, phase, next_look = phase, phase_of(text), time.monotonic() + 0.2
            since = since if phase == before else time.monotonic()
            if "vm: result" in text:
                return counted
        tally = counted.setdefault(phase, {"sent": 0, OPEN: 0, CLOSED: 0, "at": []})
        number += 1
        sent_in[number] = tally
        for port in (OPEN, CLOSED):
            wire.send(syn(port, number))
        tally["sent"] += 1
        until = time.monotonic() + 0.02
        while time.monotonic() < until:
            frame = wire.receive()
            if frame is None:
                continue
            if struct.unpack_from("!H", frame, 12)[0] == frames.ETH_ARP and frame[21] == 1:
                wire.send(arp_answer(frame))
            port, of = answered(frame) or (None, None)
            if port in (OPEN, CLOSED) and of in sent_in:
                sent_in[of][port] += 1
            if port == CLOSED and of in sent_in:
                sent_in[of]["at"].append(f"{time.monotonic() - since:.1f} s")
    print(f"FAIL vm the VM did not end within {seconds} s")
    return counted


def judge(counted):
    failed = 0
    for phase, promise in PHASES.items():
        tally = counted.get(phase, {"sent": 0, OPEN: 0, CLOSED: 0, "at": []})
        kept = tally["sent"] > 0 and (tally[CLOSED] > 0) == (promise == "answers")
        kept = kept and (phase != "enforced" or tally[OPEN] > 0)
        failed += not kept
        print(f"{'PASS' if kept else 'FAIL'} vm wire {phase}: {tally['sent']} SYNs each, port {OPEN} answered "
              f"{tally[OPEN]} times, port {CLOSED} {tally[CLOSED]} times (must be: {promise})", flush=True)
        if not kept and tally["at"]:
            print(f"    answers {tally['at'][0]} to {tally['at'][-1]} after the phase began, of {len(tally['at'])}")
    return failed


def main():
    wire = Wire(int(sys.argv[1]))
    return 1 if judge(watch(wire, pathlib.Path(sys.argv[2]), float(sys.argv[3]))) else 0


if __name__ == "__main__":
    sys.exit(main())
