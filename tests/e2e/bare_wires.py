# SPDX-License-Identifier: Apache-2.0
"""What else lives on a wire, under enforce and in each of native, generic and tc, without Docker:
DHCP, a second way in, frames that are not IP, other protocols, jumbo frames."""

import hashlib
import random
import re
import signal
import socket
import sys
import time

from harness import bare
from harness.clients import Session, dns, no_reach, reach
from harness.lab import CLI2_4, CLI2_6, HOST4, HOST6, ROUTER4, ROUTER6, SRV4, SRV6
from harness.packets import frames
from harness.portlid import Portlid
from harness.wait import until

MODES = ("native", "generic", "tc")
BULK, CLOSED = 8022, 7777
BULK_BYTES, PACE_BYTES_PER_SECOND, SO_MAX_PACING_RATE = 100 << 20, 100_000_000, 47
# Takes BULK_BYTES on BULK, says "." when it has them and then their SHA-256; else an echo.
SERVER = f"""
import hashlib, socket, threading
def swallow(connection):
    got, data = 0, bytearray({BULK_BYTES})
    while got < len(data) and (more := connection.recv_into(memoryview(data)[got:])):
        got += more
    connection.sendall(b".")
    connection.sendall(hashlib.sha256(data[:got]).digest())
    connection.close()
def copy(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
def accept(port, work):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        threading.Thread(target=work, args=(listener.accept()[0],), daemon=True).start()
for port in (22, {CLOSED}):
    threading.Thread(target=accept, args=(port, copy), daemon=True).start()
print("ready", flush=True)
accept({BULK}, swallow)
"""


def policy(extra=""):
    return ("version: 1\nmode: enforce\nzones:\n  public:\n    interfaces: [eth0, eth1]\n"
            f"    default: drop\nservices:\n  - {{ name: open, ports: [22/tcp, {BULK}/tcp] }}\n{extra}")


def grown(sensor, before, reason, interface="eth0"):
    now = sensor.packets(interface)["by_reason"].get(reason, 0)
    return now - before["by_reason"].get(reason, 0)


def exact(sensor):
    for state in sensor.get("status")["interfaces"]:
        packets = state["packets"]
        assert packets["seen"] == packets["passed"] + packets["dropped"], state


# B11

LEASE = """#!/bin/sh
# udhcpc's script: keeps the lease, and says each step in a file.
[ "$1" != bound ] || ip address replace "$ip/24" dev "$interface"
echo "$1 $ip" >>"$LEASES"
"""


def dhcp(lab, sensor):
    """A lease, kept and renewed: first by broadcast from no address, then by unicast."""
    leases, script = lab.directory / "leases", lab.directory / "lease.sh"
    leases.unlink(missing_ok=True)
    script.write_text(LEASE)
    script.chmod(0o755)
    server = lab.spawn("cli2", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                       "--user=root", "--pid-file=", "--dhcp-authoritative", "--no-ping",
                       "--interface=eth0", "--bind-interfaces", "--log-facility=-",
                       "--dhcp-range=198.51.100.150,198.51.100.160,2m",
                       f"--dhcp-leasefile={lab.directory / 'served'}")
    before = sensor.packets()
    client = lab.spawn("host", "env", f"LEASES={leases}", "busybox", "udhcpc", "-f", "-i", "eth0",
                       "-s", script, "-t", "20", "-T", "1", "-A", "1")
    address = None

    def steps():
        return re.findall(r"(\w+) (198\S+)", leases.read_text()) if leases.exists() else []
    try:
        address = until("a lease", lambda: next((a for s, a in steps() if s == "bound"), None),
                        seconds=20)
        first = grown(sensor, before, "essential")
        assert first >= 2, f"offer and acknowledgement were not seen: {first}"
        client.send_signal(signal.SIGUSR1)
        until("the renewal", lambda: ("renew", address) in steps(), seconds=20)
    finally:
        lab.end(client)
        lab.end(server)
        if address:
            lab.run("host", "ip", "address", "del", f"{address}/24", "dev", "eth0", check=False)


# B17

def second_way(lab):
    """eth1, a second interface on the same segment, with no address and no ARP of its own."""
    lab.run("host", "sh", "-ec", f"""
        ip link add eth1 type veth peer name host1 netns {lab.pids['router']}
        cd /proc/sys/net; echo 0 >ipv4/conf/all/rp_filter; echo 0 >ipv4/conf/eth1/rp_filter
        echo 1 >ipv4/conf/eth1/arp_ignore; echo 0 >ipv6/conf/eth1/accept_ra
        ip link set eth1 up""")
    lab.run("router", "sh", "-ec", "ip link set host1 master segment; ip link set host1 up")


def address_of(lab, host, link):
    return lab.run(host, "ip", "-o", "link", "show", link).stdout.split("link/ether ")[1].split()[0]


def replies_by_eth1(lab):
    """From here on the router sends what is for the host to eth1. The host has to know the router
    already: an answer to its own question would come by the wrong interface, too."""
    own, router = address_of(lab, "host", "eth1"), address_of(lab, "router", "segment")
    for address, gateway in ((HOST4, ROUTER4), (HOST6, ROUTER6)):
        lab.run("host", "ip", "neigh", "replace", gateway, "lladdr", router, "dev", "eth0",
                "nud", "permanent")
        lab.run("router", "ip", "neigh", "replace", address, "lladdr", own, "dev", "segment",
                "nud", "permanent")


def replies_by_eth0(lab):
    for address, gateway in ((HOST4, ROUTER4), (HOST6, ROUTER6)):
        lab.run("router", "ip", "neigh", "del", address, "dev", "segment", check=False)
        lab.run("host", "ip", "neigh", "del", gateway, "dev", "eth0", check=False)


def other_interface(lab, sensor):
    before = {name: sensor.packets(name) for name in ("eth0", "eth1")}
    replies_by_eth1(lab)
    try:
        assert (got := dns(lab.ns["host"], SRV4, 20)) == 20, f"{got} of 20 over v4"
        assert (got := dns(lab.ns["host"], SRV6, 20)) == 20, f"{got} of 20 over v6, {sensor.packets('eth1')}"
        assert grown(sensor, before["eth1"], "reply", "eth1") >= 40, sensor.packets("eth1")
        assert grown(sensor, before["eth0"], "reply", "eth0") == 0, sensor.packets("eth0")
        assert no_reach(lab.ns["cli"], HOST4, CLOSED), "a closed port is open by eth1"
        assert grown(sensor, before["eth1"], "no_service", "eth1") >= 1, sensor.packets("eth1")
    finally:
        replies_by_eth0(lab)


# C09, C10

NOT_IP = {"ARP": 0x0806, "LLDP": 0x88CC, "LACP": 0x8809, "EAPOL": 0x888E, "PTP": 0x88F7}
PROTOCOLS = {"ESP": 50, "GRE": 47, "IPIP": 4, "SCTP": 132, "VRRP": 112}
REPEAT = 20


class Peer:
    """cli2 as a maker of frames, sent to the host's own address: a bridge keeps those to the
    multicast addresses of LLDP and LACP for itself."""

    def __init__(self, lab):
        self.wire = frames.Wire(lab.ns["cli2"])
        with frames.Wire(lab.ns["host"]) as host:
            self.host_mac = host.mac

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def send(self, payload, ethertype=frames.ETH_IPV4):
        self.wire.send(frames.ethernet(self.host_mac, self.wire.mac, payload, ethertype))


def not_ip(lab, sensor):
    """Each passes and is counted as not_ip; whatever its bytes, since no IP is read from them."""
    with Peer(lab) as peer:
        for name, ethertype in NOT_IP.items():
            before = sensor.packets()
            payload = (b"\x00\x01\x08\x00\x06\x04\x00\x02" + bytes(20) if name == "ARP" else
                       frames.ipv4(CLI2_4, HOST4, frames.TCP, frames.tcp(CLI2_4, HOST4, 4, CLOSED)))
            for _ in range(REPEAT):
                peer.send(payload, ethertype)
            until(f"{REPEAT} {name} frames pass",
                  lambda: grown(sensor, before, "not_ip") >= REPEAT)
            now = sensor.packets()
            assert now["dropped"] == before["dropped"], (name, before, now)


def protocols(lab, sensor):
    """Without a word in the policy: IGMP is essential, all others denied. Then ESP and GRE."""
    judged(lab, sensor, {name: "protocol_denied" for name in PROTOCOLS})
    sensor.reload(policy("protocols: [esp, gre]\n"))
    try:
        judged(lab, sensor, {name: "protocol" if name in ("ESP", "GRE") else "protocol_denied"
                             for name in PROTOCOLS})
    finally:
        sensor.reload(policy())


def judged(lab, sensor, expected):
    with Peer(lab) as peer:
        for name, reason in {**expected, "IGMP": "essential"}.items():
            number = PROTOCOLS.get(name, 2)
            before = sensor.packets()
            for _ in range(REPEAT):
                peer.send(frames.ipv4(CLI2_4, HOST4, number, b"\x16" + bytes(23), ttl=1))
            until(f"{REPEAT} {name} counted as {reason} ({before['by_reason']})",
                  lambda: grown(sensor, before, reason) >= REPEAT)
            if number != 2:
                before = sensor.packets()
                for _ in range(REPEAT):
                    peer.send(frames.ipv6(CLI2_6, HOST6, number, bytes(24)), frames.ETH_IPV6)
                until(f"{REPEAT} {name} over IPv6 counted as {reason} ({before['by_reason']})",
                      lambda: grown(sensor, before, reason) >= REPEAT)


# C12

BULK_BYTES, PACE_BYTES_PER_SECOND, SO_MAX_PACING_RATE = 100 << 20, 100_000_000, 47


def jumbo(lab):
    """9000 bytes on every wire between cli2 and the host, set before anything is attached."""
    lab.run("router", "sh", "-ec", "for link in host host1 cli2 segment; do "
            "ip link set $link mtu 9000; done")
    for host, link in (("host", "eth0"), ("host", "eth1"), ("cli2", "eth0")):
        lab.run(host, "ip", "link", "set", link, "mtu", "9000")


NOISE = random.randbytes(1 << 20) * (BULK_BYTES >> 20)
NOISE_DIGEST = hashlib.sha256(NOISE).digest()


def upload(lab):
    """Seconds for NOISE from cli2 to the host, at the pace of a gigabit link; bare_cost.py compares
    them, here the bytes count."""
    with lab.ns["cli2"].socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, PACE_BYTES_PER_SECOND)
        sock.settimeout(30)
        sock.connect((HOST4, BULK))
        started = time.monotonic()
        sock.sendall(NOISE)
        assert sock.recv(1) == b".", "the transfer broke off"
        seconds = time.monotonic() - started
        assert sock.recv(32, socket.MSG_WAITALL) == NOISE_DIGEST, "the bytes changed on the way"
        return seconds


def checksum_errors(lab):
    text = lab.run("host", "cat", "/proc/thread-self/net/snmp").stdout
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(dict(zip(names, values))["InCsumErrors"])


OWN_MULTICAST = 8  # frames: each interface hears on the segment what the other one sends now and then


def drops(packets):
    """(martian, all others): the host's own frames, heard again, are martians."""
    martian = packets["by_reason"].get("martian", 0)
    return martian, packets["dropped"] - martian


def bulk(lab, sensor):
    errors, before = checksum_errors(lab), sensor.packets()
    upload(lab)
    now = sensor.packets()
    count = now["seen"] - before["seen"]
    assert checksum_errors(lab) == errors, "checksum errors"
    martians, others = (then - first for first, then in zip(drops(before), drops(now)))
    assert others == 0 and martians <= OWN_MULTICAST, (before, now)
    assert count < BULK_BYTES / 1500, f"{count} frames: neither jumbo frames nor offloads were used"


# B08

def old_session(session):
    assert session.alive(), "a session to a closed port, open before the start, was cut"


def rows(report):
    with bare.bare_lab() as lab:
        second_way(lab)
        jumbo(lab)
        bare.python(lab, SERVER)
        until("the server is reached", lambda: reach(lab.ns["cli2"], HOST4, BULK))
        for attach in MODES:
            session = Session(lab.ns["cli"], HOST4, CLOSED)
            with Portlid(lab, policy(), attach, docker=False) as sensor:
                for state in sensor.get("status")["interfaces"]:
                    assert state["attach"] == attach and state["rx_vlan_offload"] in (True, False), state
                for identity, sentence, function in (
                        ("C09", "ARP, LLDP, LACP, EAPOL and PTP frames pass, counted as not_ip", not_ip),
                        ("C10", "ESP, GRE, IPIP, IGMP, VRRP, SCTP: as `protocols` says", protocols),
                        ("B11", "DHCPv4: a lease by broadcast, renewed by unicast", dhcp),
                        ("B17", "replies that enter by another interface pass", other_interface)):
                    report.run(attach, identity, sentence, lambda: function(lab, sensor))
                report.run(attach, "C12", "MTU 9000 and offloads: used, and nothing changed on the way",
                           lambda: bulk(lab, sensor))
                report.run(attach, "B08", "a session to a closed port, older than the sensor, lives",
                           lambda: old_session(session))
                report.run(attach, "B00", "seen = passed + dropped on both interfaces",
                           lambda: exact(sensor))
            session.close()


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
