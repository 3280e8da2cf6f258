# SPDX-License-Identifier: Apache-2.0
"""The package goes even when its program does not run: deleted, cut short, of another machine. What filtered is out of
the kernel then, and what cannot be removed is said."""

import pathlib
import shutil
import sys

from harness import bare
from harness.clients import no_reach, reach
from harness.installed import InstalledHost, package
from harness.lab import HOST4
from harness.rows import Skip
from harness.wait import until

WEB = 8080
PROGRAM = "/usr/bin/portlid"
ENFORCING = ("version: 1\nmode: enforce\nzones:\n  public: { interfaces: [uplink], default: drop, existing: 0 }\n"
             "services:\n  - { name: ssh, ports: [22/tcp] }\n")


def enforcing(lab, host):
    """The package is installed and its service enforces."""
    host.dpkg("-i", "/tmp/portlid.deb")
    host.write("/etc/portlid/policy.yaml", ENFORCING)
    host.run("systemctl", "restart", "portlid")
    assert no_reach(lab.ns["cli"], HOST4, WEB) and host.pins()


def removal(host, code=0):
    """What `dpkg -r` says; it must end with `code`."""
    done = host.run("dpkg", "--no-triggers", "--force-unsafe-io", "-r", "portlid", check=False)
    assert (done.returncode == 0) == (code == 0), (done.returncode, done.stdout, done.stderr)
    return done.stderr


def gone(lab, host):
    assert not host.pins(), host.pins()
    pid = host.sensor_pid()  # a start that failed may have left a zombie
    assert not pid or "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text(), pid
    assert reach(lab.ns["cli"], HOST4, WEB)
    assert "xdp" not in lab.run("host", "ip", "-d", "link", "show", "eth0").stdout
    assert "portlid" not in host.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n").stdout.replace(
        "rc portlid", "")


def without_program(lab, host, spoil):
    enforcing(lab, host)
    spoil(host.path(PROGRAM))
    said = removal(host)
    assert "does not run" in said and "by hand" not in said, said
    gone(lab, host)


def deleted(lab, host):
    """the program is deleted under a service that enforces: the removal ends it and takes its pins out"""
    without_program(lab, host, lambda program: program.unlink())


def cut_short(lab, host):
    """the program is empty, which a shell takes for a script that succeeds: the same"""
    def spoil(program):
        program.unlink()
        program.write_bytes(b"")
        program.chmod(0o755)
    without_program(lab, host, spoil)


def foreign(lab, host):
    """the program is of another machine: the same"""
    def spoil(program):
        program.unlink()
        program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\x7f" + bytes(200))
        program.chmod(0o755)
    without_program(lab, host, spoil)


def by_shell(lab, host):
    """In place of the service a sensor that somebody started, up and ready."""
    host.run("systemctl", "stop", "portlid")
    child = lab.spawn("host", "nsenter", f"--target={host.holder.pid}", "--mount", "--", "chroot", host.base / "root",
                      PROGRAM, "run", "--on-exit", "keep", "--cgroup", lab.cgroup / "host")
    until("it answers", lambda: host.run("portlid", "status", check=False).returncode == 0, seconds=15)
    return child


def end(lab, child):
    child.kill()
    child.wait()
    lab.children.remove(child)


def by_hand(lab, host):
    """deleted under a sensor that somebody started by hand, which would hold its links: refused, its pid named; once
    it is ended, the removal goes through"""
    enforcing(lab, host)
    child = by_shell(lab, host)
    host.path(PROGRAM).unlink()
    said = removal(host, code=1)
    assert f"next: kill {child.pid}," in said, (child.pid, said)
    assert no_reach(lab.ns["cli"], HOST4, WEB) and host.pins()
    end(lab, child)
    removal(host)
    gone(lab, host)


def works_still(lab, host):
    """with a program that runs, a sensor by hand refuses the removal, and the program's own reason is told"""
    enforcing(lab, host)
    child = by_shell(lab, host)
    said = removal(host, code=1)
    assert "a sensor is running on" in said and "for the reason above" in said, said
    end(lab, child)
    removal(host)
    gone(lab, host)


def classic(lab, host):
    """a tc filter of a kernel without tcx is no link: its interface is named, its marker kept for a later
    `portlid detach`"""
    enforcing(lab, host)
    index = lab.run("host", "cat", "/sys/class/net/eth0/ifindex").stdout.strip()
    version = next(pin for pin in host.pins() if "/" not in pin)
    lab.run("host", "mkdir", "-p", f"/sys/fs/bpf/portlid/{version}/links/{index}_classic/qdisc")
    host.path(PROGRAM).unlink()
    said = removal(host)
    assert "a tc filter on eth0 stays" in said and "tc qdisc del dev eth0 clsact" in said, said
    assert all("_classic" in pin or pin in (version, f"{version}/links") for pin in host.pins()), host.pins()
    host.dpkg("-i", "/tmp/portlid.deb")
    host.run("systemctl", "stop", "portlid")
    removal(host)
    gone(lab, host)


ROWS = (("K20", deleted), ("K21", cut_short), ("K22", foreign), ("K23", by_hand), ("K24", works_still),
        ("K25", classic))


def rows(report):
    if not shutil.which("scdoc") or not shutil.which("dpkg-shlibdeps"):
        raise Skip("scdoc or dpkg-dev, for scripts/package")
    with bare.bare_lab() as lab:
        deb = package(lab)
        bare.echo_server(lab, 22, WEB)
        host = InstalledHost(lab)
        host.write("/tmp/portlid.deb", deb.read_bytes())
        for identity, function in ROWS:
            report.run("package", identity, " ".join(function.__doc__.split()), lambda: function(lab, host))
        host.dpkg("-P", "portlid")


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
