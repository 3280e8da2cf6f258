# SPDX-License-Identifier: Apache-2.0
"""Sinks of the real sensor: portlid.yaml with a filtered file, a collector on TCP and one that is dead; a
scan of every port with spoofed sources while ten sockets bind; metrics, status, SIGHUP."""

import json
import os
import subprocess
import sys

from harness import bare
from harness.context import policy
from harness.lab import CLI2_4, HOST4
from harness.packets import frames
from harness.portlid import Portlid, _UnixConnection
from harness.wait import until

SPOOFED = int(os.environ.get("PORTLID_SPOOFED", "40000"))
COLLECTOR = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
with open(sys.argv[1], "ab", 0) as out:
    while True:
        peer, _ = listener.accept()
        while chunk := peer.recv(65536):
            out.write(chunk)
"""
BINDS = """
import signal, socket
keep = [socket.create_server(("", port)) for port in range(2300, 2310)]
print("ready", flush=True)
signal.pause()
"""


def config(directory, port):
    text = f"""version: 1
sinks:
  - {{ name: all, to: "file:{directory}/events.jsonl" }}
  - {{ name: sockets, to: "file:{directory}/sockets.jsonl", kinds: ["socket.*"], format: ecs }}
  - {{ name: siem, to: "syslog+tcp://127.0.0.1:{port}", format: ocsf, kinds: ["net.*", "sensor.*"] }}
  - {{ name: dead, to: "syslog+tcp://127.0.0.1:1" }}
"""
    path = directory / "portlid.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


class SinkSensor(Portlid):
    def __init__(self, lab, port):
        super().__init__(lab, policy("enforce"), docker=False)
        at = self.command.index("--events")
        self.command[at:at + 2] = ["--config", config(self.directory, port)]

    def sink(self, name):
        return next(s for s in self.get("status")["sinks"] if s["name"] == name)

    def metrics(self):
        connection = _UnixConnection(self.lab.host_file(f"{self.runtime}/portlid.sock"))
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200 and "text/plain" in answer.headers["Content-Type"], answer.status
        return answer.read().decode()


def scan(lab):
    """65,536 ports from one source, then one port from many: one SYN each."""
    with frames.Wire(lab.ns["cli2"]) as wire, frames.Wire(lab.ns["host"]) as host:
        mac = host.mac

        def send(source, port):
            segment = frames.tcp(source, HOST4, 40000, port)
            wire.send(frames.ethernet(mac, wire.mac, frames.ipv4(source, HOST4, frames.TCP, segment)))

        for port in range(1, 65536):
            send(CLI2_4, port)
        for number in range(SPOOFED):
            send(f"203.0.{number >> 8 & 127}.{number & 255}", 5432)


def storm(lab, sensor, report):
    before = sensor.packets()
    binder = lab.spawn("host", "/usr/bin/python3", "-Ic", BINDS, stdout=subprocess.PIPE, text=True)
    try:
        scan(lab)
        assert binder.stdout.readline() == "ready\n"
        dropped = until("the counters stand still", lambda: still(sensor), seconds=20)["dropped"]
        dropped -= before["dropped"]
        assert dropped > 65000, dropped
        events = until("verdicts and summaries account for every drop",
                       lambda: accounted(sensor, dropped), seconds=40)
        assert len(events) <= 200, len(events)
        bound = {e["socket"]["port"] for e in sensor.events("socket.listen")}
        assert set(range(2300, 2310)) <= bound, bound
        assert sensor.get("status")["events"]["lost"] == {"ring": 0, "queue": 0, "spool": 0} or \
            sensor.events("sensor.gap"), "losses that no gap names"
    finally:
        lab.end(binder)


def still(sensor):
    first = sensor.packets()
    second = sensor.packets()
    return second if first == second else None


def accounted(sensor, dropped):
    traffic = [e for e in sensor.events() if e["kind"].startswith("net.") and e["rev"] == 0
               and e["verdict"] == "drop"]
    total = sum(e["count"] for e in traffic)
    assert total <= dropped + 5, (total, dropped)  # a stray multicast packet may have come since
    return traffic if total >= dropped else None


def filtered(lab, sensor, report):
    lines = [json.loads(x) for x in (sensor.directory / "sockets.jsonl").read_text().splitlines()]
    assert lines and all(x["event"]["dataset"] == "portlid.socket" for x in lines), lines[:1]
    numbers = [x["portlid"]["sink_seq"] for x in lines]
    assert numbers == list(range(1, len(numbers) + 1)), numbers


def collected(lab, sensor, report):
    received = sensor.directory / "received"
    until("the collector has all", lambda: sensor.sink("siem")["lag"] == 0, seconds=20)

    def documents():
        raw, found = received.read_bytes(), []
        while raw:
            size, _, raw = raw.partition(b" ")
            frame, raw = raw[:int(size)], raw[int(size):]
            found.append(json.loads(frame[frame.index(b" - {") + 3:]))
        return found

    wanted = {e["seq"] for e in sensor.events() if e["kind"].startswith(("net.", "sensor."))}
    until("every net.* and sensor.* event has arrived",
          lambda: wanted <= {d["metadata"]["sequence"] for d in documents()}, seconds=20)
    assert {d["class_uid"] for d in documents()} <= {4001, 6002}


def told(lab, sensor, report):
    dead = until("the dead sink says why", lambda: sensor.sink("dead") if sensor.sink("dead")["why"] else None)
    assert dead["state"] == "down" and dead["lag"] > 0, dead
    assert sensor.sink("siem")["state"] == "up" and sensor.sink("all")["lag"] == 0
    text = sensor.metrics()
    assert 'portlid_sink_up{sink="dead"} 0\n' in text and 'portlid_sink_up{sink="siem"} 1\n' in text, text
    assert 'portlid_packets_total{interface="eth0",verdict="drop"}' in text, text
    listing = sensor.cli("export", "list").stdout
    assert "siem" in listing and "dead" in listing and "down" in listing, listing


def reopened(lab, sensor, report):
    moved = sensor.directory / "events.jsonl.1"
    os.replace(sensor.events_path, moved)
    sensor.reload(policy("enforce", "8080/tcp"))
    sensor.wait_event("the reload is in the new file", lambda e: e["kind"] == "policy.loaded")
    last = json.loads(moved.read_bytes().splitlines()[-1])["seq"]
    first = sensor.events()[0]["seq"]
    assert first == last + 1, (last, first)


ROWS = (("E01", "a scan of every port and many sources: few events, exact totals, ten binds seen", storm),
        ("E02", "a filtered sink has its kinds, in its format, numbered without holes", filtered),
        ("E03", "a collector on TCP gets every event it asked for", collected),
        ("E04", "a dead sink is told in status, metrics and export list, and holds up nobody", told),
        ("E05", "SIGHUP reopens the file between two events", reopened))


def rows(report):
    with bare.bare_lab() as lab:
        directory = lab.directory / "collector"
        directory.mkdir()
        collector = lab.spawn("host", "/usr/bin/python3", "-Ic", COLLECTOR, directory / "received",
                              stdout=subprocess.PIPE, text=True)
        port = int(collector.stdout.readline())
        sensor = SinkSensor(lab, port)
        (sensor.directory / "received").symlink_to(directory / "received")
        with sensor:
            for identity, sentence, function in ROWS:
                report.run("bare", identity, sentence, lambda: function(lab, sensor, report))
            report.run("bare", "E06", "the dead sink's events wait in the spool of the next run",
                       lambda: spooled(sensor))


def spooled(sensor):
    segments = list((sensor.directory / "state" / "spool").glob("*.seg"))
    assert sum(s.stat().st_size for s in segments) > 10000, segments


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
