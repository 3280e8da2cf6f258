# SPDX-License-Identifier: Apache-2.0
"""E: policies swapped and refused, the daemon killed, restarted and stopped. These rows end the
life of the sensor they are given, in the order they are written."""

import os
import signal

from harness.clients import Session, http_get, no_reach
from harness.context import policy
from harness.kernel_objects import held_objects, left_objects
from harness.lab import HOST4
from harness.portlid import Portlid
from harness.prober import SYN_ACK, Prober
from harness.rows import row
from harness.wait import until
from rows import silence

SWAPS = int(os.environ.get("PORTLID_E2E_SWAPS", "100"))
LIMIT_BYTES = 1 << 20


@row("E06", f"{SWAPS} policy swaps A/B, A opens 8080 and 8443, B neither: no sample sees a mix")
def swaps(ctx):
    a, b = policy("enforce", "8080/tcp", "8443/tcp"), policy("enforce")
    with Prober(ctx, (8080, 8443, 8080), period=0.002) as prober:
        for number in range(SWAPS):
            ctx.sensor.reload(a if number % 2 == 0 else b)
    ctx.enforce()
    judge_samples(prober)


def judge_samples(prober):
    """A sample asks 8080, 8443 and 8080 again within 0.4 ms, less than two swaps take. When both
    answers of 8080 agree, no swap lay between, and 8443 has to agree too."""
    samples = [[prober.answers.get((batch, position)) == SYN_ACK for position in range(3)]
               for batch in range(prober.sent) if not prober.stretched[batch]]
    steady = [sample for sample in samples if sample[0] == sample[2]]
    opened = sum(sample[0] for sample in steady)
    mixed = sum(sample[0] != sample[1] for sample in steady)
    said = f"{prober.sent} samples, {len(steady)} steady, {opened} open, {mixed} mixed"
    assert opened > len(steady) / 10 and len(steady) - opened > len(steady) / 10, said
    assert mixed == 0, said


def broken_policies(path):
    """(name, words the message must have, function that puts the file there)."""
    good = policy("enforce", "8080/tcp")

    def write(text, mode=0o644):
        path.unlink(missing_ok=True)
        path.write_bytes(text)
        os.chmod(path, mode)

    def link():
        path.unlink(missing_ok=True)
        other = path.with_name("elsewhere.yaml")
        other.write_text(good)
        path.symlink_to(other)

    def huge():
        write(b"version: 1\n")
        with open(path, "r+b") as file:
            file.truncate(100 << 20)  # a hole: 100 MB that cost nothing to make

    return [
        ("unknown key", "defualt", lambda: write(good.replace("default:", "defualt:").encode())),
        ("a mistyped port", "70000", lambda: write(good.replace("22/tcp", "70000/tcp").encode())),
        ("not YAML", "YAML", lambda: write(b"version: 1\nzones: [\n")),
        ("not UTF-8", "UTF-8", lambda: write(b"version: 1\nmode: \xff\xfe\n")),
        ("an anchor and an alias", "not allowed", lambda: write(b"version: 1\nmode: &a enforce\nsets: *a\n")),
        ("no way in", "way in", lambda: write(policy("enforce").split("services")[0].encode())),
        ("empty", "empty", lambda: write(b"")),
        ("world-writable", "writ", lambda: write(good.encode(), 0o666)),
        ("a symbolic link", "link", link),
        ("100 MB", "MiB", huge),
    ]


@row("E07", "invalid, world-writable, symlinked, 100 MB policy: refused, clearly; the old one stays")
def refused(ctx):
    before = ctx.sensor.get("status")
    for name, word, place in broken_policies(ctx.sensor.policy_path):
        said = len(ctx.sensor.events("policy.rejected"))
        place()
        ctx.sensor.process.send_signal(signal.SIGHUP)
        until(f"policy.rejected for {name}",
              lambda: len(ctx.sensor.events("policy.rejected")) == said + 1)
        errors = ctx.sensor.events("policy.rejected")[-1]["errors"]
        text = " ".join(f"{e['file']}:{e['line']} {e['message']} {e['hint']}" for e in errors)
        assert word in text, f"{name}: {text}"
        now = ctx.sensor.get("status")
        assert (now["generation"], now["policy"]) == (before["generation"], before["policy"]), name
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    ctx.sensor.policy_path.unlink()
    ctx.enforce()


@row("E01", "kill -9 under a 1 kHz SYN prober: 0 leaks; a restart adopts and counters continue")
def killed(ctx):
    log = ctx.lab.container_log("web")
    session = Session(ctx.ns["cli"], HOST4, 22)
    before = ctx.sensor.packets()
    with Prober(ctx, (8080,), period=0.001) as prober:
        prober.after(300)
        stages = {"killed": prober.sent}
        ctx.sensor.kill()
        assert ctx.sensor.pins(), "no pins outlive the daemon"
        prober.after(700)
        assert session.alive(), "a session to an open port died with the daemon"
        old = ctx.sensor
        stages["restarted"] = prober.sent
        ctx.sensor = Portlid(ctx.lab, policy("enforce"), attach=ctx.attach, like=old).start()
        stages["ready"] = prober.sent
        prober.after(500)
    after = ctx.sensor.packets()
    leaks = sorted(batch for batch, _ in prober.answers)
    assert not leaks, f"{len(leaks)} of {prober.sent} probes leaked: {leaks[:5]}, with {stages}"
    assert ctx.lab.container_log("web") == log
    dropped = after["by_reason"]["no_service"] - before["by_reason"].get("no_service", 0)
    # Every probe is counted, also while nobody was there; a stray packet of the wire may join them.
    assert prober.sent <= dropped <= prober.sent + 16, f"{prober.sent} probes, {dropped} counted"
    assert after["seen"] == after["passed"] + after["dropped"], after
    assert session.alive()
    assert ctx.sensor.interface()["attach"] == ctx.attach, ctx.sensor.interface()
    names = [i["holder"]["container"]["name"] for i in ctx.sensor.ports(port=8080, host_netns=True)]
    assert names == ["web", "web"], names


@row("B18", f"a UDP dialogue passes after {silence.SILENCE_SECONDS} s of silence, flip, swaps and restart")
def dialogue(ctx):
    silence.goes_on(ctx)


@row("B08", "a session to a closed port, as silent and as old, lives")
def old_session(ctx):
    silence.session_goes_on(ctx)


@row("E15", "stop with detach: no program, map, pin or link is left, and traffic is as before")
def stopped(ctx):
    held = held_objects(ctx.sensor.process.pid)
    assert held["prog_id"] and held["map_id"], held
    ctx.sensor.stop()
    assert ctx.sensor.pins() == [], ctx.sensor.pins()
    until("the kernel freed every program, map and link", lambda: not left_objects(held))
    link = ctx.lab.run("host", "ip", "-d", "link", "show", "eth0").stdout
    assert "xdp" not in link, link
    filters = ctx.lab.run("host", "bpftool", "net", "show", "dev", "eth0").stdout
    assert "portlid" not in filters and "eth0" not in filters, filters
    qdiscs = ctx.lab.run("host", "tc", "qdisc", "show", "dev", "eth0").stdout
    assert "clsact" not in qdiscs, qdiscs
    assert http_get(ctx.ns["cli"], HOST4, 8080) == b"hello\n"
    assert not ctx.lab.host_file(f"{ctx.sensor.runtime}/portlid.sock").exists()


@row("E16", "detach removes what a killed sensor left")
def detached(ctx):
    held = held_objects(ctx.sensor.process.pid)
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    ctx.sensor.kill()
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    ctx.sensor.cli("detach", "--bpffs", ctx.sensor.bpffs)
    assert ctx.sensor.pins() == [], ctx.sensor.pins()
    until("the kernel freed every program, map and link", lambda: not left_objects(held))
    assert http_get(ctx.ns["cli"], HOST4, 8080) == b"hello\n"
