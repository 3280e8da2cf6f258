# SPDX-License-Identifier: Apache-2.0
"""One sensor in the lab host: its own directories, pins and control socket. Ready is asked for at
the socket, and every document is the one that the contract promises."""

import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from .kernel_objects import held_objects
from .lab import ROOT
from .wait import PATIENCE, until

BINARY = pathlib.Path(os.environ.get("PORTLID", ROOT / "build/portlid"))
_numbers = itertools.count(1)
# Whatever sensors of this run held when they were ready or ended: nothing of it may outlive the run.
seen_objects = {"prog_id": set(), "map_id": set(), "link_id": set()}


def _note_objects(pid):
    for kind, ids in held_objects(pid).items():
        seen_objects[kind] |= ids


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("portlid", timeout=5 * PATIENCE)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Portlid:
    """`policy` is YAML text. Directories outlive the object, so that a second one can adopt."""

    def __init__(self, lab, policy, attach="auto", mode="enforce", interfaces=(), docker=True,
                 like=None, options=()):
        self.lab = lab
        self.name = like.name if like else f"p{next(_numbers)}"
        self.directory = lab.directory / self.name
        self.directory.mkdir(exist_ok=True)
        self.policy_path = self.directory / "policy.yaml"
        self.events_path = self.directory / "events.jsonl"
        self.log_path = self.directory / "log"
        self.runtime = f"/run/portlid-{self.name}"
        self.bpffs = f"/sys/fs/bpf/{self.name}"
        self.write_policy(policy)
        self.command = [
            BINARY, "run", "--policy", self.policy_path, "--state-dir", self.directory / "state",
            "--runtime-dir", self.runtime, "--bpffs", self.bpffs, "--cgroup", lab.cgroup / "host",
            "--mode", mode, "--attach", attach, "--events", f"file:{self.events_path}",
            "--docker", "unix:///run/docker.sock" if docker else "none", *options,
            *(part for name in interfaces for part in ("--interface", name))]
        self.process = None

    # Life

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.log_path, "ab") as log:
            started = time.monotonic()
            self.process = self.lab.spawn("host", *self.command, stdout=log, stderr=log)
        try:
            until("the sensor is ready", self._ready_or_dead, seconds=15, pause=0.005)
        except AssertionError as error:
            self.abandon()
            raise AssertionError(f"{error}\n{self.log()}") from error
        self.ready_seconds = time.monotonic() - started
        _note_objects(self.process.pid)
        return self

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            raise AssertionError(f"portlid ended with {self.process.returncode}")
        try:
            return self.get("status")["ready"]
        except (OSError, http.client.HTTPException):
            return False

    def run_to_end(self, timeout=60):
        """For starts that must fail (or --once): exit code and what it said."""
        return self.lab.run("host", *self.command, check=False, timeout=timeout)

    def stop(self, expect=0):
        """SIGTERM; the exit code must be `expect`."""
        if self.process is None:
            return
        if self.process.poll() is None:
            _note_objects(self.process.pid)
        self.process.terminate()
        self._reap(expect)

    def kill(self):
        self.process.kill()
        self._reap(-signal.SIGKILL)

    def abandon(self):
        """Ends it whatever its state, without judging."""
        process, self.process = self.process, None
        process.kill()
        process.wait()
        self.lab.children.remove(process)

    def _reap(self, expect):
        process, self.process = self.process, None
        try:
            code = process.wait(timeout=10 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = "no end in time"
        self.lab.children.remove(process)
        if code != expect:
            raise AssertionError(f"portlid ended with {code}, not {expect}:\n{self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else ""

    # Configuration and policy

    def configure(self, text):
        """`text` as portlid.yaml, in place of --events; before the start."""
        path = self.directory / "portlid.yaml"
        path.write_text(text)
        path.chmod(0o600)
        at = self.command.index("--events")
        self.command[at:at + 2] = ["--config", path]

    def keep_state_at(self, directory):
        self.command[self.command.index("--state-dir") + 1] = directory

    def write_policy(self, text):
        fresh = self.policy_path.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.policy_path)

    def reload(self, text, seconds=5):
        """New policy text by SIGHUP; returns the new generation once it is in force."""
        before = self.get("status")["generation"]
        self.write_policy(text)
        self.process.send_signal(signal.SIGHUP)
        return until("the new policy generation is in force", lambda: self._newer(before),
                     seconds=seconds, pause=0.001)

    def _newer(self, before):
        generation = self.get("status")["generation"]
        return generation if generation > before else None

    # Answers

    def get(self, what):
        connection = _UnixConnection(self.lab.host_file(f"{self.runtime}/portlid.sock"))
        try:
            connection.request("GET", f"/v1/{what}")
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise AssertionError(f"GET /v1/{what}: {answer.status} {body[:500]!r}")
        return json.loads(body)

    def cpu_seconds(self):
        """What the sensor has used so far, its threads included."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cli(self, *command, check=True, timeout=60):
        """A client verb against this sensor, as an operator would type it."""
        return self.lab.run("host", BINARY, *command, check=check, timeout=timeout * PATIENCE,
                            env_more={"PORTLID_SOCKET": f"{self.runtime}/portlid.sock"})

    def interface(self, name="eth0"):
        found = [i for i in self.get("status")["interfaces"] if i["name"] == name]
        if not found:
            raise AssertionError(f"status does not list {name}")
        return found[0]

    def packets(self, name="eth0"):
        return self.interface(name)["packets"]

    def ports(self, **wanted):
        """Items of `ports` whose fields equal `wanted`."""
        items = self.get("ports")["items"]
        return [i for i in items if all(i.get(k) == v for k, v in wanted.items())]

    def events(self, kind=None):
        """All complete lines of the events file; each must be one valid JSON object."""
        if not self.events_path.exists():
            return []
        lines = self.events_path.read_bytes().split(b"\n")[:-1]
        parsed = [json.loads(line) for line in lines]
        return [e for e in parsed if kind in (None, e["kind"])]

    def wait_event(self, what, predicate, seconds=5):
        return until(f"event: {what}", lambda: next(filter(predicate, self.events()), None),
                     seconds=seconds)

    def pins(self):
        directory = self.lab.host_file(self.bpffs)
        return sorted(str(p.relative_to(directory)) for p in directory.rglob("*")) \
            if directory.exists() else []
