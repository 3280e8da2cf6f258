# SPDX-License-Identifier: Apache-2.0
"""What docker_owners.py works on: policies with owners, servers and impostors, one watching sensor."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess

from harness.clients import in_parallel, no_reach, reach, tcp
from harness.context import policy
from harness.engine import HostileEngine
from harness.lab import HOST4
from harness.portlid import Portlid
from harness.wait import until

PYTHON = os.path.realpath("/usr/bin/python3")
PROOF = 2.0  # seconds within which an owner must be proven
OFFICE = "203.0.113.0/24"  # where cli is

OWNED = """
  - {{ name: by-name, ports: [8080/tcp, 8084/tcp, 5353/udp], owner: {{ container: "web*" }} }}
  - {{ name: by-digest, ports: [8081/tcp], owner: {{ image: "tiny@{digest}" }} }}
  - {{ name: by-compose, ports: [8082/tcp], owner: {{ compose: shop/front }} }}
  - {{ name: by-label, ports: [8083/tcp], owner: {{ label: tier=front }} }}
  - {{ name: by-host-network, ports: [9090/tcp], owner: {{ container: hostnet, image: "tiny:*" }} }}
  - {{ name: by-podman, ports: [8061/tcp], owner: {{ container: "pod-*" }} }}
  - {{ name: by-unit, ports: [9001/tcp], owner: {{ unit: echo.service }} }}
  - {{ name: by-exe, ports: [9002/tcp, 9003/tcp], owner: {{ exe: {python}, user: root }} }}
"""
BINDS = """
binds:
  default: refuse
  allow:
    - {{ ports: [8000-8999/tcp, 5353/udp] }}
    - {{ ports: [9001/tcp], owner: {{ unit: echo.service }} }}
    - {{ ports: [9002/tcp], owner: {{ exe: {python}, user: root }} }}
    - {{ ports: [9601/tcp, 9601/udp], owner: {{ container: "binder-*" }} }}
    - {{ ports: [9005/tcp], owner: {{ unit: "late@*.service" }} }}
"""
LABELS = f"labels: {{ ceiling: [ {{ ports: [8000-8099/tcp], from: [{OFFICE}], for: 24h }} ] }}\n"

# What a lying engine says: that a container of its own publishes what others hold or nobody has.
LIES = [{"Id": "f" * 64, "Names": ["/web-lie"], "Image": "tiny:1",
         "Labels": {"tier": "front", "portlid.allow-from": OFFICE, "portlid.allow-ports": "8055/tcp"},
         "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"}
                   for port in (8080, 8084, 9003)]}]

# PORT [share] [UID]: listens on every IPv4 address and answers handshakes.
SERVER = """
import os, socket, sys
words = sys.argv[2:]
if words and words[-1].isdigit(): os.setuid(int(words[-1]))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if 'share' in words: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(('0.0.0.0', int(sys.argv[1])))
s.listen(64)
print('ready', flush=True)
while True: s.accept()[0].close()
"""
# [[family, type, port, uid], ...] on the command line: the errno of each bind(), 0 = it worked.
BIND_TRIES = """
import errno, json, os, socket, sys
def attempt(family, kind, port, uid):
    s = socket.socket(getattr(socket, family), getattr(socket, kind))
    if kind == 'SOCK_STREAM': s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if uid: os.setresuid(uid, uid, 0)
    try: s.bind(('::' if family == 'AF_INET6' else '0.0.0.0', port))
    except OSError as e: return e.errno
    finally: os.setresuid(0, 0, 0); s.close()
    return 0
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('127.0.0.1', 9))  # the kernel binds it
print(json.dumps([attempt(*one) for one in json.loads(sys.argv[1])]))
"""
EPERM = errno.EPERM


def closed(ns, *places):
    """Nothing comes back from any of (port, kind), asked at once."""
    return all(in_parallel([lambda p=p: no_reach(ns, HOST4, *p) for p in places]))


class Host:
    """The lab's containers and servers, and the sensor that watches them."""

    def __init__(self, lab):
        self.lab = lab
        self.cli = lab.ns["cli"]
        self.digest = lab.docker("inspect", "-f", "{{.Id}}", "tiny:1")
        self.unit = lab.cgroup / "host" / "system.slice" / "echo.service"
        self.unit.mkdir(parents=True)
        self.copy = lab.directory / "impostor"
        shutil.copy(PYTHON, self.copy)
        self.sensor = Portlid(lab, self.policy())
        self.hostile = HostileEngine(lab.directory / "hostile.sock", LIES)

    def policy(self, binds="", labels=""):
        owned = OWNED.format(digest=self.digest, python=PYTHON)
        return policy("enforce", extra=owned.lstrip("\n") + binds.format(python=PYTHON) + labels)

    def server(self, port, *words, cgroup=None, before=()):
        """SERVER on the host; returns when it listens. `before`: a command that execs the rest."""
        command = [*before, PYTHON, "-Ic", SERVER, str(port), *words]
        child = subprocess.Popen(self.lab._command("host", command, cgroup),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.lab.children.append(child)
        if child.stdout.readline() != "ready\n":
            raise AssertionError(f"server on {port}: {child.stderr.read()}")
        return child

    def disguised(self, port, *words):
        """Another program that has the owner's path, in a mount namespace of its own."""
        return self.server(port, *words, before=(
            "unshare", "--mount", "sh", "-c", f'mount --bind {self.copy} {PYTHON}; exec "$@"', "sh"))

    def end(self, child, how=signal.SIGKILL):
        child.send_signal(how)
        child.wait()
        self.lab.children.remove(child)

    def opens(self, port, kind="tcp", address=HOST4):
        until(f"{port}/{kind} opens", lambda: tcp(self.cli, address, port, timeout=0.3) == "open"
              if kind == "tcp" else reach(self.cli, address, port, kind), seconds=PROOF)

    @contextlib.contextmanager
    def daemon_stopped(self):
        self.sensor.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.sensor.process.send_signal(signal.SIGCONT)

    def told_of(self, port, since=0):
        """The exposure.changed events about strangers on an owned port."""
        return [e for e in self.sensor.events("exposure.changed")[since:]
                if e["port"] == port and e.get("reason") == "owner_absent"]

    def tries(self, *wanted, cgroup=None, before=()):
        """errno of each bind() of (family, type, port, uid) on the host."""
        command = [*before, PYTHON, "-Ic", BIND_TRIES, json.dumps(wanted)]
        done = subprocess.run(self.lab._command("host", command, cgroup), check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return json.loads(done.stdout)
