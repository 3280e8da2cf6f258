# SPDX-License-Identifier: Apache-2.0
"""Debian's own fail2ban with integrations/fail2ban: what a jail bans is closed on the host and in
containers at once, and open again on time. Everything of fail2ban is in the lab's directory."""

import json
import os
import shutil
import sys
import time

from harness import bare
from harness.clients import no_reach, reach
from harness.context import policy
from harness.lab import CLI4, CLI6, HOST4, HOST6, ROOT, Lab
from harness.portlid import BINARY, Portlid
from harness.wait import until

ECHO, PUBLISHED = 9000, 8080
BAN_SECONDS = 15


class Fail2ban:
    """fail2ban-server in the foreground with a configuration, socket and database of its own."""

    def __init__(self, lab, sensor):
        self.lab = lab
        self.directory = lab.directory / "fail2ban"
        self.log = self.directory / "log"
        self.watched = self.directory / "auth.log"
        for part in ("action.d", "filter.d"):
            (self.directory / part).mkdir(parents=True)
        shutil.copy(ROOT / "integrations/fail2ban/action.d/portlid.conf",
                    self.directory / "action.d")
        self.watched.touch()
        command = f"{BINARY} --socket {sensor.runtime}/portlid.sock"
        self._write("fail2ban.conf", "[DEFAULT]\n[Definition]\nloglevel = INFO\n"
                    f"logtarget = {self.log}\nsyslogsocket = auto\nallowipv6 = auto\n"
                    f"socket = {self.directory}/sock\npidfile = {self.directory}/pid\n"
                    f"dbfile = {self.directory}/db.sqlite3\ndbpurgeage = 1d\ndbmaxmatches = 10\n")
        self._write("filter.d/lab.conf", "[Definition]\nfailregex = ^ failed login from <HOST>$\n")
        self._write("jail.conf", "".join(
            f"[{name}]\nenabled = true\nbackend = polling\nfilter = lab\nusedns = no\n"
            f"logpath = {self.watched if name == 'lab' else self.directory / 'other.log'}\n"
            f"maxretry = 2\nfindtime = 600\nbantime = {BAN_SECONDS}\nignoreself = false\n"
            f"action = portlid[name={name}, portlid=\"{command}\"]\n"
            for name in ("lab", "other")))
        (self.directory / "other.log").touch()
        self.process = None

    def _write(self, name, text):
        (self.directory / name).write_text(text)

    def start(self):
        self.process = self.lab.spawn("host", "fail2ban-server", "-f", *self._where(), "start")
        until("fail2ban is ready", lambda: self.client("ping", check=False).returncode == 0,
              seconds=15)
        until("its jails run", lambda: "other" in self.client("status").stdout, seconds=5)

    def stop(self):
        self.client("stop")
        self.process.wait(timeout=15)
        self.lab.children.remove(self.process)

    def _where(self):
        return ("-c", self.directory, "-s", self.directory / "sock", "-p", self.directory / "pid")

    def client(self, *command, check=True):
        return self.lab.run("host", "fail2ban-client", *self._where(), *command, check=check)

    def failures(self, address):
        now = time.strftime("%Y-%m-%dT%H:%M:%S")
        with open(self.watched, "a", encoding="ascii") as log:
            log.write(f"{now} failed login from {address}\n" * 2)


def listed(sensor):
    items = json.loads(sensor.cli("bans", "-o", "json").stdout)["items"]
    return {item["source"]: item for item in items}


def everywhere(check, ns, address):
    """The host's own port and the container's."""
    return check(ns, address, ECHO) and check(ns, address, PUBLISHED)


class Rows:
    def __init__(self, lab, sensor, jail):
        self.lab, self.sensor, self.jail = lab, sensor, jail
        self.cli = lab.ns["cli"]

    def ban(self, jail, *addresses):
        """By hand; fail2ban carries it out on a thread of its own."""
        self.jail.client("set", jail, "banip", *addresses)
        until(f"{jail} bans {addresses}", lambda: {*addresses} <= listed(self.sensor).keys())

    def listed_are(self, *addresses):
        until(f"only {addresses} are banned", lambda: listed(self.sensor).keys() == {*addresses})

    def jail_bans(self):
        """log lines of an IPv4 and an IPv6 source: both are closed on host and container."""
        assert everywhere(reach, self.cli, HOST4) and everywhere(reach, self.cli, HOST6)
        self.jail.failures(CLI4)
        self.jail.failures(CLI6)
        until("both are banned", lambda: {CLI4, CLI6} <= listed(self.sensor).keys(), seconds=10)
        assert everywhere(no_reach, self.cli, HOST4) and everywhere(no_reach, self.cli, HOST6)
        ban = listed(self.sensor)[CLI4]
        assert ban["reason"] == "fail2ban lab" and ban["hits"] >= 2, ban
        assert 0 < ban["remaining_s"] < BAN_SECONDS, ban

    def on_time(self):
        """...and open again when the bantime is over, without a complaint of fail2ban."""
        self.sensor.wait_event("ban.expired", lambda e: e["kind"] == "ban.expired",
                               seconds=BAN_SECONDS + 2)
        until("open again", lambda: not listed(self.sensor), seconds=BAN_SECONDS)
        assert everywhere(reach, self.cli, HOST4) and everywhere(reach, self.cli, HOST6)
        until("fail2ban noticed", lambda: f"Unban {CLI4}" in self.jail.log.read_text(), seconds=10)
        assert " ERROR " not in self.jail.log.read_text(), self.jail.log.read_text()

    def by_hand(self):
        """unban of one source, of one jail only, and flush."""
        self.ban("lab", CLI4)
        assert everywhere(no_reach, self.cli, HOST4)
        self.jail.client("set", "lab", "unbanip", CLI4)
        self.listed_are()
        assert everywhere(reach, self.cli, HOST4)
        self.ban("lab", "192.0.2.1", "192.0.2.2")
        self.ban("other", "192.0.2.3")
        self.sensor.cli("ban", "192.0.2.4")
        self.jail.client("reload", "--unban", "lab")
        self.listed_are("192.0.2.3", "192.0.2.4")
        self.jail.client("unban", "--all")
        self.listed_are("192.0.2.4")
        self.sensor.cli("unban", "--all")
        self.listed_are()

    def kept(self):
        """A ban stays through a kill and a restart of the sensor; stop of fail2ban lifts its own."""
        self.ban("lab", CLI4)
        self.sensor.kill()
        assert everywhere(no_reach, self.cli, HOST4)
        # The check fails while no sensor runs: said in the log, the jail goes on.
        self.jail.client("set", "lab", "banip", "192.0.2.9", check=False)
        until("fail2ban says so", lambda: "no sensor is running" in self.jail.log.read_text())
        self.sensor.start()
        assert everywhere(no_reach, self.cli, HOST4)
        self.ban("lab", "192.0.2.10")
        self.jail.stop()
        self.listed_are()
        assert everywhere(reach, self.cli, HOST4)


def rows(report):
    with Lab(f"e2e-f2b-{os.getpid()}") as lab:
        lab.ufw("disable")
        lab.container("web", "-p", f"{PUBLISHED}:80")
        lab.echo_server("host", str(ECHO))
        opened = policy("enforce", f"{ECHO}/tcp", f"{PUBLISHED}/tcp")
        with Portlid(lab, opened) as sensor:
            jail = Fail2ban(lab, sensor)
            jail.start()
            work = Rows(lab, sensor, jail)
            for identity, function in (("F01", work.jail_bans), ("F02", work.on_time),
                                       ("F03", work.by_hand), ("F04", work.kept)):
                report.run("docker", identity, function.__doc__, function)


if __name__ == "__main__":
    if shutil.which("fail2ban-server") is None:
        print("SKIP all rows: missing fail2ban\n0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    sys.exit(bare.guarded(rows))
