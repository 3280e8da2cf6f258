# SPDX-License-Identifier: Apache-2.0
"""`portlid verify` against a real sensor, in each packet mode: it agrees with the policy, leaves no
trace, does not stall the sensor, and compares a scan."""

import json
import sys
import time

from harness import bare
from harness.lab import CLI4, HOST4
from harness.portlid import Portlid

POLICY = """version: 1
mode: enforce
zones:
  public: { interfaces: [eth0], default: drop }
  inside: { interfaces: [inside0], default: allow, mode: monitor }
sets:
  office: [203.0.113.0/25, "2001:db8:203::/64"]
  spammers: [203.0.113.64/26]
deny: [spammers]
services:
  - { name: web, ports: [80/tcp, 443/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: one, ports: [9100/tcp], addresses: [%s], zones: [public] }
  - { name: throttled, ports: [3000-3019/tcp], limit: { new: 6/30s }, zones: [public] }
  - { name: watched, ports: [8000-8099/tcp], from: [office], mode: monitor }
failsafe:
  - { ports: [2222/tcp], from: [office] }
""" % HOST4
SMALL = """version: 1
mode: enforce
zones:
  public: { interfaces: [eth0], default: drop }
  inside: { interfaces: [inside0], default: allow, mode: monitor }
services:
  - { name: web, ports: [80/tcp, 443/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [203.0.113.0/25] }
"""
LIMIT_SECONDS = 15  # of the whole run, on a machine that does nothing else
PATIENCE_SECONDS = 120  # a run is nice 10: beside others it takes what they leave
STALL_SECONDS = 1.0  # the longest that `status` may take meanwhile, on a busy machine


def second_interface(lab):
    """inside0, with nobody who talks at its other end."""
    lab.run("host", "sh", "-ec", "ip link add inside0 type veth peer name far0; "
            "echo 1 >/proc/sys/net/ipv6/conf/inside0/disable_ipv6; "
            "echo 1 >/proc/sys/net/ipv6/conf/far0/disable_ipv6; "
            "ip link set inside0 up; ip link set far0 up")


def traces(sensor):
    """What a packet would change. Neighbours may speak meanwhile: verify asks nothing of that kind."""
    status = sensor.get("status")
    counts = {i["name"]: {why: count for why, count in i["packets"]["by_reason"].items()
                          if why not in ("essential", "not_ip")} for i in status["interfaces"]}
    return (counts, status["replies"], status["events"]["lost"], [e for e in sensor.events() if e["kind"].startswith("net.")])


def flows(lab, sensor):
    listing = lab.run("host", "bpftool", "-j", "map", "dump", "pinned",
                      f"{sensor.bpffs}/" + next(p for p in sensor.pins() if p.endswith("/flows"))).stdout
    return len(json.loads(listing))


def verified(sensor, *options, code=0):
    done = sensor.cli("verify", "-o", "json", *options, check=False, timeout=PATIENCE_SECONDS)
    assert done.returncode == code, done
    return json.loads(done.stdout)


def agrees(lab, attach):
    with Portlid(lab, POLICY, attach=attach, docker=False) as sensor:
        before, flows_before = traces(sensor), flows(lab, sensor)
        used = sensor.cpu_seconds()
        document = verified(sensor)
        used = sensor.cpu_seconds() - used
        assert document["ok"] and document["differences"] == [], document["differences"]
        assert {c["hook"] for c in document["code"]} == {"tc" if attach == "tc" else "xdp"}
        assert len(document["code"]) == 2 and all(c["same"] for c in document["code"])
        assert {r["zone"] for r in document["matrix"]} == {"public", "inside"}
        assert all(document["counts"][word] for word in ("allow", "drop", "would_drop"))
        print(f"      {attach}: {document['asked']} questions in {document['took_ms']} ms, "
              f"{used:.1f} s of CPU time")
        # Of the run's own thread, and of the sensor meanwhile: what others take is not its doing.
        assert used < LIMIT_SECONDS, used
        if attach == "native":
            shows(sensor, document)
        assert (traces(sensor), flows(lab, sensor)) == (before, flows_before)


def row_of(document, **wanted):
    return next(r for r in document["matrix"] if all(r[k] == v for k, v in wanted.items()))


def shows(sensor, document):
    anyone = row_of(document, zone="public", protocol="tcp", source="anyone else", to=HOST4)
    assert anyone["allow"] == ["80", "443", "3000-3019", "9100"], anyone["allow"]
    assert anyone["would_drop"] == ["8000-8099"], anyone["would_drop"]
    table = sensor.cli("verify", timeout=PATIENCE_SECONDS)
    assert "anyone else" in table.stdout and "\r" not in table.stderr, table
    assert "agree on every port" in table.stderr, table.stderr


def never_stalls(lab):
    """Status answers while a run goes on, and a second run joins it."""
    with Portlid(lab, SMALL, docker=False) as sensor:
        slowest, answers = 0.0, 0
        number = raw(sensor, "verify")[1]["run"]
        assert raw(sensor, "verify")[1]["run"] == number, "a second run beside the first"
        while (answer := raw(sensor, f"verify?run={number}"))[0] == 202:
            assert answer[1]["state"] == "running", answer
            started = time.monotonic()
            sensor.get("status")
            slowest = max(slowest, time.monotonic() - started)
            answers += 1
        assert answer[0] == 200 and answer[1]["ok"], answer
        assert answers > 3, f"only {answers} answers: no real test"
        assert slowest < STALL_SECONDS, f"status took {slowest:.2f} s"
        assert raw(sensor, "verify?run=99")[0] == 404
        assert raw(sensor, "verify?scanner=nowhere")[0] == 400


def raw(sensor, what):
    """Status code and document, whatever they are."""
    done = sensor.lab.run("host", "curl", "-s", "-w", "\n%{http_code}", "--unix-socket",
                          f"{sensor.runtime}/portlid.sock", f"http://portlid/v1/{what}")
    body, code = done.stdout.rsplit("\n", 1)
    return int(code), json.loads(body)


def swapped(lab):
    """A policy swap in the middle of a run is said, not judged; the next run is of the new one."""
    with Portlid(lab, SMALL, docker=False) as sensor:
        number = raw(sensor, "verify")[1]["run"]
        sensor.reload(SMALL.replace("443/udp", "444/udp"))
        while (answer := raw(sensor, f"verify?run={number}"))[0] == 202:
            time.sleep(0.05)
        assert answer[0] == 409 and "swapped" in answer[1]["error"]["message"], answer
        document = verified(sensor)
        row = row_of(document, zone="public", protocol="udp", source="anyone else", to=HOST4)
        assert document["ok"] and row["allow"] == ["444"], row


def scanned(lab):
    """A scan by hand: 22 and 5432 open, 80 filtered, from an address of the office."""
    states = {22: "open", 5432: "open", 80: "filtered", 443: "closed", 23: "filtered"}
    ports = "".join(f'<port protocol="tcp" portid="{port}"><state state="{state}"/></port>'
                    for port, state in states.items())
    scan = lab.directory / "scan.xml"
    scan.write_text(f'<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun><host><status state="up"/>'
                    f'<address addr="{HOST4}" addrtype="ipv4"/><ports>{ports}</ports></host></nmaprun>')
    with Portlid(lab, SMALL, docker=False) as sensor:
        options = ("--nmap", scan, "--from", CLI4, "--zone", "public")
        found = {f["ports"]: f["misfit"] for f in verified(sensor, *options)["scan"]["findings"]}
        assert found == {"80": "blocked", "443": "unused", "5432": "leak"}, found
        verified(sensor, *options, "--exit-code", code=10)
        stranger = verified(sensor, "--nmap", scan, "--zone", "public")["scan"]["findings"]
        assert {f["ports"]: f["misfit"] for f in stranger}["22"] == "leak", stranger
        done = sensor.cli("verify", "--nmap", scan, check=False)
        assert done.returncode == 2 and "--zone" in done.stderr, done


def sockets_only(lab):
    with Portlid(lab, SMALL, docker=False, options=("--interface", "none")) as sensor:
        done = sensor.cli("verify", check=False)
        assert done.returncode == 1 and "nothing to verify" in done.stderr, done


ROWS = tuple((f"V0{n}", f"{attach}: every port agrees with the policy, and no trace is left",
              lambda lab, attach=attach: agrees(lab, attach))
             for n, attach in enumerate(("native", "generic", "tc"), 1)) + (
    ("V04", "the sensor answers while a run goes on; a second request joins it", never_stalls),
    ("V05", "a policy swap in the middle of a run is said, and the next run is of the new one",
     swapped),
    ("V06", "a scan from outside is compared, by its source and zone", scanned),
    ("V07", "without a packet program there is nothing to verify", sockets_only))


def rows(report):
    with bare.bare_lab() as lab:
        second_interface(lab)
        for identity, sentence, function in ROWS:
            report.run("bare", identity, sentence, lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
