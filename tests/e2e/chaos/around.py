# SPDX-License-Identifier: Apache-2.0
"""What happens around the sensor: policies, the engine, the disk, floods, names."""

import signal

from bare_sinks import FLOOD
from harness import bare
from harness.context import policy
from harness.packets import syns
from rows.life import broken_policies

from .fault import Fault
from .world import ENGINELESS, FLEETING_OPEN, POLICY, STATE

SPOOFED, BURST = 20_000, 100
# What a terminal, a JSON reader or a log would stumble over, as the name of a process that listens.
HOSTILE = [b"\x1b]0;owned\x07", b'","v":2,"', b"a\nb\rc\td", b"\xff\xfe\xc0\x80", b"%s%n${x}", b" ", b"]]>--;'"]
NAMED = """
import signal, socket, sys
with open("/proc/self/comm", "wb") as file:
    file.write(bytes.fromhex(sys.argv[1]))
keep = socket.create_server(("127.0.0.1", 0))
print("ready", flush=True)
signal.pause()
"""


class Reloaded(Fault):
    """another good policy, and back"""
    where, needs_daemon = "policy", True

    def do(self):
        self.sensor.reload(policy("enforce", f"{FLEETING_OPEN}/tcp", "8443/tcp"))

    def undo(self):
        self.sensor.policy_path.unlink(missing_ok=True)
        self.sensor.reload(POLICY)


class BrokenPolicy(Reloaded):
    """a policy that must be refused"""

    def do(self):
        name, _, place = self.dice.choice(broken_policies(self.sensor.policy_path))
        self.world.say(f"  {name}")
        place()
        self.sensor.process.send_signal(signal.SIGHUP)


class DockerRestarted(Fault):
    """dockerd killed and started again"""
    where, takes, lasts = "engine", (ENGINELESS,), False

    def do(self):
        self.lab.restart_dockerd()


class DiskFull(Fault):
    """ENOSPC in the state directory"""
    where, mutes = "disk", True

    def do(self):
        self.world.host("sh", "-c", f"dd if=/dev/zero of={STATE}/filler bs=64k 2>/dev/null; :")

    def undo(self):
        self.lab.host_file(f"{STATE}/filler").unlink()


class BindFlood(Fault):
    """20,000 binds as fast as they come"""
    where = "load"

    def do(self):
        self.flood = self.lab.spawn("host", "/usr/bin/python3", "-Ic", FLOOD)

    def undo(self):
        self.flood.wait()
        self.lab.children.remove(self.flood)


class SpoofedFlood(Fault):
    """SYNs from 20,000 sources"""
    where = "load"

    def do(self):
        # The queue of a veth holds 256 frames: what it drops would be lost for another reason.
        syns(self.lab, SPOOFED, lambda number: ((0x0B00, number), 5432), burst=BURST,
             mac=self.world.mac)


class HostileName(Fault):
    """a listener with a name that nobody should print as it is"""
    where = "names"

    def do(self):
        name = self.dice.choice(HOSTILE)
        self.world.say(f"  {name!r}")
        self.child = bare.python(self.lab, NAMED, name.hex())

    def undo(self):
        self.lab.end(self.child)


FAULTS = (Reloaded, BrokenPolicy, DockerRestarted, DiskFull, BindFlood, SpoofedFlood, HostileName)
