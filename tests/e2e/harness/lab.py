# SPDX-License-Identifier: Apache-2.0
"""The lab of scripts/lab, from Python."""

import collections
import os
import pathlib
import signal
import subprocess
import sys
import threading

from .netns import Namespace
from .wait import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOST4, HOST4_SECOND, HOST6 = "198.51.100.10", "198.51.100.11", "2001:db8:100::10"
CLI4, CLI6 = "203.0.113.9", "2001:db8:203::9"
CLI2_4, CLI2_6 = "198.51.100.20", "2001:db8:100::20"
SRV4, SRV6 = "203.0.113.130", "2001:db8:53::130"
ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8:100::1"


class Lab:
    def __init__(self, name=None, docker=True, dockerd_options=""):
        self.name = name or f"e2e-{os.getpid()}"
        self.environment = dict(os.environ, PORTLID_LAB=self.name,
                                PORTLID_LAB_DOCKERD=dockerd_options)
        self.docker_wanted = docker
        self.children = []

    def __enter__(self):
        # A time limit ends us by SIGTERM: then the lab has to go too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            return self._up()
        except BaseException:
            self.__exit__()
            raise

    def _up(self):
        command = [ROOT / "scripts/lab", "up"] + ([] if self.docker_wanted else ["--no-docker"])
        subprocess.run(command, env=self.environment, check=True)
        listing = subprocess.run([ROOT / "scripts/lab", "env"], env=self.environment, check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        facts = dict(line.split("=", 1) for line in listing.splitlines())
        self.directory = pathlib.Path(facts["LAB_DIR"])
        self.cgroup = pathlib.Path(facts["LAB_CGROUP"])
        self.pids = {k[4:]: int(v) for k, v in facts.items() if k.startswith("PID_")}
        self.ns = {host: Namespace(pid) for host, pid in self.pids.items()}
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "scripts/lab", "down"], env=self.environment, check=True)
        for child in self.children:
            child.wait()

    def _command(self, host, command, cgroup=None):
        """Enters as scripts/lab exec does, but in one process less."""
        leaf = cgroup or self.cgroup / ("host/init" if host == "host" else "out")
        pid = self.pids[host]
        return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(leaf), "nsenter",
                f"--target={pid}", "--net", "--mount", f"--wdns={ROOT}", "--", *map(str, command)]

    def _environment(self, host):
        if host != "host":
            return self.environment
        return dict(self.environment, DOCKER_CONFIG="/run/docker-cli",
                    DOCKER_HOST="unix:///run/docker.sock")

    def run(self, host, *command, check=True, timeout=60, env_more=None, **more):
        """Runs to the end; stdout and stderr are kept. Fails on a bad exit code unless told."""
        done = subprocess.run(self._command(host, command),
                              env={**self._environment(host), **(env_more or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout,
                              errors="surrogateescape", **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} on {host}: exit {done.returncode}\n{done.stderr}")
        return done

    def spawn(self, host, *command, **more):
        more.setdefault("stdout", subprocess.DEVNULL)
        more.setdefault("stderr", subprocess.DEVNULL)
        child = subprocess.Popen(self._command(host, command), env=self._environment(host),
                                 stdin=subprocess.DEVNULL, **more)
        self.children.append(child)
        return child

    def host_file(self, path):
        """A path of the host's own mount namespace, as this process can open it."""
        return pathlib.Path(f"/proc/{self.pids['host']}/root") / str(path).lstrip("/")

    # Docker and servers

    def docker(self, *command, check=True):
        return self.run("host", "docker", *command, check=check).stdout.strip()

    def container(self, name, *options, command=()):
        """Starts a tiny:1 container and returns when its process runs."""
        self.docker("run", "-d", "--name", name, *options, "tiny:1", *command)
        return int(self.docker("inspect", "-f", "{{.State.Pid}}", name))

    def restart_dockerd(self):
        """kill -9 and the same command again; returns when it answers."""
        pid = int(self.host_file("/run/dockerd.pid").read_text())
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
        os.kill(pid, signal.SIGKILL)
        until("dockerd is gone", lambda: not os.path.exists(f"/proc/{pid}/exe") or
              pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")
        # Its containerd dies with it; a zombie of that pid would be taken for alive.
        for file in ("/run/dockerd.pid", "/run/docker/containerd/containerd.pid"):
            self.host_file(file).unlink(missing_ok=True)
        with open(self.directory / "log/dockerd", "ab") as log:
            self.spawn("host", *command, stdout=log, stderr=log)
        until("dockerd answers", self._dockerd_answers, seconds=30, pause=0.1)

    def _dockerd_answers(self):
        try:
            return self.run("host", "docker", "version", check=False, timeout=5).returncode == 0
        except subprocess.TimeoutExpired:  # it took the request and is not ready yet
            return False

    def container_log(self, name):
        done = self.run("host", "docker", "logs", name)
        return done.stdout + done.stderr

    def echo_server(self, host, *ports):
        """lab_echo on `host`; returns when it listens."""
        child = self.spawn(host, self.directory / "image/bin/lab_echo", *ports,
                           stderr=subprocess.PIPE, text=True)
        line = child.stderr.readline()
        if line != "ready\n":
            raise AssertionError(f"echo server on {host} {ports}: {line}{child.stderr.read()}")
        # It says each peer; in a pipe that nobody empties it would stop.
        threading.Thread(target=collections.deque, args=(child.stderr, 0), daemon=True).start()
        return child

    def end(self, child):
        child.terminate()
        child.wait()
        self.children.remove(child)

    def ufw(self, *command):
        return self.run("host", "ufw", *command).stdout
