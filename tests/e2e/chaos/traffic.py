# SPDX-License-Identifier: Apache-2.0
"""What runs without a pause: conversations outward, containers that come and go, binds that can be counted."""

import collections
import socket
import subprocess
import threading
import time

from harness.clients import Session, dns
from harness.lab import SRV4
from harness.netns import Namespace

from .world import ECHO, FLEETING, FLEETING_OPEN

Loss = collections.namedtuple("Loss", "begin end")


class Datagrams:
    """A UDP flow that we opened, with numbers that the server sends back."""

    def __init__(self, ns):
        self.socket, self.number = ns.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
        self.socket.settimeout(1.0)
        self.socket.connect((SRV4, ECHO))

    def alive(self):
        self.number += 1
        word = self.number.to_bytes(8, "big")
        self.socket.send(word)
        while True:  # answers of earlier ones may still come
            if self.socket.recv(100) == word:
                return True

    def close(self):
        self.socket.close()


class Queries:
    """A new UDP flow for each question."""

    def __init__(self, ns):
        self.ns = ns

    def alive(self):
        return dns(self.ns, SRV4, 1) == 1

    def close(self):
        pass


def stream(ns):
    return Session(ns, SRV4, ECHO)


class Talker(threading.Thread):
    """Asks again and again; every question without an answer is a Loss. `find` says where it lives now."""

    def __init__(self, name, kind, find):
        super().__init__(name=name, daemon=True)
        self.kind, self.find = kind, find
        self.answered, self.losses, self.over = 0, [], threading.Event()

    def run(self):
        channel = None
        while not self.over.wait(0.03):
            begin = time.monotonic()
            try:
                channel = channel or self.kind(self.find())
                answered = channel.alive()
            except (OSError, AssertionError):
                answered = False
            if answered:
                self.answered += 1
                continue
            self.losses.append(Loss(begin, time.monotonic()))
            channel = channel and channel.close()

    def stop(self):
        self.over.set()
        self.join()


class Fleeting(threading.Thread):
    """Containers that come and go on one published port, on an open and on a closed one in turn."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.lived, self.over = lab, 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            port = (FLEETING, FLEETING_OPEN)[self.lived % 2]
            try:
                self.lab.docker("run", "-d", "--rm", "--name", "fleeting", "-p", f"{port}:80", "tiny:1")
                self.lived += 1
                self.over.wait(0.5 + self.lived % 3)
            except (AssertionError, subprocess.TimeoutExpired):
                self.over.wait(0.2)  # dockerd is down, by a fault of ours
            self.remove()

    def remove(self):
        try:
            self.lab.docker("rm", "-f", "fleeting", check=False)
        except subprocess.TimeoutExpired:
            pass

    def stop(self):
        self.over.set()
        self.join()


class Container:
    """One that starts again by itself; its namespace is another one each time."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        lab.container(name, "--restart", "always", command=("sleep", "infinity"))

    def namespace(self):
        pid = self.lab.docker("inspect", "-f", "{{.State.Pid}}", self.name)
        if not pid.isdigit() or pid == "0":
            raise OSError(f"{self.name} does not run")
        return Namespace(int(pid))


class Binds:
    """Listeners 127.77.x.y:7077, numbered from 1, each for a moment, 25 a second."""
    CODE = """
import socket, sys, time
print("ready", flush=True)
with open(sys.argv[1], "w", 1) as log:
    for number in range(1, 65536):
        with socket.socket() as s:
            s.bind(("127.77.%d.%d" % divmod(number, 256), 7077))
            at = time.monotonic()
            s.listen()
        print(number, at, file=log)
        time.sleep(0.04)
"""

    def __init__(self, lab):
        self.lab, self.path = lab, lab.directory / "binds"
        self.child = lab.spawn("host", "/usr/bin/python3", "-Ic", self.CODE, self.path, stdout=subprocess.PIPE,
                               text=True)
        assert self.child.stdout.readline() == "ready\n"

    def stop(self):
        self.lab.end(self.child)

    def made(self):
        """{number: when}"""
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return {int(number): float(at) for number, at in lines if at}

    @staticmethod
    def told(events):
        """The numbers that events tell of."""
        found = set()
        for event in events:
            if event["kind"] == "socket.listen" and event["socket"]["address"].startswith("127.77."):
                high, low = event["socket"]["address"].split(".")[2:]
                found.add(int(high) * 256 + int(low))
        return found
