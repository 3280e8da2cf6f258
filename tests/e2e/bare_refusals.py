# SPDX-License-Identifier: Apache-2.0
"""Bad input: one paragraph that says what, where, why and the next command; the exit code of the
contract; nothing half-attached."""

import json
import os
import shutil
import signal
import socket
import sys
import threading

from harness import bare
from harness.context import policy
from harness.lab import HOST4
from harness.portlid import BINARY, Portlid
from harness.rows import Skip
from harness.wait import until

CAPABILITIES_WITHOUT_BPF = "-bpf,-sys_admin,-perfmon"


def nothing_attached(lab, sensor=None):
    link = lab.run("host", "ip", "-d", "link", "show", "eth0").stdout
    assert "xdp" not in link, link
    shown = lab.run("host", "bpftool", "net", "show", "dev", "eth0").stdout
    assert "eth0" not in shown, shown
    tree = lab.run("host", "bpftool", "cgroup", "tree", lab.cgroup / "host").stdout
    assert "portlid" not in tree and "post_bind" not in tree, tree
    if sensor:
        assert sensor.pins() == [], sensor.pins()
        assert not lab.host_file(f"{sensor.runtime}/portlid.sock").exists()


def refused(lab, done, code, *words, sensor=None):
    """Exit code, one paragraph on stderr with all `words`, nothing on stdout, nothing attached."""
    assert done.returncode == code, f"exit {done.returncode}, not {code}:\n{done.stderr}"
    text = done.stderr.strip()
    assert done.stdout == "", done.stdout
    missing = [w for w in words if w.lower() not in text.lower()]
    assert text and not missing, f"the message lacks {missing}:\n{text}"
    assert "\n\n" not in text and len(text) < 1200, f"not one paragraph:\n{text}"
    nothing_attached(lab, sensor)


def start(lab, text, **more):
    sensor = Portlid(lab, text, docker=more.pop("docker", False), **more)
    return sensor, sensor.run_to_end()


def broken_policy(lab):
    good = policy("enforce")
    cases = [("unknown key", good.replace("default:", "defualt:"), ("policy.yaml:6", "defualt")),
             ("bad port", good.replace("22/tcp", "70000/tcp"), ("policy.yaml:9", "70000")),
             ("no version", good.replace("version: 1\n", ""), ("policy.yaml", "version")),
             ("no way in", good.split("services")[0], ("way in",)),
             ("two keys", good + "mode: monitor\n", ("policy.yaml:10", "mode"))]
    for name, text, words in cases:
        sensor, done = start(lab, text)
        try:
            refused(lab, done, 5, *words, sensor=sensor)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def missing_policy(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False)
    sensor.policy_path.unlink()
    refused(lab, sensor.run_to_end(), 5, str(sensor.policy_path), sensor=sensor)


def writable_policy(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False)
    os.chmod(sensor.policy_path, 0o666)
    refused(lab, sensor.run_to_end(), 5, "write", "chmod", sensor=sensor)


def usage(lab):
    for arguments, words in (((), ("portlid",)), (("run", "--mode", "fast"), ("mode",)),
                             (("run", "--attach", "magic"), ("attach",)), (("nonsense",), ()),
                             (("run", "--interface"), ("interface",))):
        refused(lab, lab.run("host", BINARY, *arguments, check=False), 2, *words)
    sensor = Portlid(lab, policy("monitor"), options=("--docker", "tcp://127.0.0.1:1"))
    refused(lab, sensor.run_to_end(), 2, "tcp://127.0.0.1:1", "unix://", sensor=sensor)


def later_verbs(lab):
    for verb in ("top", "report"):
        done = lab.run("host", BINARY, verb, check=False)
        refused(lab, done, 2, verb)


def not_running(lab):
    for verb in ("status", "ports", "audit", "events"):
        done = lab.run("host", BINARY, verb, check=False,
                       env_more={"PORTLID_SOCKET": "/run/portlid-none/portlid.sock"})
        refused(lab, done, 3, "portlid run")


def no_capability(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False)
    done = lab.run("host", "setpriv", f"--bounding-set={CAPABILITIES_WITHOUT_BPF}",
                   f"--inh-caps={CAPABILITIES_WITHOUT_BPF}", *sensor.command, check=False)
    if "setpriv" in done.stderr:
        raise Skip(done.stderr.strip())
    refused(lab, done, 4, "CAP_BPF", sensor=sensor)


def plain_user(lab):
    sensor = Portlid(lab, policy("monitor"), docker=False)
    lab.run("host", "chmod", "-R", "a+rX", sensor.directory)
    done = lab.run("host", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   *sensor.command, check=False)
    refused(lab, done, 4, "sudo", sensor=sensor)


def no_btf(lab):
    """A kernel without BTF: the same mount namespace with /sys/kernel/btf hidden."""
    sensor = Portlid(lab, policy("monitor"), docker=False)
    script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    done = lab.run("host", "unshare", "--mount", "sh", "-c", script, "sh", *sensor.command,
                   check=False)
    refused(lab, done, 6, "BTF", sensor=sensor)


def no_interface(lab):
    sensor, done = start(lab, policy("monitor").replace("uplink", "nosuch0"),
                         interfaces=("nosuch0",))
    refused(lab, done, 1, "nosuch0", sensor=sensor)


def bad_engines(lab):
    """Unreadable, hanging, lying: the sensor runs, says so, and keeps sensing."""
    folder = lab.host_file("/run")
    (folder / "not-a-socket").write_text("x")
    hanging = liar(folder / "hangs.sock", None)
    lying = liar(folder / "lies.sock", b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n[" +
                 b"[" * 100_000)
    for name in ("not-a-socket", "nosuch.sock", "hangs.sock", "lies.sock"):
        engine = ("--docker", f"unix:///run/{name}")
        sensor = Portlid(lab, policy("monitor"), options=engine)
        at = sensor.command.index("unix:///run/docker.sock")
        del sensor.command[at - 1:at + 1]
        with sensor:
            assert sensor.ready_seconds < 3.0, f"{name}: it kept the sensor from getting ready"
            listener = bare.python(lab, "import signal,socket\nk=socket.create_server(('',2300))\n"
                                   "print('ready',flush=True)\nsignal.pause()")
            until(f"{name}: ports lists 2300", lambda: sensor.ports(port=2300))
            lab.end(listener)
            sensor.wait_event(f"{name}: the engine's state is said", lambda e: e["kind"] in
                              ("container.synced", "sensor.degraded") and name in str(e), seconds=8)
    hanging.close()
    lying.close()


def liar(path, answer):
    """An engine socket that gives `answer` to everybody, or nothing and never closes."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    kept = []

    def serve():
        try:
            while True:
                peer, _ = server.accept()
                kept.append(peer)
                if answer:
                    peer.recv(4096)
                    peer.sendall(answer)
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    return server


def vanishing_interface(lab):
    """The uplink goes away and comes back: coverage.lost, no crash, re-attached."""
    with Portlid(lab, policy("monitor").replace("uplink", '"x*"'), docker=False) as sensor:
        for _ in range(2):
            lab.run("host", "ip", "link", "add", "x0", "type", "veth", "peer", "name", "y0")
            lab.run("host", "ip", "link", "set", "x0", "up")
            until("x0 is attached", lambda: attached(sensor, "x0"))
            lab.run("host", "ip", "link", "del", "x0")
            sensor.wait_event("coverage.lost of x0", lambda e: e["kind"] == "coverage.lost" and
                              e["net"]["interface"] == "x0")
            until("x0 is not called covered", lambda: not attached(sensor, "x0"))
        assert not sensor.events("tamper.detected"), "a link that went with its interface"
        assert sensor.process.poll() is None
    nothing_attached(lab, sensor)


def attached(sensor, name):
    return [i for i in sensor.get("status")["interfaces"] if i["name"] == name and
            i["mode"] != "off"]


def second_sensor(lab):
    """Two sensors on one runtime directory: the second is refused, the first lives on."""
    with Portlid(lab, policy("monitor"), docker=False) as first:
        second = Portlid(lab, policy("monitor"), docker=False, like=first)
        done = second.run_to_end()
        assert done.returncode == 1 and "running" in done.stderr, done
        assert first.get("status")["ready"]
        assert first.interface()["mode"] == "monitor"


def capped(lab):
    """--mode monitor never drops, whatever the policy says, and status says so."""
    with Portlid(lab, policy("enforce"), docker=False, mode="monitor") as sensor:
        status = sensor.get("status")
        assert status["mode"]["effective"] == "monitor", status["mode"]
        assert sensor.interface()["mode"] == "monitor"


def interrupted(lab):
    """Ctrl-C is an orderly end: exit 0 and nothing attached."""
    sensor = Portlid(lab, policy("enforce"), docker=False).start()
    sensor.process.send_signal(signal.SIGINT)
    sensor._reap(0)
    nothing_attached(lab, sensor)


def one_link(lab, sensor, suffix):
    """The pin of the one link whose name ends so."""
    found = [p for p in sensor.pins() if p.endswith(suffix)]
    assert len(found) == 1, sensor.pins()
    return f"{sensor.bpffs}/{found[0]}"


def egress_detached(lab):
    """Somebody detaches the egress half: said, and back before replies are missed for long."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        lab.run("host", "bpftool", "link", "detach", "pinned", one_link(lab, sensor, "_tcx_out"))
        sensor.wait_event("coverage.lost", lambda e: e["kind"] == "coverage.lost")
        told = sensor.wait_event("the tampering", lambda e: e["kind"] == "tamper.detected")
        assert "eth0" in told["what"] and told["severity"] == "critical", told
        sensor.wait_event("coverage.restored", lambda e: e["kind"] == "coverage.restored",
                          seconds=2)
        assert sensor.interface()["egress"] and sensor.interface()["mode"] == "enforce"


def hook_detached(lab):
    """Somebody detaches a socket hook: said, and attached again."""
    with Portlid(lab, policy("monitor"), docker=False) as sensor:
        lab.run("host", "bpftool", "link", "detach", "pinned", one_link(lab, sensor, "post_bind4"))
        sensor.wait_event("the tampering", lambda e: e["kind"] == "tamper.detected")
        told = sensor.wait_event("sensor.degraded", lambda e: e["kind"] == "sensor.degraded")
        assert "post_bind4" in json.dumps(told), told
        until("the hook is back", lambda: {"name": "post_bind4", "state": "attached"} in
              sensor.get("status")["hooks"], seconds=2)


def map_pins_removed(lab):
    """Somebody removes pins of maps, or all pins: said once, back within 2 s, and the next start adopts them."""
    with Portlid(lab, policy("enforce"), docker=False, options=("--on-exit", "keep")) as sensor:
        all_of_them = sensor.pins()
        maps = lab.host_file(sensor.bpffs) / all_of_them[0].split("/")[0] / "maps"
        for name in ("bans", "policy_slots"):
            (maps / name).unlink()
        told = sensor.wait_event("the tampering", lambda e: e["kind"] == "tamper.detected", seconds=2)
        assert told["what"] == "maps" and "bans, policy_slots" in told["why"], told
        until("they are pinned again", lambda: sensor.pins() == all_of_them, seconds=1)
        (maps / "flows").rename(maps / "old")
        (maps / "forwarded_flows").rename(maps / "flows")
        (maps / "old").rename(maps / "forwarded_flows")
        until("exchanged ones are told", lambda: len(sensor.events("tamper.detected")) == 2, seconds=2)
        shutil.rmtree(lab.host_file(sensor.bpffs))
        until("every pin is back", lambda: sensor.pins() == all_of_them, seconds=4)
        held = pinned_id(lab, sensor, maps / "flows")
    with Portlid(lab, policy("enforce"), docker=False, like=sensor) as after:
        assert pinned_id(lab, after, maps / "flows") == held, "the next start made maps of its own"


def pinned_id(lab, sensor, path):
    name = f"{sensor.bpffs}/{path.parents[1].name}/maps/{path.name}"
    return json.loads(lab.run("host", "bpftool", "-j", "map", "show", "pinned", name).stdout)["id"]


def explained(lab):
    """explain without a destination means the address that strangers aim at."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        text = sensor.cli("explain", "any", "to", ":5432").stdout
        assert f"{HOST4}:5432" in text and "no_service" in text, text


ROWS = (("R01", "a broken policy at start: exit 5, file:line, nothing attached", broken_policy),
        ("R02", "a missing policy: exit 5", missing_policy),
        ("R03", "a world-writable policy: exit 5 and the chmod to type", writable_policy),
        ("R04", "wrong usage: exit 2", usage),
        ("R05", "verbs that are not built yet say so: exit 2", later_verbs),
        ("R06", "no daemon: exit 3 and `portlid run` as the next command", not_running),
        ("R07", "a missing capability: exit 4 and its name", no_capability),
        ("R08", "an ordinary user: exit 4", plain_user),
        ("R09", "a kernel without BTF: exit 6", no_btf),
        ("R10", "an interface that does not exist: exit 1, named", no_interface),
        ("R11", "an engine socket that is absent, no socket, hangs or lies: said, and sensing goes on",
         bad_engines),
        ("R12", "an interface that vanishes and returns: said, no crash, attached again",
         vanishing_interface),
        ("R13", "a second sensor on the same directories is refused", second_sensor),
        ("R14", "--mode monitor caps an enforcing policy", capped),
        ("R15", "Ctrl-C detaches and ends with exit 0", interrupted),
        ("R16", "a detached egress program: said, back within 2 s", egress_detached),
        ("R17", "a detached socket hook: said, back within 2 s", hook_detached),
        ("R19", "removed pins of maps: said, back within 2 s, adopted by the next start", map_pins_removed),
        ("R18", "explain means the address that strangers aim at", explained))


def rows(report):
    with bare.bare_lab() as lab:
        for identity, sentence, function in ROWS:
            report.run("bare", identity, sentence, lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
