# SPDX-License-Identifier: Apache-2.0
"""`run --once` and `ports` on a host without Docker and without UFW, held against `ss`."""

import json
import re
import subprocess
import sys

from harness import bare
from harness.context import policy
from harness.lab import HOST4, HOST6
from harness.portlid import Portlid
from harness.wait import until

# Every kind of listener that ss shows, one process.
LISTENERS = """
import signal, socket
def open_one(family, kind, address, port, only6=None, reuse=False):
    s = socket.socket(family, kind)
    if only6 is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only6)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s
four, six, tcp, udp = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
keep = [open_one(four, tcp, "0.0.0.0", 2001), open_one(four, tcp, "127.0.0.1", 2002),
        open_one(four, tcp, "%(four)s", 2003), open_one(six, tcp, "::", 2004, 1),
        open_one(six, tcp, "::", 2005, 0), open_one(six, tcp, "::1", 2006),
        open_one(six, tcp, "%(six)s", 2007), open_one(six, tcp, "::ffff:127.0.0.1", 2008, 0),
        open_one(four, udp, "0.0.0.0", 2001), open_one(six, udp, "::", 2009, 0),
        open_one(four, udp, "127.0.0.1", 2010)]
keep += [open_one(four, tcp, "0.0.0.0", 2011, reuse=True) for _ in range(4)]
unbound = socket.socket()
unbound.listen()
print(unbound.getsockname()[1], flush=True)
signal.pause()
""" % {"four": HOST4, "six": HOST6}


def listeners_of_ss(lab):
    """{(transport, family, address, port, pid)}; a dual-stack socket counts in both families."""
    found = set()
    for line in lab.run("host", "ss", "-H", "-lntup").stdout.splitlines():
        transport, _, _, _, local, _, *users = line.split(maxsplit=6)
        address, _, port = local.rpartition(":")
        address = address.split("%")[0].strip("[]")
        pid = re.search(r"pid=(\d+)", users[0] if users else "")
        who = int(pid.group(1)) if pid else 0
        if address == "*":
            found.add((transport, "ipv4", "0.0.0.0", int(port), who))
            address = "::"
        family = "ipv6" if ":" in address else "ipv4"
        if address.startswith("::ffff:"):
            family, address = "ipv4", address[7:]
        found.add((transport, family, address, int(port), who))
    return found


def listeners_of_portlid(document):
    return {(i["transport"], i["family"], i["address"], i["port"], i["holder"]["pid"])
            for i in document["items"] if i["host_netns"] and i["address"] is not None}


def compare(ours, theirs):
    assert theirs, "ss shows nothing: no real test"
    assert ours == theirs, (f"only ss: {sorted(theirs - ours)}\n"
                            f"only portlid: {sorted(ours - theirs)}")


def fixed(addresses):
    """A dual-stack item's IPv4 address may be written 0.0.0.0 or ::; both name every address."""
    return {(t, f, "0.0.0.0" if f == "ipv4" and a == "::" else a, p, who)
            for t, f, a, p, who in addresses}


def once(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False, options=("--once", "-o", "json"))
    done = sensor.run_to_end()
    assert done.returncode == 0, done
    document = json.loads(done.stdout)
    assert document["schema"] == "portlid.ports/v1", document["schema"]
    compare(fixed(listeners_of_portlid(document)), listeners_of_ss(lab))
    assert sensor.pins() == [], sensor.pins()
    link = lab.run("host", "ip", "-d", "link", "show", "eth0").stdout
    assert "xdp" not in link, link


def table(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False, options=("--once",))
    done = sensor.run_to_end()
    assert done.returncode == 0 and "2003" in done.stdout, done
    assert "\x1b" not in done.stdout, "colour on a pipe"


def followed(lab):
    """The daemon's `ports` stays equal to ss while sockets come and go."""
    with Portlid(lab, policy("monitor"), docker=False) as sensor:
        for _ in range(3):
            more = bare.python(lab, "import signal,socket\nk=[socket.create_server(('',p)) for p in "
                               "range(2100,2150)]\nprint('ready',flush=True)\nsignal.pause()")
            until("ports equals ss with 50 more", lambda: same(sensor, lab))
            lab.end(more)
            until("ports equals ss without them", lambda: same(sensor, lab))
        compare(fixed(listeners_of_portlid(sensor.get("ports"))), listeners_of_ss(lab))
        verb = json.loads(sensor.cli("ports", "-o", "json").stdout)
        assert listeners_of_portlid(verb) == listeners_of_portlid(sensor.get("ports"))


def same(sensor, lab):
    return fixed(listeners_of_portlid(sensor.get("ports"))) == listeners_of_ss(lab)


def sockets_only(lab):
    options = ("--interface", "none")
    with Portlid(lab, policy("enforce"), docker=False, options=options) as sensor:
        status = sensor.get("status")
        assert all(i["mode"] == "off" for i in status["interfaces"]), status["interfaces"]
        assert status["mode"]["effective"] != "enforce", status["mode"]
        compare(fixed(listeners_of_portlid(sensor.get("ports"))), listeners_of_ss(lab))


def hostile_name(lab):
    """A process name that is an escape sequence and a newline forges neither line nor table."""
    child = bare.python(lab, "import ctypes,signal,socket\nctypes.CDLL(None).prctl(15, "
                        "b'a\\x1b[2J\\n\\xff\\xe2\\x80\\xae')\nk=socket.create_server(('',2200))\n"
                        "print('ready',flush=True)\nsignal.pause()")
    try:
        with Portlid(lab, policy("monitor"), docker=False) as sensor:
            item = sensor.ports(port=2200)[0]
            assert "\x1b" not in item["holder"]["comm"] and "\n" not in item["holder"]["comm"], item
            text = sensor.cli("ports", "-o", "wide").stdout
            assert "\x1b" not in text and "\u202e" not in text, repr(text)
            raw = sensor.events_path.read_bytes()
            assert b"\x1b" not in raw and raw.decode("utf-8"), "raw bytes in the event stream"
    finally:
        lab.end(child)


ROWS = (("N01", "run --once -o json equals ss, and leaves nothing attached", once),
        ("N02", "run --once prints a plain table on a pipe", table),
        ("N03", "ports follows 50 sockets that come and go, and equals ss", followed),
        ("N04", "--interface none: sockets only, status does not claim to enforce", sockets_only),
        ("N05", "a process name of control bytes is shown escaped everywhere", hostile_name))


def rows(report):
    with bare.bare_lab() as lab:
        child = lab.spawn("host", "/usr/bin/python3", "-Ic", LISTENERS, stdout=subprocess.PIPE,
                          text=True)
        child.stdout.readline()
        for identity, sentence, function in ROWS:
            report.run("bare", identity, sentence, lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
