# SPDX-License-Identifier: Apache-2.0
"""What happens to the interface and to what the sensor has on it: links, pins, names, other programs."""

import subprocess

from harness.foreign import denies_bind
from harness.lab import ROOT
from harness.wait import until
from rows.foreign import attach_foreign, detach_foreign

from .fault import Fault
from .world import DEAF, LIARS, REPAIR_SECONDS, UNFILTERED, UNHEARD, UNWIRED

HOOKS = ("post_bind4", "post_bind6", "bind4", "bind6", "sock_release", "listen")


class Wire(Fault):
    where = "wire"
    told_until = None  # how much of the event file there was before we tampered

    def pin(self, *endings):
        """The pin of one link of ours that ends so; None when another fault took it."""
        found = [p for p in self.sensor.pins() if p.endswith(endings) and not p.endswith(LIARS)]
        return f"{self.sensor.bpffs}/{self.dice.choice(found)}" if found else None

    def detach(self, *endings):
        if pin := self.pin(*endings):
            self.tamper("bpftool", "link", "detach", "pinned", pin)

    def tamper(self, *command):
        self.told_until = self.sensor.events_path.stat().st_size
        self.world.host(*command)

    def undo(self):
        """Nothing of ours: the sensor has to see and to mend it. One that came later cannot have seen it."""
        if self.told_until is not None and not self.world.blind:
            until("the tampering is told", self.told, seconds=REPAIR_SECONDS)

    def told(self):
        with open(self.sensor.events_path, "rb") as file:
            file.seek(self.told_until)
            return b'"tamper.detected"' in file.read()

    def replug(self, *mac):
        subprocess.run([ROOT / "scripts/lab", "replug", *mac], env=self.lab.environment, check=True)


class IngressDetached(Wire):
    """root detaches the ingress program"""
    lasts = False
    takes = (UNFILTERED,)

    def do(self):
        self.detach("_xdp", "_tcx_in")


class EgressDetached(Wire):
    """root detaches the egress program"""
    takes = (UNHEARD,)

    def do(self):
        self.detach("_tcx_out")


class HookDetached(Wire):
    """root detaches a socket hook"""
    lasts = False
    takes = (DEAF,)

    def do(self):
        self.detach(*(f"/{hook}" for hook in HOOKS if hook != "listen"))  # a tracing link knows no detach


class PinRemoved(Wire):
    """root removes the pin of a link"""
    # Without a daemon that holds it, a link goes with its pin.
    takes_when_blind = (UNFILTERED, UNHEARD, DEAF)

    def do(self):
        if pin := self.pin("_xdp", "_tcx_in", "_tcx_out", *(f"/{hook}" for hook in HOOKS)):
            self.tamper("rm", pin)


class Renamed(Wire):
    """the NIC gets another name"""

    def do(self):
        self.world.host("ip", "link", "set", "eth0", "name", "wan0")

    def undo(self):
        self.world.host("ip", "link", "set", "wan0", "name", "eth0")


class Moved(Wire):
    """the NIC goes to another network namespace and comes back"""
    takes = (UNFILTERED, UNWIRED)

    def do(self):
        self.away = self.lab.spawn("host", "unshare", "--net", "sh", "-c", "echo ready; exec sleep 600",
                                   stdout=subprocess.PIPE, text=True)
        assert self.away.stdout.readline() == "ready\n"
        self.world.host("ip", "link", "set", "eth0", "netns", str(self.away.pid))

    def undo(self):
        self.world.host("nsenter", f"--target={self.away.pid}", "--net", "--", "ip", "link", "set", "eth0",
                        "netns", str(self.lab.pids["host"]))
        self.lab.end(self.away)
        self.replug()


class Replugged(Wire):
    """the NIC is deleted and comes back as a new one"""
    takes = (UNFILTERED, UNWIRED)

    def do(self):
        self.world.host("ip", "link", "del", "eth0")

    def undo(self):
        self.replug(self.world.mac.hex(":"))


class ForeignXdp(Wire):
    """root detaches the ingress program and puts a foreign one in its place"""
    takes = (UNFILTERED,)

    def do(self):
        self.detach("_xdp", "_tcx_in")
        try:
            attach_foreign(self.world)
        except AssertionError as error:  # ours was back before
            self.world.say(f"  the foreign program was refused: {str(error).splitlines()[-1]}")

    def undo(self):
        detach_foreign(self.world)
        super().undo()


class ForeignBind(Wire):
    """a foreign program at the bind hook of a cgroup below ours"""

    def do(self):
        self.denial = denies_bind(self.lab.cgroup / "host/init", 9999)
        self.denial.__enter__()

    def undo(self):
        self.denial.__exit__(None, None, None)


FAULTS = (IngressDetached, EgressDetached, HookDetached, PinRemoved, Renamed, Moved, Replugged, ForeignXdp,
          ForeignBind)
