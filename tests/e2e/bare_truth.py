# SPDX-License-Identifier: Apache-2.0
"""Who holds a port, however it was opened: io_uring, passed descriptors, no bind at all, lost records,
NAT rules without an engine; and what `audit` says of it. One sensor for all rows."""

import json
import os
import signal
import subprocess
import sys

from harness import bare
from harness.context import policy
from harness.lab import CLI4, HOST4, HOST6
from harness.portlid import Portlid
from harness.rows import Skip
from harness.wait import until

QUICK = 2.0  # seconds: what "correct within a second" may take with the reading period added

# bind and listen without the system calls: two submission entries, written by hand.
URING = """
import ctypes, mmap, signal, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
params = ctypes.create_string_buffer(120)
ring = libc.syscall(425, 8, params)
if ring < 0:
    print("none", flush=True); sys.exit()
facts = struct.unpack("30I", params.raw)
sq = facts[10:20]
cq = facts[20:30]
rings = mmap.mmap(ring, max(sq[6] + 8 * 4, cq[5] + 16 * 16), mmap.MAP_SHARED, offset=0)
entries = mmap.mmap(ring, 8 * 64, mmap.MAP_SHARED, offset=0x10000000)
def u32(at): return struct.unpack_from("I", rings, at)[0]
def submit(opcode, fd, address=0, length=0, off=0):
    tail = u32(sq[1]); index = tail & u32(sq[2])
    struct.pack_into("BBHiQQIIQHHiQQ", entries, index * 64, opcode, 0, 0, fd, off, address, length,
                     0, 7, 0, 0, 0, 0, 0)
    struct.pack_into("I", rings, sq[6] + 4 * index, index)
    struct.pack_into("I", rings, sq[1], tail + 1)
    if libc.syscall(426, ring, 1, 1, 1, None, 0) < 0:
        return -ctypes.get_errno()
    head = u32(cq[0])
    result = struct.unpack_from("i", rings, cq[5] + 16 * (head & u32(cq[2])) + 8)[0]
    struct.pack_into("I", rings, cq[0], head + 1)
    return result
s = socket.socket()
where = ctypes.create_string_buffer(struct.pack("!2xH4s8x", 2301, bytes(4)))
struct.pack_into("H", where, 0, socket.AF_INET)
done = submit(56, s.fileno(), ctypes.addressof(where), 0, 16)
done = done or submit(57, s.fileno(), 0, 5)
print("none" if done == -22 else "ready" if done == 0 else done, flush=True)
signal.pause()
"""

# The binder passes a listening socket over a unix socket and ends its own use of it.
PASSED = """
import os, signal, socket, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
heir = os.fork()
if heir == 0:
    a.close()
    _, fds, _, _ = socket.recv_fds(b, 1, 1)
    b.send(b"x")
    signal.pause()
s = socket.create_server(("", 2302))
socket.send_fds(a, [b"x"], [s.fileno()])
a.recv(1)
s.close()
print(heir, flush=True)
signal.pause()
"""

# Socket activation: the manager binds and listens, its child is given the descriptor and execs.
ACTIVATED = """
import os, signal, socket, sys
s = socket.create_server(("", 2303))
child = os.fork()
if child == 0:
    os.set_inheritable(s.fileno(), True)
    os.execv("/usr/bin/sleep", ["sleep", "600"])
s.close()
print(child, flush=True)
signal.pause()
"""


def one(sensor, port, **more):
    found = sensor.ports(port=port, host_netns=True, **more)
    return found[0] if found else None


def io_uring(lab, sensor):
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", URING, stdout=subprocess.PIPE, text=True)
    try:
        said = child.stdout.readline().strip()
        if said == "none":
            raise Skip("this kernel has no bind and listen in io_uring (Linux 6.11)")
        assert said == "ready", said
        item = until("the io_uring listener is in ports", lambda: one(sensor, 2301), QUICK)
        assert item["holder"]["pid"] == child.pid and item["holder"]["comm"] == "python3", item
    finally:
        lab.end(child)
    until("it is gone", lambda: not one(sensor, 2301), QUICK)


def unbound(lab, sensor):
    """listen() without bind(), and bind() to port 0: the port that the kernel chose, in time."""
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", "import signal,socket\na=socket.socket()\n"
                      "a.listen()\nb=socket.create_server(('127.0.0.1',0))\nprint(a.getsockname()[1],"
                      "b.getsockname()[1],flush=True)\nsignal.pause()", stdout=subprocess.PIPE,
                      text=True)
    try:
        for port in map(int, child.stdout.readline().split()):
            item = until(f"{port} is in ports", lambda: one(sensor, port), QUICK)
            assert item["holder"]["pid"] == child.pid, item
        assert not [e for e in sensor.events("exposure.opened") if e["port"] == 0]
    finally:
        lab.end(child)


def handed_over(lab, sensor, code, port, exe):
    child = lab.spawn("host", "/usr/bin/python3", "-Ic", code, stdout=subprocess.PIPE, text=True)
    heir = int(child.stdout.readline())
    try:
        item = until("ports shows who holds it now", lambda: next(
            (i for i in sensor.ports(port=port, host_netns=True)
             if i["holder"] and i["holder"]["pid"] == heir), None), QUICK)
        assert item["binder"] and item["binder"]["pid"] == child.pid, item
        assert exe in item["holder"]["exe"], item
    finally:
        lab.run("host", "kill", heir)
        lab.end(child)
    until("it is gone", lambda: not one(sensor, port), QUICK)


def passed(lab, sensor):
    handed_over(lab, sensor, PASSED, 2302, "python3")


def activated(lab, sensor):
    handed_over(lab, sensor, ACTIVATED, 2303, "sleep")


def own_events(lab, sensor):
    """Of this lab's namespaces: others may run beside it."""
    spaces = {os.stat(f"/proc/{pid}/ns/net").st_ino for pid in lab.pids.values()}
    return [e for e in sensor.events() if e.get("netns") in spaces]


def autobind(lab, sensor):
    """200 clients that send from a port of the kernel's choice are no exposure."""
    before = len(own_events(lab, sensor))
    child = bare.python(lab, "import signal,socket\nk=[socket.socket(socket.AF_INET,socket.SOCK_DGRAM)"
                        " for _ in range(200)]\n[s.sendto(b'x',('127.0.0.1',9)) for s in k]\n"
                        "print('ready',flush=True)\nsignal.pause()")
    marker = bare.python(lab, "import signal,socket\ns=socket.create_server(('',2304))\n"
                         "print('ready',flush=True)\nsignal.pause()")
    try:
        sensor.wait_event("the marker opened", lambda e: e["kind"] == "exposure.opened" and
                          e["port"] == 2304)
        opened = [e for e in own_events(lab, sensor)[before:] if e["kind"] == "exposure.opened"]
        assert {e["port"] for e in opened} == {2304}, opened
        assert child.pid not in {(i["holder"] or {}).get("pid") for i in sensor.ports()}
    finally:
        lab.end(marker)
        lab.end(child)


def reuseport(lab, sensor):
    """Four workers on one port; three are killed, the port stays; the last one takes it along."""
    code = ("import signal,socket\ns=socket.socket()\ns.setsockopt(1,15,1)\ns.bind(('0.0.0.0',2305))\n"
            "s.listen()\nprint('ready',flush=True)\nsignal.pause()")
    workers = [bare.python(lab, code) for _ in range(4)]
    assert len(sensor.ports(port=2305)) == 1
    for worker in workers[:3]:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        lab.children.remove(worker)
    item = until("the last one stands for the port", lambda: next(
        (i for i in sensor.ports(port=2305) if i["holder"]["pid"] == workers[3].pid), None), QUICK)
    assert item["address"] == "0.0.0.0"
    lab.end(workers[3])
    until("closed with the last", lambda: not one(sensor, 2305), QUICK)


def many_clients(lab, sensor):
    """Clients of other cgroups and namespaces neither create nor move a listener."""
    server = bare.python(lab, "import socket,threading\ns=socket.create_server(('',2306),backlog=64)\n"
                         "print('ready',flush=True)\nwhile True: s.accept()[0].close()")
    clients = os.stat(f"/proc/{lab.pids['cli']}/ns/net").st_ino

    def told():  # of the listener, and of whatever its clients do
        return [e for e in own_events(lab, sensor) if e["netns"] == clients or
                2306 in (e.get("port"), e.get("socket", {}).get("port"))]
    try:
        before = until("it listens", lambda: one(sensor, 2306), QUICK)
        until("that is told", lambda: [e for e in own_events(lab, sensor)
              if e["kind"] == "exposure.opened"
              and e["port"] <= 2306 <= e.get("ports", {}).get("last", e["port"])])
        count = len(told())
        lab.run("cli", "/usr/bin/python3", "-Ic", "import socket\nfor _ in range(1000): "
                f"socket.create_connection(('{HOST4}',2306)).close()")
        after = one(sensor, 2306)
        assert after["holder"] == before["holder"] and after["since"] == before["since"], after
        assert len(told()) == count, told()[-5:]
    finally:
        lab.end(server)


def udp_killed(lab, sensor):
    child = bare.python(lab, "import signal,socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
                        "s.bind(('',2307))\nprint('ready',flush=True)\nsignal.pause()")
    until("it is there", lambda: one(sensor, 2307, transport="udp"), QUICK)
    child.send_signal(signal.SIGKILL)
    child.wait()
    lab.children.remove(child)
    until("it is gone", lambda: not one(sensor, 2307, transport="udp"), QUICK)


def published(sensor, port, family="ipv4"):
    found = sensor.ports(port=port, family=family, host_netns=True)
    return found[0] if found and found[0]["published"] else None


def nat_rules(lab, sensor):
    """No engine: the rules of iptables-nft and of nft say what is published."""
    chain = ("-t", "nat", "-N", "PUBLISH"), ("-t", "nat", "-A", "PREROUTING", "-m", "addrtype",
                                             "--dst-type", "LOCAL", "-j", "PUBLISH")
    for command in chain:
        lab.run("host", "iptables-nft", *command)
    rule = ("-t", "nat", "-A", "PUBLISH", "-p", "tcp", "-m", "tcp", "--dport")
    lab.run("host", "iptables-nft", *rule, "8080", "-j", "DNAT", "--to-destination", "172.17.0.2:80")
    lab.run("host", "iptables-nft", *rule, "7000:7003", "-d", HOST4, "-j", "DNAT",
            "--to-destination", "172.17.0.2")
    lab.run("host", "ip6tables-nft", "-t", "nat", "-A", "PREROUTING", "-p", "udp", "--dport", "5353",
            "-j", "DNAT", "--to-destination", "[fd00::2]:53")
    for command in ("add table inet nv", "add chain inet nv pre { type nat hook prerouting priority"
                    " -100; }", "add rule inet nv pre tcp dport 8090 dnat ip to 10.88.0.2:90"):
        lab.run("host", "nft", command)
    item = until("the rule is in ports", lambda: published(sensor, 8080))
    assert item["published"] == {"host_ip": "0.0.0.0", "container_port": 80, "proxy": False}, item
    assert item["holder"] is None and item["verdict"] == "exposed", item
    assert until("the range", lambda: published(sensor, 7003))["address"] == HOST4
    assert until("IPv6", lambda: published(sensor, 5353, "ipv6"))["published"]["container_port"] == 53
    assert until("nft's own", lambda: published(sensor, 8090))["published"]["container_port"] == 90
    assert sensor.get("status")["nat"]["rules"] >= 4, sensor.get("status")["nat"]
    steps = json.loads(sensor.cli("explain", CLI4, "to", ":8080/tcp", "-o", "json").stdout)["steps"]
    assert any(s["outcome"] == "DNAT" and "172.17.0.2:80" in s["why"] for s in steps), steps
    lab.run("host", "iptables-nft", "-t", "nat", "-F")
    lab.run("host", "ip6tables-nft", "-t", "nat", "-F")
    lab.run("host", "nft", "delete table inet nv")
    until("all are gone with the rules", lambda: not [
        i for i in sensor.ports(host_netns=True) if i["published"]])


SNIFFER = ("import signal,socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,3)\n"
           "r=socket.socket(socket.AF_INET,socket.SOCK_RAW,1)\nprint('ready',flush=True)\n"
           "signal.pause()")


def raw_sockets(lab, sensor):
    """D11: raw and packet sockets of a container are found by audit; there is no event for them."""
    identity = "d" * 64
    cgroup = lab.cgroup / "host" / "docker" / identity
    cgroup.mkdir(parents=True)
    child = subprocess.Popen(lab._command("host", ["/usr/bin/python3", "-Ic", SNIFFER], cgroup),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        found = findings(sensor, "PL011")
        kinds = {f["key"].split()[3] for f in found if f["where"]["container"] == identity[:12]}
        assert kinds == {"raw", "packet"}, found
    finally:
        child.kill()
        child.wait()
        until("the cgroup is empty", lambda: "populated 0" in (cgroup / "cgroup.events").read_text())
        cgroup.rmdir()
        cgroup.parent.rmdir()


def findings(sensor, identity=None):
    document = json.loads(sensor.cli("audit", "-o", "json").stdout)
    assert document["schema"] == "portlid.audit/v1", document
    return [f for f in document["findings"] if identity in (None, f["id"])]


def audit(lab, sensor):
    """What listens and should not is a finding; a baseline leaves what is new and what is gone."""
    known = sensor.directory / "known.json"
    known.write_text(sensor.cli("audit", "-o", "json").stdout)
    assert sensor.cli("audit", "--baseline", known, "--exit-code").stdout == ""
    child = bare.python(lab, "import signal,socket\nk=[socket.create_server(('',p)) for p in (2375,6379)]"
                        "\nprint('ready',flush=True)\nsignal.pause()")
    try:
        until("both are in ports", lambda: one(sensor, 2375) and one(sensor, 6379), QUICK)
        ids = {(f["id"], f["where"]["port"]) for f in findings(sensor) if "port" in f["where"]}
        assert {("PL002", 2375), ("PL002", 6379), ("PL006", 6379), ("PL007", 2375)} <= ids, ids
        assert all(f["why"] and f["fix"] and f["severity"] for f in findings(sensor))
        done = sensor.cli("audit", "--baseline", known, "--exit-code", check=False)
        assert done.returncode == 10, done
        assert "+ PL007" in done.stdout and "next: " in done.stdout, done.stdout
        assert sensor.cli("audit", "--exit-code", check=False).returncode == 10
        known.write_text(sensor.cli("audit", "-o", "json").stdout)
    finally:
        lab.end(child)
    until("both are gone", lambda: not one(sensor, 2375) and not one(sensor, 6379), QUICK)
    gone = sensor.cli("audit", "--baseline", known).stdout
    assert "- PL007" in gone and "+ " not in gone, gone
    refused = sensor.cli("audit", "--baseline", sensor.policy_path, check=False)
    assert refused.returncode == 1 and "known.json" in refused.stderr, refused


ROWS = (("T01", "a listener by io_uring submissions has its holder", io_uring),
        ("T02", "listen without bind, and port 0: the chosen port within a second", unbound),
        ("T03", "a descriptor passed by SCM_RIGHTS: holder and binder", passed),
        ("T04", "socket activation: the manager is the binder, the service the holder", activated),
        ("T05", "200 autobound UDP clients: no exposure", autobind),
        ("D04", "SO_REUSEPORT x4, kill 3, kill the last: closed only then", reuseport),
        ("D08", "1000 connections from another cgroup change no owner and give no event", many_clients),
        ("D12", "a UDP server killed by -9 is gone", udp_killed),
        ("T07", "NAT rules publish without an engine: ranges, one address, IPv6, nft", nat_rules),
        ("D11", "raw and packet sockets of a container are reported", raw_sockets),
        ("T08", "audit finds, compares with a baseline, exits with 10", audit))


def rows(report):
    with bare.bare_lab() as lab, Portlid(lab, policy("monitor"), docker=False) as sensor:
        for identity, sentence, function in ROWS:
            report.run("truth", identity, sentence, lambda: function(lab, sensor))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
