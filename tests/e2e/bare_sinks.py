# SPDX-License-Identifier: Apache-2.0
"""Sinks of the real sensor: portlid.yaml with a filtered file, a collector on TCP and one that is dead; a
scan of every port with spoofed sources while ten sockets bind; metrics, status, SIGHUP."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys

from harness import bare
from harness.context import policy
from harness.kernel_objects import held_objects
from harness.lab import CLI2_4, ROOT
from harness.packets import frames, syns
from harness.portlid import Portlid, _UnixConnection
from harness.rows import Skip
from harness.wait import until

# The full form is a million of each.
SPOOFED = STARVED = int(os.environ.get("PORTLID_SPOOFED", "100000"))
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


FLOOD = """
import socket
for _ in range(20000):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
print("ready", flush=True)
"""


# The sensor listens on no TCP port: this proxy is the operator's, and trusted by him.
PROXY = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 9109))
print("ready", flush=True)
def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
while True:
    peer, _ = listener.accept()
    control = socket.socket(socket.AF_UNIX)
    try:
        control.connect(sys.argv[1])
    except OSError:
        peer.close()
        continue
    for pair in ((peer, control), (control, peer)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""
PROMETHEUS = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}"]
scrape_configs: [{{ job_name: portlid, static_configs: [{{ targets: ["127.0.0.1:9109"] }}] }}]
"""


def config(directory, port):
    return f"""version: 1
sinks:
  - {{ name: all, to: "file:{directory}/events.jsonl" }}
  - {{ name: sockets, to: "file:{directory}/sockets.jsonl", kinds: ["socket.*"], format: ecs }}
  - {{ name: siem, to: "syslog+tcp://127.0.0.1:{port}", format: ocsf, kinds: ["net.*", "sensor.*"] }}
  - {{ name: dead, to: "syslog+tcp://127.0.0.1:1" }}
"""


class SinkSensor(Portlid):
    def __init__(self, lab, port):
        super().__init__(lab, policy("enforce"), docker=False)
        self.configure(config(self.directory, port))

    def sink(self, name):
        return next(s for s in self.get("status")["sinks"] if s["name"] == name)

    def metrics(self):
        connection = _UnixConnection(self.lab.host_file(f"{self.runtime}/portlid.sock"))
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200 and "text/plain" in answer.headers["Content-Type"], answer.status
        return answer.read().decode()


OWN = struct.unpack("!HH", frames.packed(CLI2_4))


def scan(lab):
    """65,535 ports from one source, then one port from many."""
    syns(lab, 65535, lambda number: (OWN, number + 1))
    syns(lab, SPOOFED, lambda number: ((0x0B00 + (number >> 16), number & 0xFFFF), 5432))


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


def lost_in_rings(sensor):
    """What the kernel counted, from the map itself: per kind and CPU."""
    for identity in held_objects(sensor.process.pid)["map_id"]:
        if bpftool("show", identity)["name"] == "lost":
            return sum(int.from_bytes(bytes(int(byte, 16) for byte in one["value"]), "little")
                       for kind in bpftool("dump", identity) for one in kind["values"])
    raise AssertionError("the sensor holds no map of losses")


def bpftool(verb, identity):
    return json.loads(subprocess.run(["bpftool", "-j", "map", verb, "id", str(identity)], check=True,
                                     stdout=subprocess.PIPE, text=True).stdout)


def starved(lab, sensor, report):
    """The reader is stopped: a flood of drops takes nothing from ten binds, and when binds themselves are
    more than a ring holds, their number is told exactly."""
    before, lost, told = sensor.packets(), lost_in_rings(sensor), gaps(sensor)
    sensor.process.send_signal(signal.SIGSTOP)
    try:
        syns(lab, STARVED, lambda number: (OWN, 3000 + number % 60000))
        binder = lab.spawn("host", "/usr/bin/python3", "-Ic", BINDS.replace("23", "26"), stdout=subprocess.PIPE,
                           text=True)
        assert binder.stdout.readline() == "ready\n"
        bare.python(lab, FLOOD)
    finally:
        sensor.process.send_signal(signal.SIGCONT)
    try:
        missing = lost_in_rings(sensor) - lost
        assert missing > 0, "the ring took everything: nothing was shown"
        until("all ten binds are told", lambda: set(range(2600, 2610)) <= {
            e["socket"]["port"] for e in sensor.events("socket.listen")})
        until("gaps name what the kernel counted", lambda: gaps(sensor) - told == missing,
              seconds=10)
        dropped = until("the counters stand still", lambda: still(sensor), seconds=20)["dropped"]
        assert dropped - before["dropped"] >= STARVED, (dropped, before)
        until("verdicts and summaries account for every drop", lambda: accounted(sensor, dropped), seconds=40)
    finally:
        lab.end(binder)


def gaps(sensor):
    return sum(e["gap"]["count"] for e in sensor.events("sensor.gap") if e["gap"]["cause"] == "ring")


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


def asked(lab, path, **query):
    """The data of an answer of Prometheus' API."""
    words = [w for key, value in query.items() for w in ("--data-urlencode", f"{key}={value}")]
    done = lab.run("host", "curl", "-sf", "-G", f"http://127.0.0.1:9090/api/v1/{path}", *words, check=False)
    answer = json.loads(done.stdout or "{}")
    return answer.get("data") if answer.get("status") == "success" else None


def value(lab, query):
    """The one number of a query, or None."""
    found = (asked(lab, "query", query=query) or {}).get("result", [])
    return float(found[0]["value"][1]) if len(found) == 1 else None


def scraped(lab, sensor, report):
    """A real Prometheus with the shipped rules reads what the sensor says, and misses it when it is silent."""
    if not shutil.which("prometheus"):
        raise Skip("no prometheus: apt-get install prometheus")
    directory = lab.directory / "prometheus"
    directory.mkdir()
    path = directory / "prometheus.yml"
    path.write_text(PROMETHEUS.format(rules=ROOT / "integrations/prometheus/portlid.rules.yml"))
    proxy = bare.python(lab, PROXY, f"{sensor.runtime}/portlid.sock")
    server = lab.spawn("host", "prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data",
                       "--web.listen-address=127.0.0.1:9090")
    try:
        until("Prometheus has scraped", lambda: value(lab, 'up{job="portlid"}') == 1, seconds=20)
        drops = 'portlid_packets_total{interface="eth0",verdict="drop"}'
        until("its drops are ours", lambda: value(lab, drops) == sensor.packets()["dropped"], seconds=10)
        assert value(lab, 'portlid_sink_up{sink="dead"}') == 0 and value(lab, "portlid_ready") == 1
        rules = until("every rule was evaluated", lambda: evaluated(lab), seconds=10)
        assert {r["health"] for r in rules} == {"ok"} and len(rules) >= 7, rules
        until("the dead sink becomes an alert", lambda: alert(lab, "PortlidSinkDown", sink="dead"), seconds=10)
        assert not alert(lab, "PortlidAbsent"), asked(lab, "alerts")
        lab.end(proxy)
        until("silence becomes an alert", lambda: alert(lab, "PortlidAbsent"), seconds=20)
    finally:
        lab.end(server)


def evaluated(lab):
    groups = (asked(lab, "rules") or {}).get("groups", [])
    rules = [rule for group in groups for rule in group["rules"]]
    return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None


def alert(lab, name, **labels):
    """Pending counts: the rules wait minutes before they page, this test does not."""
    return [a for a in asked(lab, "alerts")["alerts"] if a["labels"]["alertname"] == name
            and all(a["labels"].get(k) == v for k, v in labels.items())]


def textfile(lab, sensor, report):
    """The script for node_exporter: a file that promtool takes, and none when nobody answers."""
    directory = lab.directory / "textfile"
    directory.mkdir()
    script = ROOT / "integrations/prometheus/portlid-textfile"
    lab.run("host", script, directory, env_more={"PORTLID_SOCKET": f"{sensor.runtime}/portlid.sock"})
    assert [f.name for f in directory.iterdir()] == ["portlid.prom"], list(directory.iterdir())
    text = (directory / "portlid.prom").read_text()
    assert "portlid_build_info" in text and 'portlid_sink_up{sink="siem"} 1' in text, text
    if shutil.which("promtool"):
        lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                              check=False)
        assert lint.returncode == 0, lint.stderr + lint.stdout
    done = lab.run("host", script, directory, check=False, env_more={"PORTLID_SOCKET": "/run/nobody.sock"})
    assert done.returncode == 3 and "systemctl" in done.stderr, (done.returncode, done.stderr)
    assert not list(directory.iterdir()), list(directory.iterdir())


ROWS = (("E01", "a scan of every port and many sources: few events, exact totals, ten binds seen", storm),
        ("E02", "a filtered sink has its kinds, in its format, numbered without holes", filtered),
        ("E03", "a collector on TCP gets every event it asked for", collected),
        ("E04", "a dead sink is told in status, metrics and export list, and holds up nobody", told),
        ("E07", "the reader is stopped: ten binds outlive a flood of drops, gaps are exact", starved),
        ("E08", "a real Prometheus reads the metrics, takes the rules, and misses a silent sensor", scraped),
        ("E09", "the metrics as a textfile for node_exporter", textfile),
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
