# SPDX-License-Identifier: Apache-2.0
"""E02: a sensor whose maps have another layout takes over what an earlier version had in force, and what an upgrade
that fails half-way leaves. All the while SYNs to a closed port get no answer, a session goes on and a download of the
host has no pause. Another version is simulated by its pin directory: what is in v5 or v9 is not ours, so
its maps are not read and its links are moved and updated."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

from harness import bare
from harness.clients import Session, no_reach, reach
from harness.lab import CLI2_4, CLI4, HOST4
from harness.portlid import BINARY, Portlid
from harness.prober import Prober
from harness.wait import PATIENCE, until

from bare_unit import Confined

WEB, FEED = 8080, 5201
POLICY = ("version: 1\nmode: enforce\nzones:\n  public: { interfaces: [uplink], default: drop, existing: 0 }\n"
          "services:\n  - { name: ssh, ports: [22/tcp] }\n")
BROKEN = "version: 1\nnonsense: true\n"
INSTANTS = 10
LONGEST_PAUSE = 1.0  # seconds; one segment that is dropped costs 0.2, a second try 0.4 more
FINAL = {"CAP_SYS_ADMIN": 4, "CAP_NET_ADMIN": 4}
WEAKER = ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")


class Download:
    """A connection that the host opened, and bulk data that comes in by it: replies, to the sensor."""

    def __init__(self, lab):
        with lab.ns["cli"].socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((CLI4, FEED))
            server.listen()
            self.host = lab.ns["host"].socket()
            self.host.settimeout(10 * PATIENCE)
            self.host.connect((CLI4, FEED))
            self.cli = server.accept()[0]
        self.cli.settimeout(10 * PATIENCE)
        self.received, self.pause, self.error, self.running = 0, 0.0, None, True
        self.threads = [threading.Thread(target=self._guard, args=(work,)) for work in (self._feed, self._read)]

    def _guard(self, work):
        try:
            work()
        except OSError as error:
            self.error = self.error or error

    def _feed(self):
        while self.running:
            self.cli.sendall(bytes(65536))
            time.sleep(0.005)
        self.cli.shutdown(socket.SHUT_WR)

    def _read(self):
        last = time.monotonic()
        while data := self.host.recv(1 << 18):
            now = time.monotonic()
            self.received, self.pause, last = self.received + len(data), max(self.pause, now - last), now

    def goes_on(self):
        before = self.received
        until("the download goes on", lambda: self.received > before + (1 << 20))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, *_):
        self.running = False
        for thread in self.threads:
            thread.join()
        self.cli.close()
        self.host.close()


@contextlib.contextmanager
def under_fire(lab, *ports):
    """SYNs to `ports` at 500 Hz that nobody may answer; a session to an open port and a download that must live."""
    session = Session(lab.ns["cli"], HOST4, 22)
    with Download(lab) as download:
        with Prober(lab, ports or (WEB,), period=0.002) as prober:
            prober.after(100)
            yield
            prober.after(250)
        download.goes_on()
        assert session.alive(), "a session to an open port died"
    session.close()
    assert not prober.answers, f"{len(prober.answers)} of {prober.sent} SYNs were answered: {prober.answers}"
    assert download.error is None and download.pause < LONGEST_PAUSE * PATIENCE, (download.error, download.pause)


def versions(sensor):
    """Names of the pin directories."""
    return sorted(path.name for path in sensor.lab.host_file(sensor.bpffs).iterdir())


def links(sensor):
    """{name: id} of the links that judge packets and see replies go out, whatever version's directory they are in."""
    found = {}
    for pin in sensor.pins():
        if pin.endswith(("_xdp", "_in", "_out")):
            shown = sensor.lab.run("host", "bpftool", "-j", "link", "show", "pinned", f"{sensor.bpffs}/{pin}")
            found[pin.rpartition("/")[2]] = json.loads(shown.stdout)["id"]
    assert len(found) >= 2, sensor.pins()
    return found


def as_version(sensor, other):
    """What is in force was put there by version `other`."""
    ours, = versions(sensor)
    root = sensor.lab.host_file(sensor.bpffs)
    (root / ours).rename(root / other)
    return ours


@contextlib.contextmanager
def in_force(lab, sensor=None):
    """A sensor, with POLICY in force and a ban, as a service has it; afterwards nothing of it is left."""
    sensor = sensor or Portlid(lab, POLICY, docker=False, options=("--on-exit", "keep"))
    try:
        sensor.start()
        sensor.cli("ban", "203.0.113.99", "--for", "1h")
        yield sensor
    finally:
        if sensor.process:
            sensor.stop()
        lab.run("host", BINARY, "detach", "--bpffs", sensor.bpffs)
    assert not sensor.pins(), sensor.pins()


def closed(lab):
    return no_reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["cli"], HOST4, 22)


def taken_over(lab, sensor, ours, before):
    """It runs, and filters by the links that were there; nothing of the other version is left; the ban is in force."""
    assert versions(sensor) == [ours], versions(sensor)
    assert links(sensor) == before, (links(sensor), before)
    assert "203.0.113.99" in sensor.cli("bans").stdout
    assert closed(lab)


def upgrade(lab, other):
    with in_force(lab) as sensor:
        before = links(sensor)
        with under_fire(lab):
            sensor.kill()
            ours = as_version(sensor, other)
            sensor.start()
            taken_over(lab, sensor, ours, before)


def upgraded(lab):
    """an upgrade from another map layout (v5) under a prober, a session and a download: the same links, no answer, no
    pause, the ban kept, nothing left of the other version"""
    upgrade(lab, "v5")


def downgraded(lab):
    """the way back, from a newer version's pins (v9): the same"""
    upgrade(lab, "v9")


def banned(lab):
    """a banned source gets no answer of an open port either, though the bans' map is a new one"""
    with in_force(lab) as sensor:
        sensor.cli("ban", CLI2_4, "--for", "1h")
        with under_fire(lab, 22, WEB):
            sensor.kill()
            as_version(sensor, "v5")
            sensor.start()


def failures(sensor):
    """(what stands in the way of a start, how it is put there, how it is taken away)"""
    def policy(text):
        return lambda: sensor.write_policy(text)

    def events(target):
        return lambda: sensor.command.__setitem__(sensor.command.index("--events") + 1, f"file:{target}")

    socket_path = sensor.lab.host_file(f"{sensor.runtime}/portlid.sock")

    def obstruct():
        socket_path.unlink(missing_ok=True)
        socket_path.mkdir()
        (socket_path / "in the way").touch()

    def unblock():
        (socket_path / "in the way").unlink()
        socket_path.rmdir()

    return (("a broken policy", policy(BROKEN), policy(POLICY)),
            ("no directory for the events", events("/nowhere/events"), events(sensor.events_path)),
            ("a control socket that cannot be made, known only when all is attached", obstruct, unblock))


def fail(lab, number):
    with in_force(lab) as sensor:
        what, spoil, mend = failures(sensor)[number]
        before = links(sensor)
        with under_fire(lab):
            sensor.kill()
            ours = as_version(sensor, "v5")
            spoil()
            try:
                done = sensor.run_to_end()
            finally:
                mend()
            assert done.returncode not in (0, -9), (what, done.returncode, done.stderr)
            assert sensor.pins(), f"{what}: the start that failed took out what was in force"
            assert links(sensor) == before, (what, links(sensor), before)
            assert closed(lab), what
            sensor.start()
            taken_over(lab, sensor, ours, before)


def failed(lab):
    """an upgrade that cannot start (a broken policy, no place for events): it ends by itself, the old links go on
    deciding, and the next good start takes them over"""
    fail(lab, 0)
    fail(lab, 1)


def failed_late(lab):
    """an upgrade that fails when all is attached (no control socket): the same"""
    fail(lab, 2)


def start_and_kill(sensor, seconds):
    """A start that is ended with SIGKILL after so long."""
    with open(sensor.log_path, "ab") as log:
        child = sensor.lab.spawn("host", *sensor.command, stdout=log, stderr=log)
    with contextlib.suppress(subprocess.TimeoutExpired):
        raise AssertionError(f"the start ended with {child.wait(timeout=seconds)}:\n{sensor.log()}")
    child.kill()
    child.wait()
    sensor.lab.children.remove(child)


def killed(lab):
    """upgrades that are killed at ten instants of the start, one after the other: what was in force decides all the
    while, and the next good start takes it over"""
    with in_force(lab) as sensor:
        before, whole = links(sensor), sensor.ready_seconds
        ours, = versions(sensor)
        with under_fire(lab):
            sensor.kill()
            for number in range(INSTANTS):
                # A start that is killed early has made nothing of its own yet.
                if versions(sensor) == [ours]:
                    as_version(sensor, "v5")
                start_and_kill(sensor, whole * (number + 1) / (INSTANTS + 1))
                assert links(sensor) == before, (number, links(sensor), before, sensor.pins())
                assert closed(lab), number
            sensor.start()
            taken_over(lab, sensor, ours, before)


def without(lab):
    """E14 with something in force: a restart without CAP_SYS_ADMIN or CAP_NET_ADMIN ends with 4 and says which, without
    another capability it runs; nothing that was in force stops being so"""
    with in_force(lab, Confined(lab, POLICY)) as sensor:
        for name in (*FINAL, *WEAKER):
            sensor.kill()
            lame = Confined(lab, POLICY, without=[name], like=sensor)
            if name in FINAL:
                done = lame.run_to_end()
                assert done.returncode == FINAL[name] and name in done.stderr, (name, done.returncode, done.stderr)
            else:
                lame.start()
                lame.kill()
            assert closed(lab), name
            sensor.start()


# E13, the wall clock +-1 h, has no row: nothing but the machine's own clock moves CLOCK_REALTIME. The kernel's half
# asks the monotonic clocks only (bpf/lib/clock.h); what is kept across boots has
# R08 of bare_rescue.py and, in unit tests,
# State.AClockThatIsBehindAfterARebootProlongsNothing, State.AfterARebootInstantsFollowTheWallClock,
# HistoryTest.AClockThatJumpsAheadDoesNotEmptyIt, BootClock.NeverGoesBackAndMeetsTheWallClock.
ROWS = (("E02", upgraded), ("E02b", downgraded), ("E02c", banned), ("E02d", failed), ("E02e", failed_late),
        ("E02f", killed), ("E14b", without))


def rows(report):
    with bare.bare_lab() as lab:
        bare.echo_server(lab, 22, WEB)
        for identity, function in ROWS:
            report.run("upgrade", identity, " ".join(function.__doc__.split()), lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
