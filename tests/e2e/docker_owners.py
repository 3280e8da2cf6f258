# SPDX-License-Identifier: Apache-2.0
"""Owner-bound services with real containers and on the host: open after proof, closed in the kernel
when the owner goes, with or without a daemon; refused binds; labels within their ceiling."""

import errno
import json
import os
import shutil
import sys

from harness import bare
from harness.clients import handshakes, no_reach, reach
from harness.engine import MANNERS
from harness.foreign import denies_bind
from harness.lab import HOST4, HOST6, Lab
from harness.podman import SOCKET, Podman
from harness.rows import Skip
from harness.wait import until
from rows.owned import BINDS, EPERM, LABELS, OFFICE, Host, closed

STORM = int(os.environ.get("PORTLID_E2E_STORM", "2"))  # dockerd restarts; E08 in full is 20


class Rows:
    def __init__(self, host):
        self.host, self.lab, self.sensor, self.cli = host, host.lab, host.sensor, host.cli
        self.servers = {}

    def containers_prove(self):
        """container, image by digest, compose, label: SYNs before the proof are dropped, then it opens"""
        lab = self.lab
        dropped = self.sensor.packets()["by_reason"].get("owner_absent", 0)
        with self.host.daemon_stopped():
            lab.container("web", "-p", "8080:80")
            lab.container("web-udp", "-p", "5353:5353/udp", command=("lab_echo", "5353"))
            lab.container("digest", "-p", "8081:80", command=("lab_echo", "80"))
            lab.container("composed", "-p", "8082:80", "--label", "com.docker.compose.project=shop",
                          "--label", "com.docker.compose.service=front")
            lab.container("labelled", "-p", "8083:80", "--label", "tier=front")
            lab.container("other", "-p", "8084:80")
            lab.container("hostnet", "--network", "host", command=("lab_echo", "9090"))
            assert closed(self.cli, *((p,) for p in (8080, 8081, 8082, 8083, 8084, 9090)),
                          (5353, "udp"))
        for port in (8080, 8081, 8082, 8083, 9090):
            self.host.opens(port)
        self.host.opens(5353, "udp")
        assert reach(self.cli, HOST6, 8080) and reach(self.cli, HOST6, 9090)
        until("the drops are counted as owner_absent", lambda:
              self.sensor.packets()["by_reason"]["owner_absent"] >= dropped + 6)

    def wrong_container(self):
        """a container that does not fit opens nothing, and an event names it"""
        assert closed(self.cli, (8084,))
        self.lab.docker("restart", "-t", "0", "other")  # the sensor slept when it first came
        told = until("an event names it", lambda: [
            e for e in self.host.told_of(8084) if e["holder"]["container"]])[0]
        assert told["owner"] == "container: web*" and told["service"] == "by-name", told
        assert told["holder"]["container"]["name"] == "other", told
        item = self.sensor.ports(port=8084, family="ipv4", host_netns=True)[0]
        assert item["verdict"] == "closed", item
        answer = json.loads(self.sensor.cli("explain", "203.0.113.9", "to", ":8084/tcp", "-o",
                                            "json").stdout)
        assert answer["reason"] == "owner_absent", answer

    def host_proves(self):
        """unit, exe with user: open after proof; another user, program or cgroup opens nothing"""
        with self.host.daemon_stopped():
            self.servers[9001] = self.host.server(9001, cgroup=self.host.unit)
            self.servers[9002] = self.host.server(9002)
            wrong = self.host.server(9003, "65534")
            assert closed(self.cli, (9001,), (9002,), (9003,))
        self.host.opens(9001)
        self.host.opens(9002)
        until("nobody on 9003 is told", lambda: self.host.told_of(9003))
        assert closed(self.cli, (9003,))
        self.host.end(wrong)
        wrong = self.host.disguised(9003)
        told = until("the disguised one is told", lambda: [
            e for e in self.host.told_of(9003) if e["holder"]["pid"] == wrong.pid])
        assert told[0]["holder"]["user"] == "root", told
        assert closed(self.cli, (9003,))
        self.host.end(wrong)

    def impostor_after(self):
        """owner killed -9, an impostor on its address and port: closed, and an event names both"""
        owner = self.servers.pop(9001)
        self.host.end(owner)
        impostor = self.host.server(9001)
        assert closed(self.cli, (9001,))
        told = until("an event names both", lambda: self.host.told_of(9001))[-1]
        assert told["holder"]["pid"] == impostor.pid and told["holder"]["unit"] is None, told
        assert told["previous"]["holder"]["pid"] == owner.pid, told
        assert told["previous"]["holder"]["unit"] == "echo.service", told
        assert told["severity"] == "high" and told["owner"] == "unit: echo.service", told
        self.host.end(impostor)
        self.servers[9001] = self.host.server(9001, cgroup=self.host.unit)
        self.host.opens(9001)

    def impostor_beside(self):
        """an impostor that shares the port (SO_REUSEPORT): closed at once, open when it has gone"""
        self.host.end(self.servers.pop(9002))
        self.servers[9002] = self.host.server(9002, "share")
        self.host.opens(9002)
        impostor = self.host.disguised(9002, "share")
        assert closed(self.cli, (9002,))
        told = until("an event names it", lambda: [
            e for e in self.host.told_of(9002) if e["holder"]["pid"] == impostor.pid])
        assert told[-1]["previous"]["holder"]["pid"] == self.servers[9002].pid, told
        self.host.end(impostor)
        self.host.opens(9002)

    def restarted(self):
        """a container that restarts opens its port again"""
        self.lab.docker("restart", "-t", "0", "web")
        self.host.opens(8080)

    def without_daemon(self):
        """daemon killed, then the owners (kill -9, docker kill), then impostors: closed in the kernel"""
        self.sensor.kill()
        assert reach(self.cli, HOST4, 9001) and reach(self.cli, HOST4, 8080)
        self.host.end(self.servers.pop(9001))
        self.lab.docker("kill", "web")
        impostors = [self.host.server(9001), self.host.server(8080)]
        assert closed(self.cli, (9001,), (8080,))
        self.adopted(impostors)

    def adopted(self, impostors):
        """A second daemon: what was proven stays open all the while, what was not stays closed."""
        self.sensor.command += ["--docker", f"unix://{self.lab.directory}/hostile.sock", "--docker",
                                f"unix://{SOCKET}"]
        with handshakes(self.cli, (HOST4, 8081), (HOST4, 9002)) as tried:
            self.sensor.start()
        assert tried and {one.answer for one in tried} == {"open"}, tried
        until("the impostor is told", lambda: [
            e for e in self.host.told_of(9001) if e["holder"]["pid"] == impostors[0].pid])
        assert closed(self.cli, (9001,), (8080,))
        for impostor in impostors:
            self.host.end(impostor)
        self.lab.docker("start", "web")
        self.servers[9001] = self.host.server(9001, cgroup=self.host.unit)
        self.host.opens(8080)
        self.host.opens(9001)

    def binds(self):
        """binds refuse: EPERM and an event for what no rule allows; nothing else is touched"""
        tcp4, udp4 = ("AF_INET", "SOCK_STREAM"), ("AF_INET", "SOCK_DGRAM")
        foreign = self.lab.cgroup / "host" / "foreign"
        foreign.mkdir()
        outsider = [[*tcp4, 9500, 0], [*udp4, 9500, 0], ["AF_INET6", "SOCK_STREAM", 9500, 0],
                    [*tcp4, 9004, 0], [*tcp4, 8999, 0], [*tcp4, 0, 0], [*udp4, 0, 0]]
        self.host.end(self.servers.pop(9001))
        self.host.end(self.servers.pop(9002))
        self.sensor.reload(self.host.policy(BINDS))
        until("it is in force", lambda: self.host.tries([*tcp4, 9500, 0]) == [EPERM])
        got = self.host.tries(*outsider)
        assert got == [EPERM] * 4 + [0] * 3, got
        got = self.host.tries([*tcp4, 9001, 0], [*tcp4, 9002, 0], [*tcp4, 9002, 65534])
        assert got == [EPERM, 0, EPERM], got
        assert self.host.tries([*tcp4, 9001, 0], cgroup=self.host.unit) == [0]
        elsewhere = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
        assert self.host.tries([*tcp4, 9500, 0], before=elsewhere) == [0]
        self.refusals_told()
        self.newcomers(tcp4)
        with denies_bind(foreign, 8500):
            assert self.host.tries([*tcp4, 8500, 0], [*tcp4, 8501, 0], [*tcp4, 9500, 0],
                              cgroup=foreign) == [EPERM, 0, EPERM]
            self.sensor.reload(self.host.policy())
            until("9500 is free, as if nobody had tried",
                  lambda: self.host.tries([*tcp4, 9500, 0], [*udp4, 9500, 0]) == [0, 0])
            assert self.host.tries([*tcp4, 8500, 0], cgroup=foreign) == [EPERM]
        assert self.host.tries([*tcp4, 80, 65534]) == [errno.EACCES]
        foreign.rmdir()

    def newcomers(self, tcp4):
        """...and whoever a rule names is known at once: a fresh unit, a container at its first start."""
        late = self.lab.cgroup / "host" / "system.slice" / "late@1.service"
        late.mkdir()
        until("a fresh unit may bind", lambda: self.host.tries([*tcp4, 9005, 0], cgroup=late) == [0],
              seconds=0.5)  # the first try, unless the sensor was just reading something long
        late.rmdir()
        self.lab.container("binder-good", "--network", "host", command=("lab_echo", "9601"))
        until("it listens at its first start", lambda: self.sensor.ports(port=9601))
        for _ in range(3):
            self.lab.docker("restart", "-t", "0", "binder-good")
            until("and after a restart", lambda: self.sensor.ports(port=9601))
        self.lab.docker("rm", "-f", "binder-good")

    def refusals_told(self):
        """...of a container that shares the host's network too, by its name."""
        self.lab.docker("run", "--name", "binder", "--network", "host", "tiny:1", "nc", "-l", "-p",
                        "9600", check=False)
        log = self.lab.container_log("binder")
        assert "ermitted" in log, log
        event = self.sensor.wait_event("socket.refused of the container", lambda e: (
            e["kind"] == "socket.refused" and e["socket"]["port"] == 9600))
        assert event["container"]["name"] == "binder" and event["verdict"] == "refused", event
        event = self.sensor.wait_event("socket.refused of a process", lambda e: (
            e["kind"] == "socket.refused" and e["socket"]["port"] == 9500))
        assert event["process"]["comm"].startswith("python3"), event
        assert event["mode"] == "enforce" and event["verdict"] == "refused", event
        assert not self.sensor.ports(port=9500) and not self.sensor.ports(port=9600)
        self.lab.docker("rm", "binder")

    def labels(self):
        """labels open what the ceiling covers, to whom they say; beyond it nothing, and it is told"""
        def labelled(name, port, *words):
            options = [part for word in words for part in ("--label", "portlid." + word)]
            self.lab.container(name, "-p", f"{port}:80", *options)
        self.sensor.reload(self.host.policy(labels=LABELS))
        labelled("asks", 8050, f"allow-from={OFFICE}")
        labelled("too-wide", 8051, "allow-from=any")
        labelled("other-port", 8150, f"allow-from={OFFICE}")
        labelled("too-long", 8052, f"allow-from={OFFICE}", "allow-for=48h")
        labelled("garbage", 8053, "allow-from=office;rm")
        self.host.opens(8050)
        assert no_reach(self.lab.ns["cli2"], HOST4, 8050)
        for name, word in (("too-wide", "any"), ("other-port", "8150/tcp"), ("too-long", "48h"),
                           ("garbage", "office;rm")):
            event = self.sensor.wait_event(f"{name} is told", lambda e: (
                e["kind"] == "policy.rejected" and e["errors"][0]["file"] == f"container {name}"))
            assert word in event["errors"][0]["message"], event
        assert closed(self.cli, (8051,), (8150,), (8052,), (8053,))
        item = self.sensor.ports(port=8050, family="ipv4", host_netns=True)[0]
        assert item["service"] == "label asks" and item["verdict"] == "ok", item
        said = {one["container"]: one for one in self.sensor.get("status")["overrides"]["labels"]}
        assert said["asks"]["open"] == ["8050/tcp"] and said["asks"]["remaining_s"] > 86000, said
        assert said["too-wide"]["open"] == [] and "any" in said["too-wide"]["refused"][0], said
        self.sensor.kill()
        assert reach(self.cli, HOST4, 8050)
        self.lab.docker("kill", "asks")
        impostor = self.host.server(8050)
        assert closed(self.cli, (8050,))
        self.host.end(impostor)
        self.lab.docker("start", "asks")
        self.sensor.start()
        self.host.opens(8050)
        self.sensor.reload(self.host.policy())
        assert closed(self.cli, (8050,))

    def storm(self):
        """dockerd killed and restarted, containers with --restart always: no leak, right within 3 s"""
        self.lab.docker("rm", "-f", *self.lab.docker("ps", "-aq").split())
        for port in (8070, 8071):
            self.lab.container(f"always-{port}", "--restart", "always", "-p", f"{port}:80")
        with handshakes(self.cli, (HOST4, 8070), (HOST4, 8071)) as tried:
            for _ in range(STORM):
                self.lab.restart_dockerd()
                until("ports is right", lambda: all(
                    item["holder"] and (item["holder"]["container"] or {}).get("name") ==
                    f"always-{port}" for port in (8070, 8071)
                    for item in self.sensor.ports(port=port, host_netns=True) or [{"holder": None}]),
                    seconds=3)
        assert tried and {one.answer for one in tried} == {"timeout"}, tried

    def hostile_engine(self):
        """a second engine hangs, babbles, floods and lies from O07 on: it moves no port and no verdict"""
        served = self.host.hostile.served
        until("every manner has been met", lambda: len(served) == len(MANNERS), seconds=40)
        for port, name in ((8084, "other"), (8080, "web")):
            for item in self.sensor.ports(port=port, host_netns=True):
                assert item["holder"]["container"]["name"] == name, item
        assert closed(self.cli, (8084,), (9003,), (8055,))
        assert reach(self.cli, HOST4, 8080) and reach(self.cli, HOST4, 8083)
        told = [e for e in self.sensor.events("container.synced") if "hostile" in json.dumps(e)]
        assert any(e["engine"]["problem"] for e in told), told


    def podman(self):
        """podman: its conmon keeps the port, the container is named, and opens what is its own"""
        if shutil.which("podman") is None:
            raise Skip("podman is not installed")
        podman = Podman(self.lab)
        podman.import_image()
        podman.serve()
        until("the sensor talks to podman", lambda: any(
            "podman" in e["endpoint"] and e["reachable"] for e in self.sensor.get("status")["engines"]),
              seconds=15)
        identity = podman.container("pod-web", "-p", "8061:80", "-p", "8062:80")
        self.host.opens(8061)
        for port in (8061, 8062):
            holder = self.sensor.ports(port=port, family="ipv4", host_netns=True)[0]["holder"]
            assert holder["container"]["name"] == "pod-web", holder
            assert holder["container"]["id"] == identity, holder
        assert closed(self.cli, (8062,))
        podman.run("kill", "pod-web")
        impostor = self.host.server(8061)
        assert closed(self.cli, (8061,))
        self.host.end(impostor)
        podman.run("start", "pod-web")
        self.host.opens(8061)
        podman.run("rm", "-f", "-t", "0", "pod-web")


ROWS = (("O01", Rows.containers_prove), ("O02", Rows.wrong_container), ("O03", Rows.host_proves),
        ("O04", Rows.impostor_after), ("O05", Rows.impostor_beside), ("O06", Rows.restarted),
        ("O07", Rows.without_daemon), ("O08", Rows.labels),
        ("O09", Rows.binds), ("O10", Rows.hostile_engine), ("O11", Rows.podman), ("E08", Rows.storm))


def rows(report):
    with Lab(f"e2e-own-{os.getpid()}") as lab:
        lab.ufw("disable")
        host = Host(lab)
        with host.hostile, host.sensor:
            work = Rows(host)
            for identity, function in ROWS:
                sentence = function.__doc__.splitlines()[0]
                report.run("owners", identity, sentence, lambda: function(work))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
