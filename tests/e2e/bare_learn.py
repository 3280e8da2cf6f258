# SPDX-License-Identifier: Apache-2.0
"""From watching to enforcing by what was seen: the ledger, learn, plan --replay, events across
restarts, a history that cannot be written."""

import json
import os
import sqlite3
import sys
import time

from harness import bare
from harness.clients import Session, no_reach, reach, tcp
from harness.lab import CLI2_4, CLI4, HOST4, SRV4
from harness.packets import frames
from harness.portlid import Portlid
from harness.wait import until

WEB, DATABASE = 8080, 5432
WATCHING = ("version: 1\nmode: monitor\nzones:\n  public:\n    interfaces: [uplink]\n"
            "    existing: 0\n")
NOBODY4 = "198.51.100.77"


def answer(sensor, *command):
    return json.loads(sensor.cli(*command, "-o", "json").stdout)


def talk(ns, port):
    """A session with some data both ways, longer than a tick: of packets that are no SYN the
    ledger notes eight a tick, and several short sessions may fall into one."""
    session = Session(ns, HOST4, port)
    time.sleep(0.02)  # five ticks: nothing to wait for
    assert session.alive(), f"no echo from port {port}"
    session.close()


def lone_syn(lab, port):
    """One SYN from an address that nobody has: never a second packet."""
    segment = frames.tcp(NOBODY4, HOST4, 40001, port)
    with frames.Wire(lab.ns["cli2"]) as wire, frames.Wire(lab.ns["host"]) as host:
        wire.send(frames.ethernet(host.mac, wire.mac,
                                  frames.ipv4(NOBODY4, HOST4, frames.TCP, segment)))


def traffic(lab):
    talk(lab.ns["cli"], 22)
    for host in ("cli", "srv"):
        talk(lab.ns[host], WEB)
    for port in (1, 23, 25, 81, 443, 3306):
        tcp(lab.ns["cli2"], HOST4, port, timeout=0.3)
    talk(lab.ns["cli2"], DATABASE)  # the scanner found something
    lone_syn(lab, DATABASE)


def learns(lab, sensor):
    traffic(lab)
    learnt = answer(sensor, "learn", "--since", "1h")
    by_port = {s["ports"][0]: s for s in learnt["services"]}
    assert set(by_port) == {"22/tcp", f"{WEB}/tcp"}, learnt
    assert by_port["22/tcp"]["from"] == [CLI4], learnt
    assert set(by_port[f"{WEB}/tcp"]["from"]) == {CLI4, SRV4}, learnt
    assert by_port["22/tcp"]["exe"].rsplit("/", 1)[1].startswith("python3"), learnt
    assert [s["source"] for s in learnt["scanners"]] == [CLI2_4], learnt
    again = answer(sensor, "learn", "--since", "1h")
    assert [s["packets"] for s in again["services"]] == \
        [s["packets"] for s in learnt["services"]], "counted twice"
    text = sensor.cli("learn", "--since", "1h").stdout
    path = sensor.directory / "learnt.yaml"
    path.write_text(text)
    path.chmod(0o600)
    sensor.cli("policy", "check", str(path))
    assert f"from: {CLI4}" in text and f"{CLI2_4}: " in text, text
    return path


def replays(sensor, learnt):
    """The learnt policy, enforced, cuts the scanner only; a narrower one is told whom it cuts."""
    enforcing = sensor.directory / "enforcing.yaml"
    enforcing.write_text(learnt.read_text().replace("mode: monitor", "mode: enforce"))
    replay = answer(sensor, "plan", str(enforcing), "--replay", "1h")["replay"]
    assert {c["source"] for c in replay["changed"] if c["cut"]} == {CLI2_4, NOBODY4}, replay
    narrow = sensor.directory / "narrow.yaml"
    narrow.write_text(WATCHING.replace("monitor", "enforce") +
                      f"services: [{{ name: web, ports: [{WEB}/tcp], from: [{SRV4}] }}]\n")
    replay = answer(sensor, "plan", str(narrow), "--replay", "1h")["replay"]
    cut = {(c["source"], c["port"]) for c in replay["changed"] if c["cut"] and c["use"]}
    assert {(CLI4, 22), (CLI4, WEB)} <= cut and (SRV4, WEB) not in cut, replay
    shown = sensor.cli("plan", str(narrow), "--replay", "1h").stdout
    assert f"{WEB}/tcp" in shown and "would_drop -> drop" in shown, shown
    assert sensor.cli("plan", str(narrow), "--replay", "soon", check=False).returncode == 2
    assert sensor.cli("learn", "--since", "yesterday", check=False).returncode == 2


def enforces(lab, sensor, learnt):
    answer(sensor, "apply", str(learnt))
    answer(sensor, "mode", "enforce")
    assert reach(lab.ns["cli"], HOST4, 22)
    assert reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["srv"], HOST4, WEB)
    for port in (22, WEB, DATABASE, 23):
        assert no_reach(lab.ns["cli2"], HOST4, port), port
    talk(lab.ns["srv"], WEB)
    until("uses of what is open are in the ledger too",
          lambda: any(s["ports"][0] == "22/tcp" for s in
                      answer(sensor, "learn", "--since", "1h")["services"]))
    answer(sensor, "mode", "policy")


def across_restarts(lab, sensor):
    """Every event since then, once, in order, with the times it had: also those of an earlier run,
    and with the daemon killed in between."""
    before = sensor.events()
    last = before[-1]["seq"]
    answer(sensor, "learn", "--since", "1h")  # whoever asks finds all that was there before
    sensor.kill()
    with Portlid(lab, WATCHING, docker=False, like=sensor) as after:
        lines = after.cli("events", "--since", "1h", "-o", "jsonl").stdout.splitlines()
        told = [json.loads(line) for line in lines]
        numbers = [e["seq"] for e in told]
        assert numbers == sorted(set(numbers)), numbers
        assert {e["seq"] for e in before} <= set(numbers), numbers
        assert told[-1]["seq"] > last
        times = {e["seq"]: e["time"] for e in told}
        assert all(times[e["seq"]] == e["time"] for e in before), "times changed"
        filtered = after.cli("events", "--since", "1h", "--kind", "sensor.started", "--first", "1",
                             "-o", "jsonl").stdout.splitlines()
        assert len(filtered) == 1 and json.loads(filtered[0])["seq"] == 1, filtered
        severe = after.cli("events", "--since", "1h", "--severity", "high", "--verdict",
                           "would_drop", "-o", "jsonl").stdout.splitlines()
        assert severe and all(json.loads(e)["severity"] == "high" for e in severe), severe
        assert after.cli("events", "--severity", "loud", check=False).returncode == 2
        rules = {r["name"]: r for r in after.get("status")["rules"]}
        rule = rules["public default"]
        until("the rule is observed", lambda: [
            r for r in after.get("status")["rules"]
            if r["name"] == "public default" and r["days_observed"] == 1], seconds=40)
        assert not rule["ripe"] and rule["days_needed"] == 7, rule
        assert "more clean days" in after.cli("status", "-v").stdout


def damaged(lab, sensor):
    """A file that is no database: moved away, told, begun anew."""
    history = sensor.directory / "state/history.db"
    for name in (history, f"{history}-wal", f"{history}-shm"):
        if os.path.exists(name):
            os.remove(name)
    history.write_bytes(b"x" * 8192)
    with Portlid(lab, WATCHING, docker=False, like=sensor) as after:
        event = after.wait_event("history told", lambda e: e["kind"] == "sensor.degraded" and
                                 "history.db.bad" in json.dumps(e))
        until("up again", lambda: after.get("status")["history"]["state"] == "up")
        talk(lab.ns["cli"], WEB)
        assert answer(after, "learn", "--since", "1h")["services"], event
    with sqlite3.connect(f"file:{history}?mode=ro", uri=True) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def rows(report):
    with bare.bare_lab() as lab:
        bare.echo_server(lab, 22, WEB, DATABASE)
        with Portlid(lab, WATCHING, docker=False) as sensor:
            found = {}
            report.run("bare", "L01", "learn: users and their ports, not the scanner",
                       lambda: found.update(path=learns(lab, sensor)))
            report.run("bare", "L02", "plan --replay names whom a policy would cut",
                       lambda: replays(sensor, found["path"]))
            report.run("bare", "L03", "the learnt policy enforces without cutting the users",
                       lambda: enforces(lab, sensor, found["path"]))
            report.run("bare", "L04", "events and rule days from the history, across kill -9",
                       lambda: across_restarts(lab, sensor))
            sensor.process = None
        report.run("bare", "L05", "a damaged history is moved away and told",
                   lambda: damaged(lab, sensor))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
