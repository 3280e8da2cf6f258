# SPDX-License-Identifier: Apache-2.0
"""From monitor to enforce, without Docker: what a stranger began over UDP ends at once, with and
without conntrack; TCP sessions to closed ports live on until `existing` ends."""

import socket
import sys
import time

from harness import bare
from harness.clients import Session, no_reach, udp_ask
from harness.lab import HOST4, HOST6
from harness.portlid import Portlid
from harness.wait import until

ECHO, REDIRECTED = 7777, 8443  # both closed; 8443 is translated to 7777 by conntrack
MODES = ("native", "generic", "tc")
ECHO_SERVER = f"""
import socket, threading
def copy(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
def accept(listener):
    while True:
        threading.Thread(target=copy, args=(listener.accept()[0],), daemon=True).start()
def datagrams(server):
    while True:
        server.sendto(*server.recvfrom(65536))
tcp = socket.create_server(("::", {ECHO}), family=socket.AF_INET6, dualstack_ipv6=True)
udp = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
udp[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for server, address in zip(udp, ("0.0.0.0", "::")):
    server.bind((address, {ECHO}))
    threading.Thread(target=datagrams, args=(server,), daemon=True).start()
print("ready", flush=True)
accept(tcp)
"""


def policy(mode, existing="forever", services="  - { name: open, ports: [22/tcp] }\n"):
    return (f"version: 1\nmode: {mode}\nzones:\n  public:\n    interfaces: [uplink]\n"
            f"    default: drop\n    existing: {existing}\nservices:\n{services}")


class Conntrack:
    """Rules that make the lab host track connections; without any, its table stays empty."""

    RULES = (("-t", "nat", "PREROUTING", "-p", "tcp", "--dport", str(REDIRECTED), "-j", "REDIRECT",
              "--to-ports", str(ECHO)),
             ("-t", "filter", "INPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "ACCEPT"))

    def __init__(self, lab, wanted):
        self.lab, self.wanted = lab, wanted

    def __enter__(self):
        self.change("-A")
        return self

    def __exit__(self, *_):
        self.change("-D")

    def change(self, what):
        for table, name, chain, *match in self.RULES if self.wanted else ():
            for tool in ("iptables", "ip6tables"):
                self.lab.run("host", tool, table, name, what, chain, *match)


def ask(stranger, number):
    """True when the echo comes back; every datagram is another one."""
    word = f"datagram {number}".encode()
    try:
        stranger.send(word)
        return stranger.recv(100) == word
    except OSError:
        return False


def udp_flip(lab, attach, tracked):
    """One datagram a second, four before the flip and four after it: answered, then silence."""
    with Conntrack(lab, tracked), Portlid(lab, policy("monitor"), attach, docker=False) as sensor:
        for address, family in ((HOST4, socket.AF_INET), (HOST6, socket.AF_INET6)):
            with lab.ns["cli"].socket(family, socket.SOCK_DGRAM) as stranger:
                stranger.settimeout(0.5)
                stranger.connect((address, ECHO))
                for number in range(4):
                    assert until("an answer in monitor mode", lambda: ask(stranger, number))
                    time.sleep(0.5)
                sensor.reload(policy("enforce"))
                for number in range(4, 8):
                    assert not ask(stranger, number), f"answered {number - 4} s after the flip"
                    time.sleep(0.5)
                assert not udp_ask(lab.ns["cli"], address, ECHO), "a new stranger got in"
                sensor.reload(policy("monitor"))
                assert until("the way back", lambda: ask(stranger, 99))


def sessions(lab, attach, tracked):
    """Open sessions to closed ports live on, new ones fail, and `existing` ends them."""
    ports = (ECHO, REDIRECTED) if tracked else (ECHO,)
    cli = lab.ns["cli"]
    with Conntrack(lab, tracked), Portlid(lab, policy("monitor"), attach, docker=False) as sensor:
        open_before = [Session(cli, HOST4, port) for port in ports] + [Session(cli, HOST6, ECHO)]
        sensor.reload(policy("enforce", "1h"))
        for session in open_before:
            assert session.alive(), "an open session was cut at the flip"
        for port in ports:
            assert no_reach(cli, HOST4, port), f"a new connection to {port} got in"
        existing = sensor.get("status")["replies"]["existing"]
        assert existing["seeded"] >= len(open_before) and not existing["overflow"], existing
        assert existing["why"] is None, existing
        packets = sensor.packets()
        assert packets["by_reason"].get("grandfathered", 0) > 0, packets
        sensor.kill()
        with Portlid(lab, policy("enforce", "1h"), attach, docker=False, like=sensor) as after:
            for session in open_before:
                assert session.alive(), "an open session was cut by a restart"
            after.reload(policy("enforce", "1s"))
            for session in open_before:
                until("the session ends with `existing`", lambda: not session.alive())
                session.close()


def started_enforcing(lab, attach):
    """A sensor that starts in enforce mode cuts no session either."""
    session = Session(lab.ns["cli"], HOST4, ECHO)
    with Portlid(lab, policy("enforce"), attach, docker=False):
        assert session.alive(), "an open session was cut by the start"
        assert no_reach(lab.ns["cli"], HOST4, ECHO)
    session.close()


def limited(lab, attach):
    """The sixth connection within the period is refused, an exempt source's is not."""
    def services(extra):
        return (f"  - {{ name: echo, ports: [{ECHO}/tcp], limit: {{ new: 6/30s{extra} }} }}\n"
                "  - { name: open, ports: [22/tcp] }\n")
    cli = lab.ns["cli"]
    with Portlid(lab, policy("enforce", services=services("")), attach, docker=False) as sensor:
        kept = [Session(cli, HOST4, ECHO) for _ in range(5)]
        assert no_reach(cli, HOST4, ECHO), "the sixth got in"
        assert all(session.alive() for session in kept), "the limit cut an open session"
        assert no_reach(cli, HOST4, ECHO), "and the seventh"
        assert sensor.packets()["by_reason"]["limited"] > 0
        sensor.reload(policy("enforce", services=services(", exempt: [203.0.113.9]")))
        kept += [Session(cli, HOST4, ECHO) for _ in range(8)]
        for session in kept:
            session.close()


def rows(report):
    with bare.bare_lab() as lab:
        bare.python(lab, ECHO_SERVER)
        for attach in MODES:
            for tracked in (False, True):
                how = "with conntrack" if tracked else "without conntrack"
                report.run(attach, "U01", f"a stranger's UDP dialogue ends at the flip, {how}",
                           lambda: udp_flip(lab, attach, tracked))
                report.run(attach, "U02", f"open TCP sessions outlive the flip, {how}",
                           lambda: sessions(lab, attach, tracked))
            report.run(attach, "U03", "a start in enforce mode cuts no open session",
                       lambda: started_enforcing(lab, attach))
            report.run(attach, "U04", "a limit refuses the sixth connection, spares the exempt",
                       lambda: limited(lab, attach))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
