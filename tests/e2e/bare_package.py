# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a host of its own (harness/installed.py): installed, operated as the guides in docs/ say
(every command in them), upgraded, removed, purged. Afterwards no file, pin, group or process is left."""

import json
import shutil
import sys
import threading

from harness import bare
from harness.clients import reach, no_reach, tcp
from harness.installed import InstalledHost, commands, newer, package
from harness.lab import HOST4, ROOT
from harness.rows import Skip
from harness.wait import until

WEB = 8080
ENFORCING = ("version: 1\nmode: enforce\nzones:\n  public: { interfaces: [uplink], default: drop }\n"
             "services:\n  - { name: ssh, ports: [22/tcp] }\n")
EVERYWHERE = ("/usr/bin/portlid", "/lib/systemd/system/portlid.service", "/etc/portlid/policy.yaml",
              "/etc/portlid/portlid.yaml", "/etc/portlid/policy.d", "/etc/logrotate.d/portlid",
              "/usr/lib/sysusers.d/portlid.conf", "/usr/lib/tmpfiles.d/portlid.conf",
              "/usr/share/portlid/schema/policy.schema.json", "/usr/share/man/man1/portlid.1.gz",
              "/usr/share/man/man8/portlid.8.gz", "/usr/share/man/man5/portlid.yaml.5.gz",
              "/usr/share/man/man5/portlid-policy.5.gz", "/usr/share/man/man7/portlid-events.7.gz",
              "/usr/share/bash-completion/completions/portlid",
              "/usr/share/zsh/vendor-completions/_portlid",
              "/usr/share/fish/vendor_completions.d/portlid.fish", "/usr/share/doc/portlid/rollout.md",
              "/usr/share/doc/portlid/integrations/fail2ban/action.d/portlid.conf")
CONFFILES = {"/etc/portlid/policy.yaml", "/etc/portlid/portlid.yaml", "/etc/portlid/policy.d/README",
             "/etc/logrotate.d/portlid"}


def talk(lab):
    """Somebody uses ports 22 and 8080, for `learn` to see."""
    for port in (22, WEB):
        with lab.ns["cli"].socket() as session:
            session.settimeout(3)
            session.connect((HOST4, port))
            session.sendall(b"hello")
            assert session.recv(16) == b"hello"


def installed(lab, host, deb):
    """everything is where it belongs; the service runs, enabled, in monitor mode, and drops nothing"""
    host.write("/tmp/portlid.deb", deb.read_bytes())
    said = host.dpkg("-i", "/tmp/portlid.deb").stderr
    missing = [path for path in EVERYWHERE if not host.path(path).exists()]
    assert not missing, missing
    listed = host.run("dpkg-query", "-W", "-f", "${Conffiles}", "portlid").stdout.split()
    assert {word for word in listed if word.startswith("/")} == CONFFILES, listed
    assert host.run("getent", "group", "portlid").returncode == 0
    assert host.sensor_pid(), f"the service does not run: {said}\n{host.path('/run/portlid.log').read_text()}"
    assert host.run("systemctl", "is-enabled", "portlid").stdout == "enabled\n"
    status = json.loads(host.run("portlid", "status", "-o", "json").stdout)
    assert status["mode"]["requested"] == status["mode"]["effective"] == "monitor", status["mode"]
    assert [i["name"] for i in status["interfaces"]] == ["eth0"], status["interfaces"]
    group = host.run("stat", "-c", "%a %G", "/run/portlid/portlid.sock").stdout
    assert group == "660 portlid\n", group
    assert host.run("portlid", "policy", "check", "/etc/portlid/policy.yaml").returncode == 0
    assert reach(lab.ns["cli"], HOST4, WEB)
    talk(lab)


def completes(host):
    """the completions that are installed are those of the program"""
    for shell, path in (("bash", "/usr/share/bash-completion/completions/portlid"),
                        ("zsh", "/usr/share/zsh/vendor-completions/_portlid"),
                        ("fish", "/usr/share/fish/vendor_completions.d/portlid.fish")):
        assert host.run("portlid", "completion", shell).stdout == host.path(path).read_text(), shell


def documented(lab, host, page):
    """every command of the page succeeds, in its order"""
    lines = [*commands(ROOT / "docs" / page)]
    for line in lines:
        if "learn --since" in line:  # the sensor notes what was used once in ten seconds
            until("what was used is in the history",
                  lambda: f"{WEB}/tcp" in host.shell("portlid learn --since 7d", check=False).stdout,
                  seconds=15, pause=0.3)
        done = host.shell(line, check=False)
        assert done.returncode == 0, f"{page}: {line}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
    assert lines, f"{page} has no commands"
    return len(lines)


def rescued(lab, host):
    """what recovery.md promises of /etc/portlid/monitor and of detach is so"""
    host.write("/etc/portlid/policy.yaml", ENFORCING)
    host.run("systemctl", "restart", "portlid")
    assert no_reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["cli"], HOST4, 22)
    host.shell("touch /etc/portlid/monitor")
    until("nothing is dropped", lambda: tcp(lab.ns["cli"], HOST4, WEB) == "open", seconds=3)
    host.shell("rm /etc/portlid/monitor; systemctl reload portlid")
    until("it drops again", lambda: no_reach(lab.ns["cli"], HOST4, WEB))


def links(host):
    """{pin: id} of the links that filter; the listen hook is a tracing link, which every start makes anew."""
    found = {}
    for pin in filter(lambda pin: "/links/" in pin and not pin.endswith("listen"), host.pins()):
        shown = host.lab.run("host", "bpftool", "-j", "link", "show", "pinned", f"/sys/fs/bpf/portlid/{pin}",
                             check=False)
        if shown.returncode == 0:
            found[pin] = json.loads(shown.stdout)["id"]
    return found


def upgraded(lab, host, deb):
    """an upgrade under enforcement: the links stay the same ones, nobody gets in, the policy is kept"""
    before, old = links(host), host.sensor_pid()
    assert any(pin.endswith("_xdp") or "tcx_in" in pin for pin in before), before
    leaks, stop = [], threading.Event()

    def knock():
        while not stop.is_set():
            if tcp(lab.ns["cli"], HOST4, WEB, timeout=0.2) != "timeout":
                leaks.append("in")

    prober = threading.Thread(target=knock)
    prober.start()
    try:
        host.write("/tmp/newer.deb", newer(lab, deb, "9.9.9").read_bytes())
        host.dpkg("-i", "/tmp/newer.deb")
    finally:
        stop.set()
        prober.join()
    assert not leaks, f"{len(leaks)} handshakes with a closed port during the upgrade"
    assert host.sensor_pid() not in (None, old), "the sensor was not started anew"
    assert links(host) == before, (before, links(host))
    assert host.path("/etc/portlid/policy.yaml").read_text() == ENFORCING
    assert no_reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["cli"], HOST4, 22)
    host.dpkg("-i", "/tmp/portlid.deb")  # and the way back
    assert links(host) == before and no_reach(lab.ns["cli"], HOST4, WEB)


def removed(lab, host):
    """remove takes everything out of the kernel and keeps configuration and state"""
    host.dpkg("-r", "portlid")
    assert not host.sensor_pid() and host.pins() == [], host.pins()
    assert reach(lab.ns["cli"], HOST4, WEB)
    assert "xdp" not in lab.run("host", "ip", "-d", "link", "show", "eth0").stdout
    assert not host.path("/usr/bin/portlid").exists()
    assert host.path("/etc/portlid/policy.yaml").read_text() == ENFORCING
    assert host.path("/var/lib/portlid/history.db").exists()


def purged(host):
    """purge leaves nothing: no file, no group, nothing that dpkg knows"""
    host.dpkg("-P", "portlid")
    left = [path for path in host.changed() if "portlid" in path]
    assert not left, left
    assert host.run("getent", "group", "portlid", check=False).returncode != 0
    assert "portlid" not in host.run("dpkg-query", "-W", "-f", "${Package}\n").stdout
    for path in ("/etc/group", "/etc/gshadow", "/etc/passwd"):
        assert "portlid" not in host.path(path).read_text(), path


def rows(report):
    if not shutil.which("scdoc") or not shutil.which("dpkg-shlibdeps"):
        raise Skip("scdoc or dpkg-dev, for scripts/package")
    with bare.bare_lab() as lab:
        deb = package(lab)
        bare.echo_server(lab, 22, WEB, 8081)
        host = InstalledHost(lab)
        steps = [("K01", installed, (lab, host, deb)), ("K02", completes, (host,))]
        steps += [(f"K0{n}", documented, (lab, host, page)) for n, page in
                  ((3, "rollout.md"), (4, "recovery.md"), (5, "threat-model.md"))]
        steps += [("K06", rescued, (lab, host)), ("K07", upgraded, (lab, host, deb)),
                  ("K08", removed, (lab, host)), ("K09", purged, (host,))]
        for identity, function, arguments in steps:
            page = next((a for a in arguments if isinstance(a, str)), "")
            sentence = " ".join((page, *function.__doc__.split())).strip()
            report.run("package", identity, sentence, lambda: function(*arguments))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
