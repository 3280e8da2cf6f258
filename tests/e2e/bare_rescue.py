# SPDX-License-Identifier: Apache-2.0
"""Getting back in: a rescue by file or kernel command line beats policy, modes and pins; the
lock-out guard knows who asks; the history says who did what, and every way back is one."""

import json
import os
import signal
import sys

from bare_rollout import WEB, answer, new_file, policy, refusal
from harness import bare
from harness.clients import Session, no_reach, reach
from harness.lab import CLI4, HOST4
from harness.portlid import BINARY, Portlid
from harness.wait import until


class Flag:
    """The rescue file of one row, and the options that name it."""

    def __init__(self, lab):
        self.path = lab.directory / "monitor"
        self.path.unlink(missing_ok=True)
        self.options = ("--rescue-file", self.path)

    def up(self):
        self.path.touch()

    def down(self):
        self.path.unlink()


def rescue_of(sensor):
    return sensor.get("status")["mode"]["rescue"]


def at_start(lab):
    """the file: links of a killed enforcing run stop dropping at the start, whatever modes say"""
    flag, cli = Flag(lab), lab.ns["cli"]
    with Portlid(lab, policy("enforce"), docker=False, options=flag.options) as sensor:
        answer(sensor, "mode", "enforce", "--zone", "public")
        assert rescue_of(sensor) is None and no_reach(cli, HOST4, WEB)
        sensor.kill()
        assert no_reach(cli, HOST4, WEB)
        flag.up()
        sensor.start()
        assert reach(cli, HOST4, WEB)
        mode = sensor.get("status")["mode"]
        assert (mode["requested"], mode["effective"]) == ("enforce", "monitor"), mode
        assert str(flag.path) in mode["rescue"]["why"] and "rm " in mode["rescue"]["leave"], mode
        assert "next: rm" in sensor.cli("status").stdout
        started = [e for e in sensor.events("sensor.started")][-1]
        assert "rescue" in started["why"] and str(flag.path) in started["why"], started
        assert str(flag.path) in refusal(sensor, "mode", "enforce", code=1)
        assert "only monitors" in sensor.cli("doctor", check=False).stdout
        flag.down()
        sensor.process.send_signal(signal.SIGHUP)
        until("it enforces again", lambda: rescue_of(sensor) is None)
        assert no_reach(cli, HOST4, WEB)


def at_run_time(lab):
    """the file appears: within a second nothing drops, also while a policy waits and in spite of one
    that is invalid; SIGHUP keeps it so; leaving asks the guard"""
    flag, cli = Flag(lab), lab.ns["cli"]
    with Portlid(lab, policy("enforce"), docker=False, options=flag.options) as sensor:
        answer(sensor, "apply", new_file(sensor, policy("enforce", "8081/tcp")),
               "--confirm-within", "1h")
        flag.up()
        until("nothing drops", lambda: reach(cli, HOST4, WEB), seconds=4)
        sensor.wait_event("mode.changed", lambda e: e["kind"] == "mode.changed"
                          and "rescue" in e["why"] and e["mode"]["to"] == "monitor")
        assert sensor.get("status")["pending"], "the policy that waits was forgotten"
        answer(sensor, "rollback")
        sensor.write_policy("version: 1\nnonsense: true\n")
        sensor.process.send_signal(signal.SIGHUP)
        sensor.wait_event("policy.rejected", lambda e: e["kind"] == "policy.rejected")
        assert rescue_of(sensor) and reach(cli, HOST4, WEB)
        session = Session(cli, HOST4, 22)
        sensor.write_policy(policy("enforce").replace("22/tcp", "443/tcp"))
        flag.down()
        sensor.process.send_signal(signal.SIGHUP)
        sensor.wait_event("the guard", lambda e: e["kind"] == "policy.rejected"
                          and "SSH session" in json.dumps(e["errors"]))
        assert rescue_of(sensor) and session.alive() and reach(cli, HOST4, WEB)
        sensor.write_policy(policy("enforce"))
        sensor.process.send_signal(signal.SIGHUP)
        until("it enforces again", lambda: rescue_of(sensor) is None)
        assert session.alive() and no_reach(cli, HOST4, WEB)
        session.close()


def without_a_start(lab):
    """a policy that cannot be loaded: the start fails (5), and still nothing goes on dropping"""
    flag, cli = Flag(lab), lab.ns["cli"]
    sensor = Portlid(lab, policy("enforce"), docker=False, options=flag.options).start()
    sensor.kill()
    sensor.write_policy("version: 1\nnonsense: true\n")
    assert sensor.run_to_end().returncode == 5
    assert no_reach(cli, HOST4, WEB), "without a rescue what is in force stays in force"
    flag.up()
    done = sensor.run_to_end()
    assert done.returncode == 5 and "rescue" in done.stderr, done.stderr
    assert reach(cli, HOST4, WEB) and not sensor.pins()


def command_line(lab):
    """portlid.mode=monitor on the kernel command line does the same"""
    cmdline = lab.directory / "cmdline"
    cmdline.write_text("BOOT_IMAGE=/vmlinuz ro portlid.mode=monitor quiet\n")
    with Portlid(lab, policy("enforce"), docker=False,
                 options=("--kernel-cmdline", cmdline)) as sensor:
        assert reach(lab.ns["cli"], HOST4, WEB)
        assert "kernel command line" in rescue_of(sensor)["why"]


def caller_known(lab):
    """the session of whoever asks is found though sudo took SSH_CONNECTION away"""
    inner = 'exec env -u SSH_CONNECTION "$0" "$@"; :'
    with Portlid(lab, policy("monitor"), docker=False) as sensor:
        done = lab.run(
            "host", "sh", "-c", 'sh -c "$0" "$@"; exit $?', inner, BINARY, "mode", "enforce",
            check=False,
            env_more={"PORTLID_SOCKET": f"{sensor.runtime}/portlid.sock",
                      "SSH_CONNECTION": f"{CLI4} 50000 {HOST4} 2222"})
        assert done.returncode == 1, (done.returncode, done.stderr)
        said = done.stderr
        assert f"the SSH session you type in from {CLI4} to port 2222 (no_service)" in said, said
        rule = f'failsafe: [{{ ports: [2222/tcp], from: ["{CLI4}"] }}]'
        assert rule in said, said
        sensor.reload(policy("monitor") + rule + "\n")
        saved = lab.run("host", BINARY, "mode", "enforce", check=False,
                        env_more={"PORTLID_SOCKET": f"{sensor.runtime}/portlid.sock",
                                  "SSH_CONNECTION": f"{CLI4} 50000 {HOST4} 2222"})
        assert saved.returncode == 0, saved.stderr


def history(lab):
    """who put what in force and when; a mode is a generation to go back from; a rollback that is
    refused forgets nothing"""
    cli = lab.ns["cli"]
    cut = policy("enforce").replace("22/tcp", "443/tcp")
    with Portlid(lab, cut, docker=False) as sensor:
        answer(sensor, "apply", new_file(sensor, policy("monitor")))
        answer(sensor, "mode", "enforce")
        assert no_reach(cli, HOST4, WEB)
        items = answer(sensor, "rollback", "--list")["items"]
        assert [i["how"] for i in items] == ["mode", "apply", "start"], items
        assert [i["state"] for i in items] == ["in force", "earlier", "earlier"], items
        assert items[0]["by"]["uid"] == 0 and items[0]["by"]["user"] == "root", items
        assert items[0]["by"]["pid"] > 1 and items[0]["modes"][0]["mode"] == "enforce", items
        assert "root (uid 0, pid" in sensor.cli("rollback", "--list").stdout
        assert answer(sensor, "rollback")["mode"] == "monitor"
        assert reach(cli, HOST4, WEB) and sensor.get("status")["overrides"]["modes"] == []
        # A policy waits; the way to the first one would cut the session; nothing is forgotten.
        answer(sensor, "apply", new_file(sensor, policy("enforce", f"{WEB}/tcp")),
               "--confirm-within", "1h")
        session = Session(cli, HOST4, 22)
        first = str(items[-1]["generation"])
        assert "SSH session" in refusal(sensor, "rollback", first, code=1)
        assert sensor.get("status")["pending"], "the policy that waits was forgotten"
        refusal(sensor, "rollback", "99", code=1)
        answer(sensor, "confirm")
        assert reach(cli, HOST4, WEB) and session.alive()
        assert answer(sensor, "rollback", "--list")["items"][0]["state"] == "in force"
        loaded = answer(sensor, "rollback", first, "--force")
        forced = sensor.wait_event("forced", lambda e: e["kind"] == "policy.loaded"
                                   and e["sensor"]["generation"] == loaded["generation"])
        assert forced["policy"]["forced"] and forced["policy"]["by"]["uid"] == 0, forced
        assert "forced by uid 0" in sensor.log()
        assert no_reach(cli, HOST4, 22)
        session.close()


def expired(lab):
    """confirm after the deadline fails (1), and the old policy stays"""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        answer(sensor, "apply", new_file(sensor, policy("enforce", f"{WEB}/tcp")),
               "--confirm-within", "1s")
        said = refusal(sensor, "apply", code=1)
        assert "still waits for its confirmation" in said, said
        until("it went back", lambda: no_reach(lab.ns["cli"], HOST4, WEB), seconds=4)
        refusal(sensor, "confirm", code=1)
        assert no_reach(lab.ns["cli"], HOST4, WEB)


def rebooted(lab):
    """killed inside the window, then another boot: the old policy is in force, the wall clock says
    that the window is over"""
    with Portlid(lab, policy("enforce"), docker=False) as sensor:
        waiting = policy("enforce", f"{WEB}/tcp")
        answer(sensor, "apply", new_file(sensor, waiting), "--confirm-within", "1h")
        sensor.kill()
        lab.run("host", BINARY, "detach", "--bpffs", sensor.bpffs)  # a boot has no pins
        state = sensor.directory / "state/rollout.json"
        kept = json.loads(state.read_text())
        kept["boot_id"] = "another"
        for clock in ("boot_ns", "unix_ns"):
            kept["pending"]["deadline"][clock] -= 3600 * 10**9
        state.write_text(json.dumps(kept))
        os.chmod(state, 0o600)
        sensor.start()
        sensor.wait_event("policy.rolled_back", lambda e: e["kind"] == "policy.rolled_back")
        assert sensor.get("status")["pending"] is None
        assert no_reach(lab.ns["cli"], HOST4, WEB) and reach(lab.ns["cli"], HOST4, 22)


def reloaded(lab):
    """SIGHUP reads includes and set files again"""
    cli = lab.ns["cli"]
    extra = "sets: { bad: { file: bad.netset } }\ndeny: [bad]\ninclude: policy.d/*.yaml\n"
    text = policy("enforce").replace("sets:\n  home: [192.0.2.77]\n", "")
    sensor = Portlid(lab, text, docker=False)
    (sensor.directory / "bad.netset").write_text("192.0.2.1\n")
    (sensor.directory / "policy.d").mkdir()
    sensor.write_policy(text + extra)
    with sensor:
        assert no_reach(cli, HOST4, WEB)
        (sensor.directory / "policy.d/web.yaml").write_text(
            f"services: [ {{ name: web, ports: [{WEB}/tcp] }} ]\n")
        sensor.reload(text + extra)
        assert reach(cli, HOST4, WEB)
        (sensor.directory / "bad.netset").write_text(f"192.0.2.1\n{CLI4}\n")
        sensor.reload(text + extra)
        assert no_reach(cli, HOST4, WEB)


ROWS = (("R01", at_start), ("R02", at_run_time), ("R03", without_a_start), ("R04", command_line),
        ("R05", caller_known), ("R06", history), ("R07", expired), ("R08", rebooted), ("R09", reloaded))


def rows(report):
    with bare.bare_lab() as lab:
        bare.echo_server(lab, 22, WEB)
        for identity, function in ROWS:
            report.run("bare", identity, " ".join(function.__doc__.split()),
                       lambda: function(lab))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
