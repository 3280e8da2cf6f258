# SPDX-License-Identifier: Apache-2.0
"""What happens to the process: killed, stopped, restarted, out of memory, and pins that lie when it comes back."""

import pathlib
import signal
import subprocess
import time

from harness.wait import until

from .fault import Fault
from .world import AWAY, LIARS

MEMORY = pathlib.Path("/sys/fs/cgroup/memory")  # cgroup v1; elsewhere the fault is left out
OOM_BYTES = 512 << 10
LISTENERS = """
import signal, socket
keep = [socket.create_server(("127.0.%d.%d" % (10 + n // 250, 1 + n % 250), 7070)) for n in range(900)]
print("ready", flush=True)
signal.pause()
"""


class Daemon(Fault):
    where, blinds, takes = "daemon", True, (AWAY,)

    def undo(self):
        self.sensor.start()


class Killed(Daemon):
    """kill -9"""

    def do(self):
        self.sensor.kill()


class Restarted(Daemon):
    """SIGTERM, what is in force stays"""

    def do(self):
        self.sensor.stop()


class KilledInStart(Daemon):
    """kill -9, a new start, and kill -9 somewhere in that start"""

    def do(self):
        self.sensor.kill()
        child = self.lab.spawn("host", *self.sensor.command)
        time.sleep(self.dice.uniform(0.0, 0.4))
        child.kill()
        child.wait()
        self.lab.children.remove(child)


class Stopped(Daemon):
    """SIGSTOP"""

    def do(self):
        self.sensor.process.send_signal(signal.SIGSTOP)

    def undo(self):
        self.sensor.process.send_signal(signal.SIGCONT)


class OutOfMemory(Daemon):
    """a small memory group, and more listeners than fit in it"""

    def possible(self):
        return (MEMORY / "memory.limit_in_bytes").exists()

    def do(self):
        # Below the name that scripts/lab down clears away.
        self.group = MEMORY / self.lab.cgroup.name / "small"
        self.group.mkdir(parents=True)
        (self.group / "memory.limit_in_bytes").write_text(str(OOM_BYTES))
        (self.group / "cgroup.procs").write_text(str(self.sensor.process.pid))
        self.many = self.lab.spawn("host", "/usr/bin/python3", "-Ic", LISTENERS)
        try:
            self.sensor.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass  # what it had already was enough

    def undo(self):
        self.lab.end(self.many)
        killed = self.sensor.process.poll() is not None
        self.world.say(f"  the memory group {'killed it' if killed else 'did not suffice to kill it'}")
        if killed:
            self.sensor.process.wait()
            self.sensor.abandon()
            self.sensor.start()
        else:
            (MEMORY / "cgroup.procs").write_text(str(self.sensor.process.pid))
        until("the memory group is empty", lambda: not (self.group / "cgroup.procs").read_text())
        self.group.rmdir()


class LyingPins(Daemon):
    """kill -9; pins of interfaces that never were, and pins that are something else"""

    def do(self):
        self.sensor.kill()
        links = self.links()
        # Another fault may just have removed one.
        original = [hook for hook in ("bind4", "listen") if (self.lab.host_file(links) / hook).exists()]
        self.made = [f"{links}/{name}" for name in LIARS]
        for pin in self.made:
            self.pin("link", f"{links}/{self.dice.choice(original)}", pin)

    def links(self):
        return f"{self.sensor.bpffs}/{next(p for p in self.sensor.pins() if p.endswith('/links'))}"

    def pin(self, kind, original, other):
        """A second pin of the same object."""
        shown = self.world.host("bpftool", "-j", kind, "show", "pinned", original).stdout
        identity = shown.split('"id":')[1].split(",")[0]
        self.world.host("bpftool", kind, "pin", "id", identity, other)

    def undo(self):
        self.sensor.start()
        if self.made:
            self.world.host("rm", "-f", *self.made)


class SwappedPins(LyingPins):
    """kill -9; the pins of the ingress and the egress link have changed names"""

    def do(self):
        self.sensor.kill()
        pins = self.sensor.pins()
        names = [p for p in pins if p.endswith(("_xdp", "_tcx_in", "_tcx_out")) and not p.endswith(LIARS)]
        self.made = []
        if len(names) == 2:
            self.world.host("sh", "-ec", 'cd "$0"; mv "$1" kept; mv "$2" "$1"; mv kept "$2"',
                            self.sensor.bpffs, *names)
        # At once: what another fault means by a name must be what has it.
        self.sensor.start()

    def undo(self):
        """Nothing is left to put back."""


class LyingMap(Daemon):
    """kill -9; two maps have changed names: the start is refused, what is in force stays"""

    def swap(self):
        maps = f"{self.sensor.bpffs}/{next(p for p in self.sensor.pins() if p.endswith('/maps'))}"
        self.world.host("sh", "-ec", f"cd {maps}; mv bans kept; mv flows bans; mv kept flows")

    def do(self):
        self.sensor.kill()
        self.swap()
        done = self.sensor.run_to_end()
        assert done.returncode == 1 and "does not fit" in done.stderr and "detach" in done.stderr, done

    def undo(self):
        self.swap()
        self.sensor.start()


FAULTS = (Killed, Restarted, KilledInStart, Stopped, OutOfMemory, LyingPins, SwappedPins,
          LyingMap)
