# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, a disk that stalls, a SIEM that is dead: enforcement and the record of binds go on, the
sensor does not burn the processor, and after the recovery arrived + named by gaps = everything.
PORTLID_DEAD_S (default 5): how long the SIEM stays dead; the long form is 600."""

import json
import os
import sys
import time

from harness import bare
from harness.clients import no_reach, reach
from harness.context import policy
from harness.lab import HOST4
from harness.portlid import Portlid
from harness.record import account
from harness.wait import until

DEAD_S = float(os.environ.get("PORTLID_DEAD_S", "5"))
OPEN, CLOSED, SIEM = 8080, 8081, 6515
SERVER = f"""
import socket
a, b = (socket.create_server(("", port), backlog=64) for port in ({OPEN}, {CLOSED}))
print("ready", flush=True)
while True:
    peer, _ = a.accept()
    peer.sendall(b"hello")
    peer.close()
"""
COLLECTOR = f"""
import socket, sys
listener = socket.create_server(("127.0.0.1", {SIEM}))
print("ready", flush=True)
with open(sys.argv[1], "ab", 0) as out:
    while True:
        peer, _ = listener.accept()
        while chunk := peer.recv(65536):
            out.write(chunk)
"""
# Two thousand a second: what a ring takes and its reader keeps up with.
CHURN = """
import socket, sys, time
for number in range(int(sys.argv[1])):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
    if number % 20 == 19:
        time.sleep(0.01)
print("ready", flush=True)
"""


class Sensor(Portlid):
    """Its state directory is a file system of its own."""

    def __init__(self, lab, name):
        super().__init__(lab, policy("enforce", f"{OPEN}/tcp"), docker=False)
        self.state = f"/run/{name}-state"
        self.configure(f"""version: 1
sinks:
  - {{ name: local, to: "file:{self.events_path}" }}
  - {{ name: siem, to: "syslog+tcp://127.0.0.1:{SIEM}", spool: {{ bytes: 64MiB, age: 7d }} }}
""")
        self.keep_state_at(self.state)

    def sink(self, name):
        return next(s for s in self.get("status")["sinks"] if s["name"] == name)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def enforces(lab, sensor):
    """The open port answers, the closed one does not, and both binds of a fresh process are told."""
    assert reach(lab.ns["cli2"], HOST4, OPEN), "the open port does not answer"
    assert no_reach(lab.ns["cli2"], HOST4, CLOSED), "the closed port answers"
    taken = {e["socket"]["port"] for e in sensor.events("socket.listen")}
    port = next(p for p in range(2500, 2600) if p not in taken)
    child = bare.python(lab, f"import signal,socket\nk=socket.create_server(('',{port}))\n"
                             "print('ready',flush=True)\nsignal.pause()")
    try:
        until(f"the bind of {port} is told in the other sink", lambda: [
            e for e in sensor.events("socket.listen") if e["socket"]["port"] == port], seconds=5)
        until(f"and {port} is in ports", lambda: sensor.ports(port=port), seconds=5)
    finally:
        lab.end(child)


def calm(sensor, seconds, most=0.1):
    """A dead sink must not cost more than a tenth of a core while nothing else happens."""
    before = cpu_seconds(sensor.process.pid)
    time.sleep(seconds)  # the measure itself
    share = (cpu_seconds(sensor.process.pid) - before) / seconds
    print(f"      {share:.1%} of a core over {seconds:g} s")
    assert share < most, f"{share:.1%} of a core"


def documents(path):
    raw, found = path.read_bytes(), []
    while raw:
        size, _, raw = raw.partition(b" ")
        if len(raw) < int(size):
            break  # the rest is on its way
        frame, raw = raw[:int(size)], raw[int(size):]
        found.append(json.loads(frame[frame.index(b" - {") + 3:]))
    return found


def recovered(lab, sensor, received, also_lost):
    """The SIEM is back: what it has and what gaps name is all that was ever numbered."""
    collector = bare.python(lab, COLLECTOR, received)
    try:
        sensor.process.send_signal(1)  # SIGHUP: connect now, not when the pause ends
        until("nothing waits for the SIEM", lambda: sensor.sink("siem")["lag"] == 0, seconds=60)
        # A syslog stream's records leave the spool when they have been out for 15 s, and a small disk
        # holds only some of what waits in memory: more than one round.
        until("the losses have been told", lambda: exact(sensor, received, also_lost), seconds=120)
        have = documents(received)
        binds = {e["id"] for e in sensor.events("socket.listen")}
        missing = binds - {e["id"] for e in have}
        assert also_lost or not missing, f"{len(missing)} binds did not arrive"
    finally:
        lab.end(collector)


def exact(sensor, received, also_lost):
    have = documents(received)
    numbers, holes, named = account(have, "siem")
    assert named <= holes, (named, holes)
    if named != holes or (also_lost and named == 0):
        return False
    print(f"      {numbers} arrived, {holes} missing, {named} named")
    return True


def full_disk(lab, sensor):
    """ENOSPC: 4 MiB wait in memory, what comes then is lost and counted."""
    filler = lab.host_file(f"{sensor.state}/filler")
    lab.run("host", "sh", "-c", f"dd if=/dev/zero of={sensor.state}/filler bs=64k 2>/dev/null; :")
    assert filler.stat().st_size > 0
    bare.python(lab, CHURN, 4000)
    enforces(lab, sensor)
    bare.python(lab, CHURN, 4000)
    until("all of them are in the sink that has room", lambda: len(
        sensor.events("socket.listen")) >= 8000, seconds=40)
    enforces(lab, sensor)
    calm(sensor, 3)
    filler.unlink()


def dead_siem(lab, sensor):
    enforces(lab, sensor)
    calm(sensor, DEAD_S)
    until("the SIEM is told as down", lambda: sensor.sink("siem")["state"] == "down")
    assert "127.0.0.1" in sensor.sink("siem")["why"], sensor.sink("siem")


STALLS = """
import fcntl, os, sys, time
FREEZE, THAW = 0xC0045877, 0xC0045878
directory = os.open(sys.argv[1], os.O_RDONLY)
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    fcntl.ioctl(directory, FREEZE, 0)
    time.sleep(0.8)
    fcntl.ioctl(directory, THAW, 0)
    time.sleep(0.1)
"""


def slow_disk(lab, sensor):
    """The file system of the state directory stalls nine tenths of the time: whoever writes to it sleeps."""
    stalls = bare.python(lab, STALLS, sensor.state, 10)
    bare.python(lab, CHURN, 1000)
    enforces(lab, sensor)
    stalls.wait()
    assert stalls.returncode == 0
    until("all binds are told", lambda: len(sensor.events("socket.listen")) >= 1000, seconds=20)
    calm(sensor, 2)


def outage(report, lab, name, rows, also_lost):
    sensor = Sensor(lab, name)
    received = lab.directory / f"{name}-received"
    with sensor:
        for identity, sentence, function in rows:
            report.run("bare", identity, sentence, lambda: function(lab, sensor))
        report.run("bare", f"O{name[-1]}9", "the SIEM comes back: arrived + named by gaps = everything",
                   lambda: recovered(lab, sensor, received, also_lost))


def rows(report):
    with bare.bare_lab() as lab:
        bare.python(lab, SERVER)
        lab.run("host", "sh", "-ec", "mkdir /run/disk1-state; mount -t tmpfs -o size=3m disk1 /run/disk1-state")
        outage(report, lab, "disk1", (
            ("O11", "a dead SIEM: ports, binds, enforcement as ever, an idle processor", dead_siem),
            ("O12", "ENOSPC in the state directory: the same", full_disk)), also_lost=True)
        lab.run("host", "sh", "-ec", f"""mkdir /run/disk2-state; truncate -s 64M {lab.directory}/disk2
            mkfs.ext4 -q {lab.directory}/disk2; mount -o loop {lab.directory}/disk2 /run/disk2-state""")
        try:
            outage(report, lab, "disk2", (
                ("O21", "a disk that stalls again and again: the same", slow_disk),), also_lost=False)
        finally:
            lab.run("host", "umount", "/run/disk2-state")


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
