# SPDX-License-Identifier: Apache-2.0
"""The sensor as packaging/portlid.service confines it: capabilities, secure bits, system calls, read-only
files (harness/confined.py does what systemd would). It does all its work there, tells the manager that it is
alive, names a capability that is missing, and starts with the last good policy."""

import os
import signal
import socket
import sys

from harness import bare
from harness.clients import no_reach, reach
from harness.confined import CAPABILITIES
from harness.lab import HOST4, ROOT
from harness.portlid import Portlid
from harness.rows import Skip
from harness.wait import until

UNIT = ROOT / "packaging/portlid.service"
WRAPPER = ROOT / "tests/e2e/harness/confined.py"
WEB = 8080
SERVER = ("import signal,socket\nkept=[socket.create_server(('',p)) for p in (22,%d)]\n"
          "print('ready',flush=True)\nsignal.pause()" % WEB)
STRANGER = ("import signal,socket\nk=socket.create_server(('',2400))\nprint('ready',flush=True)\n"
            "signal.pause()")
PROGRAMS = {"CAP_NET_ADMIN"}


def policy(mode):
    return (f"version: 1\nmode: {mode}\nzones:\n  public:\n    interfaces: [uplink]\n    existing: 0\n"
            "services:\n  - name: ssh\n    ports: [22/tcp]\n")


class Confined(Portlid):
    """A sensor in the unit's confinement, with a service manager that listens."""

    def __init__(self, lab, text, without=(), options=(), like=None):
        super().__init__(lab, text, docker=False, options=(*options, "--on-exit", "keep"), like=like)
        # As the unit's ExecStartPre= and RuntimeDirectory= do; /sys/fs/bpf itself stays read-only.
        lab.run("host", "mkdir", "-p", "-m", "0700", self.runtime, self.bpffs)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = str(self.directory / "notify")
        if os.path.exists(address):
            os.unlink(address)
        self.manager.bind(address)
        self.manager.settimeout(0.01)
        self.told = []
        writable = [part for path in (self.directory, self.runtime, self.bpffs)
                    for part in ("--writable", path)]
        lacking = [part for name in without for part in ("--without", name)]
        self.command = ["env", f"NOTIFY_SOCKET={address}", "WATCHDOG_USEC=400000", "/usr/bin/python3", "-B",
                        WRAPPER, UNIT, *writable, *lacking, "--", *self.command]

    def said(self, word):
        try:
            while True:
                self.told.append(self.manager.recv(256).decode())
        except TimeoutError:
            return self.told.count(word)


def sets_of(pid):
    found = {}
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        name, _, value = line.partition(":\t")
        if name.startswith("Cap"):
            found[name] = {n for n, number in CAPABILITIES.items() if int(value, 16) >> number & 1}
            assert not int(value, 16) & ~sum(1 << n for n in CAPABILITIES.values()), line
        elif name in ("Seccomp", "NoNewPrivs"):
            found[name] = value.strip()
    return found


def confined(lab, sensor):
    """ready, the watchdog is answered, and the process holds exactly what the unit documents"""
    assert sensor.said("READY=1") == 1, sensor.told
    until("WATCHDOG=1 comes and goes on", lambda: sensor.said("WATCHDOG=1") >= 3)
    held = sets_of(sensor.process.pid)
    assert held["CapEff"] == held["CapPrm"] == set(CAPABILITIES), held
    assert held["CapAmb"] == held["CapInh"] == PROGRAMS, held
    assert (held["Seccomp"], held["NoNewPrivs"]) == ("2", "1"), held
    assert not [e for e in sensor.events("sensor.degraded") if e.get("degraded", {}).get("what") ==
                "capabilities"], sensor.events("sensor.degraded")


def holders(lab, sensor):
    """whoever listened before, in another namespace and as another user, is named"""
    item = until("port 2400", lambda: next(iter(sensor.ports(port=2400)), None))
    assert not item["host_netns"] and item["holder"]["user"] == "nobody", item
    assert item["holder"]["exe"].startswith("/usr/bin/python3"), item


def programs(lab, sensor):
    """nft and iptables-save, started with CAP_NET_ADMIN alone, still say what is published"""
    rule = ("-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8090", "-j", "DNAT",
            "--to-destination", "172.17.0.2:80")
    lab.run("host", "iptables-nft", *rule)
    until("the rule is in ports", lambda: [i for i in sensor.ports(port=8090) if i["published"]])
    lab.run("host", "iptables-nft", "-t", "nat", "-F")


def rotated(lab, sensor):
    """SIGUSR1 opens the event file anew and loads no policy"""
    before = sensor.get("status")["generation"]
    sensor.policy_path.write_text("not a policy\n")
    os.rename(sensor.events_path, sensor.events_path.with_suffix(".1"))
    sensor.process.send_signal(signal.SIGUSR1)
    until("the file is there again", sensor.events_path.exists)
    sensor.cli("ban", "192.0.2.66", "--for", "1h")
    sensor.wait_event("a ban in the new file", lambda e: e["kind"] == "ban.added")
    assert sensor.get("status")["generation"] == before
    assert not sensor.events("policy.rejected")
    sensor.write_policy(policy("monitor"))


def enforced(lab, sensor):
    """apply writes the file, a detached link comes back, kill -9 and a new start leave no gap"""
    new = sensor.directory / "new.yaml"
    new.write_text(policy("enforce"))
    new.chmod(0o600)
    cli = lab.ns["cli"]
    assert reach(cli, HOST4, WEB)
    sensor.cli("apply", str(new))
    assert "enforce" in sensor.policy_path.read_text()
    assert no_reach(cli, HOST4, WEB) and reach(cli, HOST4, 22)
    egress = next(p for p in sensor.pins() if p.endswith("_tcx_out"))
    lab.run("host", "bpftool", "link", "detach", "pinned", f"{sensor.bpffs}/{egress}")
    sensor.wait_event("it is back", lambda e: e["kind"] == "coverage.restored", seconds=3)
    generation = sensor.get("status")["generation"]
    sensor.kill()
    assert no_reach(cli, HOST4, WEB)
    sensor.start()
    assert sensor.get("status")["generation"] >= generation
    assert no_reach(cli, HOST4, WEB) and reach(cli, HOST4, 22)


def last_good(lab, sensor):
    """a broken policy file at the start: the last confirmed one with --last-good, exit 5 without"""
    sensor.kill()
    sensor.write_policy("version: 1\nnonsense: true\n")
    sensor.start()
    rejected = [e for e in sensor.events("policy.rejected")][-1]
    assert "nonsense" in str(rejected) and "used instead" in str(rejected), rejected
    assert no_reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["cli"], HOST4, 22)
    sensor.kill()
    sensor.command.remove("--last-good")
    done = sensor.run_to_end()
    assert done.returncode == 5 and "nonsense" in done.stderr, (done.returncode, done.stderr)
    assert no_reach(lab.ns["cli"], HOST4, WEB), "what was in force went with a start that failed"
    lab.run("host", ROOT / "build/portlid", "detach", "--bpffs", sensor.bpffs)


def missing(lab):
    """E14: without a capability that it needs it does not start (exit 4, named); without another it runs and
    names it in an event"""
    done = Confined(lab, policy("monitor"), without=["CAP_NET_ADMIN"]).run_to_end()
    assert done.returncode == 4 and "CAP_NET_ADMIN" in done.stderr, (done.returncode, done.stderr)
    done = Confined(lab, policy("monitor"), without=["CAP_BPF", "CAP_SYS_ADMIN"]).run_to_end()
    assert done.returncode == 4 and "CAP_BPF" in done.stderr, (done.returncode, done.stderr)
    weak = ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]
    with Confined(lab, policy("monitor"), without=weak) as sensor:
        told = " ".join(str(e) for e in sensor.events("sensor.degraded"))
        assert all(name in told for name in weak), told
        assert all(name in sensor.log() for name in weak), sensor.log()
    lab.run("host", ROOT / "build/portlid", "detach", "--bpffs", sensor.bpffs)


ROWS = (("U01", confined), ("U02", holders), ("U03", programs), ("U04", rotated), ("U05", enforced),
        ("U06", last_good))


def rows(report):
    with bare.bare_lab() as lab:
        if lab.run("host", "systemd-analyze", "syscall-filter", check=False).returncode != 0:
            raise Skip("systemd-analyze, for the groups of system calls")
        bare.python(lab, SERVER)
        stranger = lab.spawn("host", "unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534",
                             "--clear-groups", "/usr/bin/python3", "-Ic", STRANGER, stdout=-1, text=True)
        assert stranger.stdout.readline() == "ready\n"
        with Confined(lab, policy("monitor"), options=["--last-good"]) as sensor:
            for identity, function in ROWS:
                report.run("unit", identity, " ".join(function.__doc__.split()),
                           lambda: function(lab, sensor))
        report.run("unit", "E14", " ".join(missing.__doc__.split()), lambda: missing(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
