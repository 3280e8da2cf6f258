# SPDX-License-Identifier: Apache-2.0
"""Changing what is in force, with a way back: apply and its window, modes, openings, sets, bans, the
lock-out guard. Deadlines hold with the daemon dead; what was changed survives a restart."""

import json
import pathlib
import signal
import sys
import time

from harness import bare
from harness.clients import Session, no_reach, reach
from harness.lab import CLI4, HOST4
from harness.portlid import Portlid
from harness.wait import until

WEB = 8080


def policy(mode, *ports, extra=""):
    services = ", ".join(("22/tcp", *ports))
    return (f"version: 1\nmode: {mode}\nzones:\n  public:\n    interfaces: [uplink]\n"
            "    existing: 0\nsets:\n  home: [192.0.2.77]\n"
            f"services:\n  - name: open\n    ports: [{services}]\n{extra}")


def answer(sensor, *command):
    """What a verb answers as JSON."""
    return json.loads(sensor.cli(*command, "-o", "json").stdout)


def refusal(sensor, *command, code):
    done = sensor.cli(*command, check=False)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "next: " in done.stderr, done.stderr
    return done.stderr


def new_file(sensor, text):
    path = sensor.directory / "new.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def confirmed(lab):
    """apply OTHER --confirm-within, confirm: in force, in the file, the old one kept beside it."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        old = sensor.policy_path.read_text()
        new = policy("enforce", f"{WEB}/tcp")
        planned = sensor.cli("plan", new_file(sensor, new)).stdout
        assert f"{WEB}/tcp" in planned and "22/tcp" not in planned, planned
        pending = answer(sensor, "apply", new_file(sensor, new), "--confirm-within", "30s")
        assert pending["pending"]["deadline"], pending
        assert sensor.get("status")["pending"]["previous"] == pending["pending"]["previous"]
        assert sensor.policy_path.read_text() == old, "written before it was confirmed"
        assert reach(lab.ns["cli"], HOST4, WEB)
        refusal(sensor, "apply", code=1)
        assert answer(sensor, "confirm")["pending"] is None
        assert sensor.policy_path.read_text() == new
        assert sensor.policy_path.with_name("policy.yaml.previous").read_text() == old
        refusal(sensor, "confirm", code=1)
        assert reach(lab.ns["cli"], HOST4, WEB)


def changed_in_the_window(lab):
    """What is confirmed is what was applied: a file that was changed or removed meanwhile is not."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        file = new_file(sensor, policy("enforce", f"{WEB}/tcp"))
        answer(sensor, "apply", file, "--confirm-within", "1h")
        before = sensor.policy_path.read_text()
        applied = pathlib.Path(file).read_text()
        pathlib.Path(file).write_text("nonsense: true\n")
        assert "not any more what was applied" in refusal(sensor, "confirm", code=1)
        pathlib.Path(file).unlink()
        assert "portlid apply" in refusal(sensor, "confirm", code=1)
        assert sensor.policy_path.read_text() == before
        pathlib.Path(file).write_text(applied)
        answer(sensor, "confirm")
        assert sensor.policy_path.read_text() == applied


def killed_in_the_window(lab):
    """The daemon dies inside the window: the kernel goes back by itself, and a restart stays back."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        answer(sensor, "apply", new_file(sensor, policy("enforce", f"{WEB}/tcp")),
               "--confirm-within", "3s")
        assert reach(lab.ns["cli"], HOST4, WEB)
        sensor.kill()
        until("the old policy is back", lambda: no_reach(lab.ns["cli"], HOST4, WEB), seconds=6)
        with Portlid(lab, policy("enforce"), docker=False, like=sensor) as after:
            after.wait_event("policy.rolled_back", lambda e: e["kind"] == "policy.rolled_back")
            assert after.get("status")["pending"] is None
            assert no_reach(lab.ns["cli"], HOST4, WEB)
            assert reach(lab.ns["cli"], HOST4, 22)


def rolled_back(lab):
    """rollback: the policy before; its text is not loaded again at the next start."""
    bad = policy("enforce", f"{WEB}/tcp")
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        sensor.write_policy(bad)
        answer(sensor, "apply")
        assert reach(lab.ns["cli"], HOST4, WEB)
        answer(sensor, "rollback")
        assert no_reach(lab.ns["cli"], HOST4, WEB)
    with Portlid(lab, bad, docker=False, like=sensor) as after:
        after.wait_event("policy.rolled_back", lambda e: e["kind"] == "policy.rolled_back")
        assert no_reach(lab.ns["cli"], HOST4, WEB), "the refused text was loaded"
        answer(after, "apply")
        assert reach(lab.ns["cli"], HOST4, WEB), "applying it again does not forgive it"


def own_tests(lab):
    """A policy whose own tests fail is not applied."""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        extra = f"tests:\n  - {{ from: 198.51.100.9, to: {WEB}/tcp, zone: public, expect: allow }}\n"
        said = refusal(sensor, "apply", new_file(sensor, policy("enforce", extra=extra)), code=5)
        assert str(WEB) in said, said
        assert sensor.get("status")["generation"] == 1


def wait_hits(sensor, kind, least):
    """Asking for the history makes the sensor read what the kernel has noted."""
    def enough():
        sensor.cli("events", "--since", "1m", "-o", "json")
        listed = sensor.get("status")["overrides"][kind]
        return listed and listed[0]["hits"] >= least and listed[0]
    return until(f"{least} hits of overrides.{kind}", enough, seconds=20)


def modes(lab):
    """mode: for a while, for a zone, with a window; back by itself; survives a restart."""
    cli = lab.ns["cli"]
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        assert no_reach(cli, HOST4, WEB)
        assert answer(sensor, "mode", "monitor", "--for", "3s")["mode"] == "monitor"
        assert reach(cli, HOST4, WEB)
        until("enforcing again", lambda: no_reach(cli, HOST4, WEB), seconds=6)
        until("status says so", lambda: sensor.get("status")["mode"]["effective"] == "enforce")
        answer(sensor, "mode", "monitor", "--zone", "public", "--for", "1h")
        assert reach(cli, HOST4, WEB)
        listed = wait_hits(sensor, "modes", 1)
        assert listed["zone"] == "public" and 3500 < listed["remaining_s"] <= 3600, listed
        refusal(sensor, "mode", "enforce", "--zone", "dmz", code=2)
    with Portlid(lab, policy("enforce"), docker=False, like=sensor) as after:
        assert reach(cli, HOST4, WEB), "the override did not survive"
        assert after.get("status")["overrides"]["modes"][0]["hits"] >= listed["hits"]
        answer(after, "mode", "policy")
        assert no_reach(cli, HOST4, WEB)
        assert after.get("status")["overrides"]["modes"] == []
        answer(after, "mode", "monitor", "--confirm-within", "2s")
        until("not confirmed: back", lambda: no_reach(cli, HOST4, WEB), seconds=5)
        after.wait_event("mode.changed", lambda e: e["kind"] == "mode.changed")


def shown_after_a_look(sensor):
    sensor.cli("events", "--since", "1m", "-o", "json")
    return answer(sensor, "set", "show", "home")["items"][0]["members"]


def openings(lab):
    """allow and set: open at once, close by themselves, also with the daemon dead."""
    cli = lab.ns["cli"]
    with Portlid(lab, policy("enforce", extra="  - name: web\n    ports: [9999/tcp]\n"),
                 docker=False) as sensor:
        assert no_reach(cli, HOST4, WEB)
        answer(sensor, "allow", f"{WEB}/tcp", "--for", "1h")
        for _ in range(3):
            assert reach(cli, HOST4, WEB)
        listed = wait_hits(sensor, "allow", 3)
        assert 3500 < listed["remaining_s"] <= 3600, listed
        answer(sensor, "allow", f"{WEB}/tcp", "--end")
        assert no_reach(cli, HOST4, WEB)
        answer(sensor, "allow", f"{WEB}/tcp", "--for", "3s")
        assert reach(cli, HOST4, WEB)
        sensor.kill()
        until("it closed by itself", lambda: no_reach(cli, HOST4, WEB), seconds=6)
    from_home = f"  - name: home\n    ports: [{WEB}/tcp]\n    from: [home]\n"
    with Portlid(lab, policy("enforce", extra=from_home), docker=False, like=sensor) as after:
        answer(after, "set", "add", "home", "198.51.100.0/24", "--for", "1h")
        shown = answer(after, "set", "show", "home")["items"][0]["members"]
        assert {m["address"] for m in shown} == {"192.0.2.77", "198.51.100.0/24"}, shown
        assert after.get("status")["overrides"]["sets"][0]["hits"] == 0
        answer(after, "set", "add", "home", CLI4, "--for", "1h")
        assert reach(cli, HOST4, WEB), "a member of the set is not let in"
        until("a hit of the new member", lambda: [
            one for one in shown_after_a_look(after) if one["address"] == CLI4 and one["hits"] > 0],
              seconds=20)
        answer(after, "set", "del", "home", "198.51.100.0/24")
        refusal(after, "set", "add", "nowhere", "192.0.2.1", code=2)


def many_ends(lab):
    """The daemon dead, more ends than the kernel has stages: what forbids is kept to its own end."""
    cli = lab.ns["cli"]
    with Portlid(lab, policy("monitor"), docker=False) as sensor:
        for second in range(3, 12):
            answer(sensor, "allow", f"{9000 + second}/tcp", "--for", f"{second}s")
        answer(sensor, "mode", "enforce", "--for", "15s")
        begun = time.monotonic()
        sensor.kill()
        while time.monotonic() < begun + 13:
            assert no_reach(cli, HOST4, WEB), f"open after {time.monotonic() - begun:.1f} s"
        until("monitoring again", lambda: reach(cli, HOST4, WEB), seconds=5)
    with Portlid(lab, policy("enforce"), docker=False, like=sensor) as after:
        for hours in range(1, 6):
            answer(after, "mode", "monitor", "--rule", "open", "--for", f"{hours}h")
        assert "keeps 5 ends" in refusal(after, "mode", "monitor", "--for", "6h", code=1)
        answer(after, "allow", f"{WEB}/tcp", "--for", "6h")
        answer(after, "mode", "monitor", "--confirm-within", "1m")


def bans(lab):
    """ban: closed to the source at once on every port, lifted by itself; never management unforced."""
    cli = lab.ns["cli"]
    extra = "management: [192.0.2.0/24]\n"
    with Portlid(lab, policy("enforce", extra=extra), docker=False) as sensor:
        refusal(sensor, "ban", "192.0.2.9", code=1)
        refusal(sensor, "ban", "203.0.113.9/24", code=2)
        answer(sensor, "ban", CLI4, "--for", "3s", "--reason", "test")
        assert no_reach(cli, HOST4, 22)
        listed = answer(sensor, "bans")["items"][0]
        assert listed["hits"] > 0 and listed["reason"] == "test", listed
        sensor.wait_event("ban.expired", lambda e: e["kind"] == "ban.expired", seconds=6)
        assert reach(cli, HOST4, 22)
        answer(sensor, "ban", CLI4, "--for", "1h", "--reason", "one")
        answer(sensor, "ban", CLI4, "--for", "1s", "--reason", "two")
        listed = answer(sensor, "bans")["items"][0]
        assert listed["remaining_s"] > 3500 and listed["reason"] == "one", listed
        answer(sensor, "ban", CLI4, "--for", "0")
    with Portlid(lab, policy("enforce"), docker=False, like=sensor) as after:
        assert no_reach(cli, HOST4, 22), "the ban did not survive a detach"
        answer(after, "unban", CLI4)
        assert reach(cli, HOST4, 22)


def guarded(lab):
    """A policy that would cut a live SSH session is refused by name; --force is explicit."""
    cut = policy("enforce").replace("22/tcp", "443/tcp")
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        session = Session(lab.ns["cli"], HOST4, 22)
        said = refusal(sensor, "apply", new_file(sensor, cut), code=1)
        assert "SSH session" in said and "failsafe" in said and "\\u" not in said, said
        # What covers the cut for a while and then ends hides nothing.
        for cover in (("mode", "monitor", "--for", "1h"), ("allow", "22/tcp", "--for", "2h")):
            answer(sensor, *cover)
            said = refusal(sensor, "apply", new_file(sensor, cut), code=1)
            assert "SSH session" in said and "from 20" in said, said
        answer(sensor, "allow", "22/tcp", "--end")
        answer(sensor, "mode", "policy")
        sensor.write_policy(cut)
        before = sensor.get("status")["generation"]
        sensor.process.send_signal(signal.SIGHUP)
        sensor.wait_event("policy.rejected", lambda e: e["kind"] == "policy.rejected")
        assert sensor.get("status")["generation"] == before
        answer(sensor, "apply", "--force")
        assert no_reach(lab.ns["cli"], HOST4, 22)
        session.close()


ROWS = (("V01", "apply with a window, confirmed", confirmed),
        ("V09", "a file changed inside the window is not confirmed", changed_in_the_window),
        ("V02", "the daemon killed inside the window: the old policy is back", killed_in_the_window),
        ("V03", "rollback, and a start that does not load the refused text", rolled_back),
        ("V04", "a policy whose own tests fail is not applied", own_tests),
        ("V05", "modes for a while, for a zone, unconfirmed", modes),
        ("V06", "openings and set members that end by themselves", openings),
        ("V10", "a mode keeps its end, however many openings end before", many_ends),
        ("V07", "bans that end by themselves and survive a restart", bans),
        ("V08", "the lock-out guard", guarded))


def rows(report):
    with bare.bare_lab() as lab:
        bare.echo_server(lab, 22, WEB)
        for identity, sentence, function in ROWS:
            report.run("bare", identity, sentence, lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
