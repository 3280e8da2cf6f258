# SPDX-License-Identifier: Apache-2.0
"""Beside the real UFW, in the lab's own /etc/ufw: forty rules that `ufw` wrote are imported, each
mapped or listed, and judged as UFW would; `limit` refuses what `ufw limit` refuses, try by try."""

import re
import resource
import subprocess
import sys
import threading
import time
from concurrent import futures

from harness import bare
from harness.clients import tcp
from harness.lab import HOST4, HOST6
from harness.portlid import BINARY, Portlid

# As scripts/lab does it for a host with Docker: the rules that the package ships.
UFW_UP = r"""
cp /usr/share/ufw/iptables/*.rules /etc/ufw/
cp /usr/share/ufw/before.init /usr/share/ufw/after.init /etc/ufw/
printf 'ENABLED=no\nLOGLEVEL=off\n' >/etc/ufw/ufw.conf
sed -i 's/^IPV6=.*/IPV6=yes/; s/^\(DEFAULT_[IF].*_POLICY\)=.*/\1="DROP"/' /etc/default/ufw
printf '[Lab]\ntitle=Lab\ndescription=Lab\nports=7000:7005/tcp|7777/udp\n' \
    >/etc/ufw/applications.d/lab
cp -a /etc/ufw /run/forty
"""
LISTENERS = """
import socket, threading
servers = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
           for port in (22, 23)]
def serve(listener):
    while True:
        listener.accept()[0].close()
for server in servers:
    threading.Thread(target=serve, args=(server,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""
# What ufw-docker adds to after.rules.
UFW_DOCKER = r"""
cat >>/etc/ufw/after.rules <<'END'
# BEGIN UFW AND DOCKER
*filter
:ufw-user-forward - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -j ufw-user-forward
-A DOCKER-USER -j RETURN -s 10.0.0.0/8
COMMIT
# END UFW AND DOCKER
END
"""
RULES = """
limit 22/tcp
allow 80/tcp
allow 443/tcp comment 'the web'
allow 443/udp
allow Lab
allow WWW
deny 25/tcp
reject 113/tcp
allow 6000:6010/tcp
allow 6000:6010/udp
deny from 192.0.2.66
deny from 2001:db8:bad::/48
allow from 198.51.100.0/24
allow from 203.0.113.7 to any port 5432 proto tcp
allow from 2001:db8:77::/48 to any port 5432 proto tcp
allow proto tcp from 192.0.2.0/24 to any port 8080,8443
allow from 192.0.2.0/24 to 198.51.100.10 port 9000 proto tcp
allow in on eth9 to any port 53
allow in on eth9 from 10.9.0.0/16 to any port 3306 proto tcp
deny in on eth9 to any port 3306 proto tcp
limit from 192.0.2.0/24 to any port 2222 proto tcp
limit 5000/udp
allow out 25/tcp
deny out to 192.0.2.99
route allow in on eth0 out on docker0 to 172.17.0.2 port 80 proto tcp
route deny from 192.0.2.5
allow proto esp from any
allow proto gre from 192.0.2.1
allow from 10.0.0.1 port 123 proto udp
deny proto tcp from 192.0.2.8 to any port 8080
insert 1 deny from 192.0.2.77 to any port 80 proto tcp
allow 9100
deny 9200
allow from 192.0.2.0/24 to any port 9200
allow proto udp from any to any port 1194
allow ssh/tcp
allow from 203.0.113.0/24 to any app Lab
reject from 203.0.113.200
allow in on eth0 to any port 2049 proto tcp
allow from any to 2001:db8:100::10 port 8001 proto tcp
delete allow 9100
allow 9101/tcp
""".strip().splitlines()
# (from, to, what UFW does): worked out from the rules above by hand, first match decides. What
# Portlid closes and lists is a drop. The stranger is no martian: those are dropped unasked.
PACKETS = [
    ("9.9.9.9", "22/tcp", "allow"), ("9.9.9.9", "80/tcp", "allow"),
    ("192.0.2.77", "80/tcp", "drop"), ("2001:db8:1::1", "80/tcp", "allow"),
    ("2001:db8:bad::1", "5432/tcp", "drop"), ("2001:db8:77::1", "5432/tcp", "allow"),
    ("2001:db8:78::1", "5432/tcp", "drop"), ("203.0.113.7", "5432/tcp", "allow"),
    ("203.0.113.8", "5432/tcp", "drop"), ("9.9.9.9", "25/tcp", "drop"),
    ("198.51.100.9", "12345/tcp", "allow"), ("198.51.100.9", "12345/udp", "allow"),
    ("198.51.100.9", "25/tcp", "drop"), ("9.9.9.9", "7000/tcp", "allow"),
    ("9.9.9.9", "7005/tcp", "allow"), ("9.9.9.9", "7006/tcp", "drop"),
    ("9.9.9.9", "7777/udp", "allow"), ("9.9.9.9", "7777/tcp", "drop"),
    ("9.9.9.9", "6010/udp", "allow"), ("9.9.9.9", "6011/udp", "drop"),
    ("192.0.2.9", "8080/tcp", "allow"), ("192.0.2.9", "8443/tcp", "allow"),
    ("192.0.2.66", "8080/tcp", "drop"), ("9.9.9.9", "8080/tcp", "drop"),
    ("192.0.2.9", "198.51.100.10:9000/tcp", "allow"),
    ("192.0.2.9", "198.51.100.11:9000/tcp", "drop"), ("9.9.9.9", "5000/udp", "drop"),
    ("192.0.2.9", "2222/tcp", "allow"), ("9.9.9.9", "2222/tcp", "drop"),
    ("9.9.9.9", "9100/tcp", "drop"), ("9.9.9.9", "9101/tcp", "allow"),
    ("192.0.2.9", "9200/tcp", "drop"), ("9.9.9.9", "1194/udp", "allow"),
    ("9.9.9.9", "443/udp", "allow"), ("9.9.9.9", "53/udp", "drop")]


def forty(lab):
    """Writes the rules beside the UFW at work, which takes half a minute: a mount and a network
    namespace of its own, around the copy of its files. Then `portlid import ufw`."""
    # A disabled UFW only writes its files, which is what is read here.
    script = "".join(f"ufw {rule} >/dev/null\n" for rule in RULES)
    return lab.run("host", "unshare", "--mount", "--net", "sh", "-ec",
                   f'mount --bind /run/forty /etc/ufw\n{UFW_DOCKER}\n{script}\n'
                   'exec "$0" import ufw', BINARY, timeout=180)


def imported(lab, writing):
    """forty rules that the real ufw wrote: each mapped or listed, and judged as UFW would"""
    assert len(RULES) >= 40
    done = writing.result()
    etc = lab.host_file("/run/forty")
    policy = lab.directory / "imported.yaml"
    policy.write_text(done.stdout)
    written = 0
    for name in ("user.rules", "user6.rules"):
        for number, line in enumerate((etc / name).read_text().splitlines(), 1):
            if not (tuple_of := re.match(r"### tuple ### (.*)", line)):
                continue
            written += 1
            assert f"{name}:{number}: " in done.stdout, f"{tuple_of[1]} is nowhere"
    assert written >= 40, written
    for by_hand in ("BEGIN UFW AND DOCKER", "route:allow", "limit udp 5000", "allow esp"):
        assert by_hand in done.stderr, f"{by_hand} is not listed"
    # `deny from` meant every protocol, and stands before it.
    assert "\nprotocols:" not in done.stdout, done.stdout
    lab.run("host", BINARY, "policy", "check", policy)
    questions = []
    for source, target, verdict in PACKETS:
        questions += ["--packet", f"from {source} to {target} zone public expect {verdict}"]
    lab.run("host", BINARY, "policy", "test", policy, *questions)


class Tries:
    """One SYN a try: the socket is closed before it would send a second one."""

    def __init__(self, client, address, pauses):
        self.client, self.address, self.pauses = client, address, pauses
        self.ufw, self.portlid = [], []

    def run(self):
        for pause in self.pauses:
            time.sleep(pause)
            with futures.ThreadPoolExecutor() as both:
                for was, into in [(both.submit(self.opens, 22), self.ufw),
                                  (both.submit(self.opens, 23), self.portlid)]:
                    into.append(was.result())

    def opens(self, port):
        return tcp(self.client, self.address, port, timeout=0.6) == "open"


# Seven at once (the sixth is one too many), some that stretch it, then a whole period of quiet and
# a second burst. And who comes rarely after such a burst: two refused tries and one that passes are
# five stamps in 30 s.
BURSTS = [*[0.2] * 7, 1.0, 1.0, 30.5, *[0.2] * 6]
RARELY = [*[0.2] * 7, 11.4, 11.4, 11.4, 0.2, 0.2]


def limited(lab):
    """limit: 6/30s refuses what `ufw limit` refuses, try by try, for IPv4 and IPv6"""
    # Before it is enabled: the shipped user6.rules has empty limit chains, which ufw fills when it
    # loads its own file.
    lab.run("host", "sh", "-ec", "ufw limit 22/tcp\nufw allow 23/tcp\nufw --force enable")
    services = ("services:\n  - { name: ufw-judges, ports: [22/tcp] }\n"
                "  - { name: telnet, ports: [23/tcp], limit: { new: 6/30s } }\n")
    text = ("version: 1\nmode: enforce\nzones:\n  public:\n    interfaces: [uplink]\n" + services)
    bursts = [Tries(lab.ns["cli"], address, BURSTS) for address in (HOST4, HOST6)]
    rarely = [Tries(lab.ns["cli2"], address, RARELY) for address in (HOST4, HOST6)]
    with Portlid(lab, text, docker=False):
        threads = [threading.Thread(target=one.run) for one in bursts + rarely]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for one in bursts + rarely:
        assert one.ufw == one.portlid, (one.address, one.pauses, one.ufw, one.portlid)
        assert one.ufw[:7] == [True] * 5 + [False] * 2, one.ufw
    for one in bursts:
        assert one.ufw[9] and not one.ufw[-1], one.ufw
    for one in rarely:
        assert one.ufw[7:] == [False, False, True, False, False], one.ufw


def thousand(lab):
    """policy test: 1,000 cases of its own in less than a second of CPU time"""
    cases = "".join(f"  - {{ from: 198.51.100.{i % 250}, to: {i + 1}/tcp, expect: "
                    f"{'allow' if i + 1 == 80 else 'drop'} }}\n" for i in range(1000))
    policy = lab.directory / "thousand.yaml"
    policy.write_text("version: 1\nmode: monitor\nzones: { public: { interfaces: [uplink] } }\n"
                      f"services: [ {{ name: web, ports: [80/tcp] }} ]\ntests:\n{cases}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([BINARY, "policy", "test", policy], stdout=subprocess.PIPE, text=True,
                          check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert "1000" in done.stdout, done.stdout[-200:]
    assert used < 1.0, f"{used:.2f} s"


def rows(report):
    with bare.bare_lab() as lab:
        lab.run("host", "sh", "-ec", UFW_UP)
        bare.python(lab, LISTENERS)
        # It counts the CPU time of every child, so nothing runs beside it.
        report.run("bare", "W01", thousand.__doc__, lambda: thousand(lab))
        with futures.ThreadPoolExecutor() as beside:
            writing = beside.submit(forty, lab)
            report.run("bare", "W02", limited.__doc__, lambda: limited(lab))
            report.run("bare", "W03", imported.__doc__, lambda: imported(lab, writing))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
