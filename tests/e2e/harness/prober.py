# SPDX-License-Identifier: Apache-2.0
"""Steady streams of SYNs from cli2, and what came back for each. The sequence number says which
SYN it was, so an answer is never mistaken for that of another. Sending is a process of its own:
a batch that a busy interpreter stretches would say nothing about one instant."""

import multiprocessing
import random
import socket
import struct
import threading
import time

from .lab import CLI2_4, HOST4
from .packets import frames
from .wait import until

SYN_ACK = frames.SYN | frames.ACK
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
MOST_BATCHES = 1 << 18
_fork = multiprocessing.get_context("fork")


class Prober:
    """Sends a batch of one SYN to each of `ports`, every `period` seconds, until stopped. A batch
    that took longer than `instant` seconds is marked in `stretched`."""

    def __init__(self, ctx, ports, period, instant=0.0004):
        self.ports, self.period, self.instant = ports, period, instant
        self.wire = frames.Wire(ctx.ns["cli2"])
        self.watch = frames.Wire(ctx.ns["cli2"])
        self.watch.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        with frames.Wire(ctx.ns["host"]) as host:
            self.host_mac = host.mac
        # Hosts repeat a SYN-ACK for a minute: those of an earlier prober must not look like ours.
        self.first_sequence = random.getrandbits(32)
        self.count = _fork.Value("L", 0)
        self.stretched = _fork.Array("B", MOST_BATCHES, lock=False)
        self.sent_at = _fork.Array("d", MOST_BATCHES, lock=False)  # time.monotonic()
        self.running = _fork.Value("b", 1)
        self.overlooked = 0  # frames that our own socket had no room for; known at the end
        self.answers = {}  # (batch, position in ports) -> TCP flags of the first answer
        self.sender = _fork.Process(target=self._send)
        self.receiver = threading.Thread(target=self._receive)

    @property
    def sent(self):
        """Batches so far."""
        return self.count.value

    def __enter__(self):
        self.sender.start()
        self.receiver.start()
        return self

    def __exit__(self, *_):
        """Ends sending, gives late answers time to arrive, then ends listening."""
        self.running.value = 0
        self.sender.join()
        self.receiver.join()
        statistics = self.watch.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.overlooked = struct.unpack("=II", statistics)[1]
        self.wire.close()
        self.watch.close()

    def after(self, more, seconds=20):
        """Waits until that many more batches were sent."""
        goal = self.sent + more
        until(f"{more} more probes", lambda: self.sent >= goal, seconds=seconds)

    def _frame(self, batch, position):
        source_port = 20000 + (batch * len(self.ports) + position) % 40000
        segment = frames.tcp(CLI2_4, HOST4, source_port, self.ports[position],
                             sequence=self.first_sequence + batch * 4 + position)
        return frames.ethernet(self.host_mac, self.wire.mac,
                               frames.ipv4(CLI2_4, HOST4, frames.TCP, segment))

    def _send(self):
        due = time.monotonic()
        while self.running.value and self.count.value < MOST_BATCHES:
            number = self.count.value
            batch = [self._frame(number, position) for position in range(len(self.ports))]
            started = self.sent_at[number] = time.monotonic()
            for frame in batch:
                self.wire.send(frame)
            self.stretched[number] = time.monotonic() - started > self.instant
            self.count.value = number + 1
            due += self.period
            time.sleep(max(0.0, due - time.monotonic()))

    def _receive(self):
        quiet_since = None
        while quiet_since is None or time.monotonic() - quiet_since < 0.5:
            frame = self.watch.receive(0.1)
            facts = frames.tcp_facts(frame) if frame else None
            if facts and facts[0] == HOST4 and facts[2] in self.ports:
                self._note(facts[6] - 1, facts[4])
            if not self.running.value:
                quiet_since = quiet_since or time.monotonic()

    def _note(self, sequence, flags):
        batch, position = divmod((sequence - self.first_sequence) % (1 << 32), 4)
        if batch <= self.sent and position < len(self.ports):
            self.answers.setdefault((batch, position), flags)
