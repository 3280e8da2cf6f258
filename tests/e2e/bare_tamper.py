# SPDX-License-Identifier: Apache-2.0
"""Root works against the sensor: told within a second, put right within two, and what goes on meanwhile is closed
again. And a start that finds its own files spoilt: with --last-good the host is never left open by that."""

import json
import os
import shutil
import sys
import time

from harness import bare
from harness.clients import no_reach, reach
from harness.context import policy
from harness.foreign import replace_program
from harness.lab import HOST4
from harness.portlid import BINARY, Portlid
from harness.wait import until

CLOSED = 8080


def bpftool(lab, *words):
    return json.loads(lab.run("host", "bpftool", "-j", *words).stdout)


def link(lab, sensor, ending):
    found = [p for p in sensor.pins() if p.endswith(ending)]
    assert len(found) == 1, sensor.pins()
    return bpftool(lab, "link", "show", "pinned", f"{sensor.bpffs}/{found[0]}")


def pinned_map(lab, sensor, name):
    found = [p for p in sensor.pins() if p.endswith(f"maps/{name}")]
    return f"{sensor.bpffs}/{found[0]}"


def told(sensor, before, *words):
    """The next tamper.detected says these words."""
    event = until("the tampering is told", lambda: sensor.events("tamper.detected")[before:], seconds=2)[0]
    text = f"{event['what']}: {event['why']}"
    assert all(word in text for word in words) and event["severity"] == "critical", event


def replaced(lab, attach, *endings):
    """Another program in a link of ours: told, and ours again, whichever link it is."""
    with Portlid(lab, policy("enforce"), docker=False, attach=attach) as sensor:
        for ending in endings:
            ours = link(lab, sensor, ending)
            before = len(sensor.events("tamper.detected"))
            replace_program(ours["id"], ending)
            assert link(lab, sensor, ending)["prog_id"] != ours["prog_id"]
            told(sensor, before, "another program in")
            until(f"ours is in {ending} again",
                  lambda: link(lab, sensor, ending)["prog_id"] == ours["prog_id"], seconds=2)
            assert no_reach(lab.ns["cli"], HOST4, CLOSED)
        assert sensor.interface()["mode"] == "enforce" and sensor.interface()["egress"]
        assert {"name": "post_bind4", "state": "attached"} in sensor.get("status")["hooks"]


def entry_changed(lab):
    """The flag of the interface table that keeps an interface from dropping: told and undone."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        path = pinned_map(lab, sensor, "interfaces")
        entries = bpftool(lab, "map", "dump", "pinned", path)
        mine = [e for e in entries if any(int(b, 16) for b in e["value"][:4])]
        assert len(mine) == 1, mine
        changed = [b[2:] for b in mine[0]["value"]]
        changed[5] = "01"  # force_monitor
        lab.run("host", "bpftool", "map", "update", "pinned", path, "key", "hex", *[b[2:] for b in mine[0]["key"]],
                "value", "hex", *changed)
        told(sensor, 0, "eth0", "changed what the kernel knows")
        until("closed again", lambda: no_reach(lab.ns["cli"], HOST4, CLOSED), seconds=2)
        now = bpftool(lab, "map", "dump", "pinned", path)
        assert [e["value"] for e in now if e["key"] == mine[0]["key"]] == [mine[0]["value"]]


def policy_emptied(lab):
    """The slot that decides, emptied: nothing is judged any more. Told and undone."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        path = pinned_map(lab, sensor, "policy_slots")
        lab.run("host", "bpftool", "map", "delete", "pinned", path, "key", "hex", "00", "00", "00", "00")
        told(sensor, 0, "policy", "wrote another policy")
        until("closed again", lambda: no_reach(lab.ns["cli"], HOST4, CLOSED), seconds=2)
        assert sensor.get("status")["generation"] == 1
        # A slot that ought to be empty is made so: told once, not every second.
        ours = bpftool(lab, "map", "dump", "pinned", path)[0]["value"]
        lab.run("host", "bpftool", "map", "update", "pinned", path, "key", "hex", "07", "00", "00", "00", "value",
                "id", str(inner_id(ours)))
        told(sensor, 1, "policy", "wrote another policy")
        time.sleep(2.5)
        assert len(sensor.events("tamper.detected")) == 2, sensor.events("tamper.detected")


def hex_key(number):
    return [f"{byte:02x}" for byte in number.to_bytes(4, "little")]


def quiet(sensor):
    """Nothing more is told once it is put right."""
    number = len(sensor.events("tamper.detected"))
    time.sleep(2.5)
    assert len(sensor.events("tamper.detected")) == number, sensor.events("tamper.detected")


def addresses_forgotten(lab):
    """Which addresses are the host's, and its networks, taken out of the kernel: what goes to an address that is
    not known passes. Told and undone."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        paths = [pinned_map(lab, sensor, name) for name in ("networks", "local_addresses", "own_buckets")]
        whole = [contents(lab, path) for path in paths]
        for path, known in zip(paths, whole):
            for key, value in known.items():
                if not any(int(byte, 16) for byte in value.split()):
                    continue
                words = ("delete", "pinned", path, "key", "hex", *key.split())
                if path.endswith("own_buckets"):
                    words = ("update", *words[1:], "value", "hex", *["00"] * 64)
                lab.run("host", "bpftool", "map", *words)
        told(sensor, 0, "addresses", "changed what the kernel knows")
        until("closed again", lambda: no_reach(lab.ns["cli"], HOST4, CLOSED), seconds=2)
        until("all of it is back", lambda: [contents(lab, path) for path in paths] == whole, seconds=2)
        quiet(sensor)


def contents(lab, path):
    """{key: value}; of a bucket its addresses in whatever places."""
    def words(value):
        texts = [b[2:] for b in value]
        parts = [" ".join(texts[at:at + 16]) for at in range(0, len(texts), 16)]
        return " ".join([*sorted(parts[:3]), *parts[3:]])
    return {" ".join(b[2:] for b in e["key"]): words(e["value"]) for e in bpftool(lab, "map", "dump", "pinned", path)}


def lists_exchanged(lab):
    """The source lists of the policy in force exchanged for those of the one before: told and undone."""
    closed = policy("enforce") + f"  - {{ name: web, ports: [{CLOSED}/tcp], from: [192.0.2.0/24] }}\n"
    with Portlid(lab, closed.replace("192.0.2.0/24", "203.0.113.0/24"), docker=False) as sensor:
        assert reach(lab.ns["cli"], HOST4, CLOSED)
        sensor.reload(closed)
        assert no_reach(lab.ns["cli"], HOST4, CLOSED)
        path = pinned_map(lab, sensor, "trie_nodes")

        def chunk(slot):
            found = bpftool(lab, "map", "lookup", "pinned", path, "key", "hex", *hex_key(slot * 2048))
            return inner_id(found["value"])
        slots = [slot for slot in range(17) if chunk_there(lab, path, slot)]
        before = {slot: chunk(slot) for slot in slots}
        assert len(before) == 2, before
        for slot, other in zip(slots, reversed(slots)):
            lab.run("host", "bpftool", "map", "update", "pinned", path, "key", "hex", *hex_key(slot * 2048), "value",
                    "id", str(before[other]))
        told(sensor, 0, "policy", "wrote another policy")
        until("the lists are back", lambda: {slot: chunk(slot) for slot in slots} == before, seconds=2)
        assert no_reach(lab.ns["cli"], HOST4, CLOSED)
        quiet(sensor)


def chunk_there(lab, path, slot):
    return lab.run("host", "bpftool", "map", "lookup", "pinned", path, "key", "hex", *hex_key(slot * 2048),
                   check=False).returncode == 0


def inner_id(value):
    """The id of a map in a map, however this bpftool shows it."""
    return value if isinstance(value, int) else int.from_bytes(bytes(int(b, 16) for b in value), "little")


def socket_removed(lab):
    """The control socket, then the whole runtime directory: open again within two seconds, and `detach` does not
    mistake a sensor that cannot be asked for one that is gone."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        for gone, number in ((f"{sensor.runtime}/portlid.sock", 0), (sensor.runtime, 1)):
            lab.run("host", "rm", "-rf", gone)
            refused = lab.run("host", BINARY, "detach", "--bpffs", sensor.bpffs, check=False)
            assert refused.returncode == 1 and "a sensor is running" in refused.stderr, refused
            told(sensor, number, "control socket", "removed")
            until("it can be asked again", lambda: asked(sensor), seconds=2)
            assert no_reach(lab.ns["cli"], HOST4, CLOSED)


def asked(sensor):
    try:
        return sensor.get("status")["ready"]
    except OSError:
        return False


def spoilt_boots(lab):
    """As after a reboot: nothing is in the kernel, the policy was confirmed, and something else is broken."""
    sensor = Portlid(lab, policy("enforce"), docker=False, options=("--on-exit", "keep", "--last-good"))
    good = f'version: 1\nsinks:\n  - {{ name: local, to: "file:{sensor.events_path}" }}\n'
    other = "  - { name: second, to: \"file:%s\" }\n" % (sensor.directory / "second.jsonl")
    sensor.configure(good)
    with sensor:
        assert no_reach(lab.ns["cli"], HOST4, CLOSED)
    config = sensor.directory / "portlid.yaml"
    for what, spoil in (("configuration", lambda: config.write_text(good + "enginez: []\n")),
                        ("configuration", lambda: config.chmod(0o666)),
                        ("sinks", lambda: config.write_text(good.replace("events.jsonl", "nowhere/e.jsonl") + other)),
                        ("sinks", lambda: spoil_sequence(sensor))):
        lab.run("host", BINARY, "detach", "--bpffs", sensor.bpffs)
        assert reach(lab.ns["cli"], HOST4, CLOSED), "nothing is in the kernel, yet it is closed"
        spoil()
        with sensor:
            assert no_reach(lab.ns["cli"], HOST4, CLOSED), f"open: {what}"
            shown = sensor.cli("events", "--kind", "sensor.degraded", "--since", "5m", "-o", "jsonl").stdout
            assert any(json.loads(line)["what"] == what for line in shown.splitlines()), (what, shown)
        assert f"started without its {what}" in sensor.log(), sensor.log()
        config.write_text(good)
        config.chmod(0o600)
    assert '"sensor.degraded"' in (sensor.directory / "second.jsonl").read_text(), "one sink took the other with it"
    # Without --last-good a mistake is refused, as ever.
    config.write_text(good + "enginez: []\n")
    plain = Portlid(lab, policy("enforce"), docker=False, like=sensor)
    plain.configure(good + "enginez: []\n")
    assert plain.run_to_end().returncode == 2
    lab.run("host", BINARY, "detach", "--bpffs", sensor.bpffs)
    shutil.rmtree(sensor.directory / "state", ignore_errors=True)


def spoil_sequence(sensor):
    """A state directory that takes no numbers: the file is a directory."""
    path = sensor.directory / "state" / "sequence"
    os.unlink(path)
    path.mkdir()


ROWS = (("M01", "another program in an XDP link, in egress, in a socket hook: told, undone",
         lambda lab: replaced(lab, "native", "_xdp", "_tcx_out", "post_bind4")),
        ("M02", "the same in a tc link", lambda lab: replaced(lab, "tc", "_tcx_in", "_tcx_out")),
        ("M03", "the interface table changed: told, undone", entry_changed),
        ("M04", "the policy taken out of the kernel: told, undone", policy_emptied),
        ("M05", "the control socket removed: told, open again; detach refuses", socket_removed),
        ("M06", "--last-good: a spoilt configuration or sink leaves no host open", spoilt_boots),
        ("M07", "the host's addresses and networks taken out: told, undone", addresses_forgotten),
        ("M08", "the policy's source lists exchanged: told, undone", lists_exchanged))


def rows(report):
    with bare.bare_lab() as lab:
        bare.echo_server(lab, 22, CLOSED)
        for identity, sentence, function in ROWS:
            report.run("bare", identity, sentence, lambda function=function: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
