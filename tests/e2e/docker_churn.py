# SPDX-License-Identifier: Apache-2.0
"""Churn: containers come and go, and `ports` never says what `ss` does not. Real Docker in the lab.
PORTLID_E2E_CHURN is how many containers live in all (12; 200 for the long run)."""

import concurrent.futures
import os
import random
import re
import sys
import threading
import time

from bare_cost import LISTENERS, MANY, MB, check_memory, memory
from harness import bare
from harness.context import policy
from harness.inventory import compare_once
from harness.lab import Lab
from harness.portlid import Portlid
from harness.wait import until

CONTAINERS = int(os.environ.get("PORTLID_E2E_CHURN", "12"))
MOMENTS = 50 if CONTAINERS >= 200 else 5
WORKERS = 2
SETTLE = 1.0  # seconds within which ports must have followed any change


def churn(lab, sensor):
    stop = threading.Event()
    failures = []

    def live(worker):
        dice = random.Random(worker)
        for number in range(CONTAINERS // WORKERS):
            if stop.is_set():
                return
            name = f"churn-{worker}-{number}"
            port = 10000 + worker * 1000 + number
            options = ["-p", f"{port}:80"] if dice.random() < 0.5 else []
            if dice.random() < 0.2:
                options = ["--network", "host"]
            command = ["httpd", "-f", "-p", str(port), "-h", "/www"] if "host" in options else []
            try:
                lab.docker("run", "-d", "--rm", "--name", name, *options, "tiny:1", *command)
                time.sleep(dice.random())
                lab.docker("rm", "-f", name)
            except AssertionError as error:
                failures.append(error)

    workers = [threading.Thread(target=live, args=(n,)) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    moments = 0
    try:
        while any(w.is_alive() for w in workers) or moments < MOMENTS:
            compare_once(lab, sensor, SETTLE)
            moments += 1
            if moments >= MOMENTS and not any(w.is_alive() for w in workers):
                break
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not failures, failures[0]
    print(f"     {CONTAINERS} containers, {moments} comparisons", flush=True)
    compare_once(lab, sensor, SETTLE)


def blinks(lab, sensor):
    """D09: every container that listens for 100 ms is in an event with its id and its name."""
    count = CONTAINERS // 2
    started = len(sensor.events())
    names = [f"blink-{number}" for number in range(count)]

    def blink(number):
        command = f"nc -l -p {8000 + number} & sleep 0.1; kill $!"
        return lab.docker("run", "-d", "--name", names[number], "tiny:1", "sh", "-c", command)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        ids = dict(zip(pool.map(blink, range(count)), names))

    def named():
        seen = {}
        for event in sensor.events()[started:]:
            if event["kind"] == "socket.listen" and event["container"]:
                seen[event["container"]["id"]] = event["container"]["name"]
        return seen
    until("every one has its listen event", lambda: ids.keys() <= named().keys(), seconds=8)
    seen = named()
    unnamed = [i for i in ids if seen[i] != ids[i]]
    share = 100 * (count - len(unnamed)) / count
    print(f"     {count} containers of 100 ms: all by id, {share:.0f} % by name", flush=True)
    lab.docker("rm", "-f", *names)
    assert not unnamed, f"{len(unnamed)} of {count} events have no or another name"


def engine_socket(lab, sensor):
    """audit names the bypass, and a container that holds the engine's socket."""
    lab.container("web", "-p", "8080:80", "-v", "/run/docker.sock:/var/run/docker.sock:ro")
    until("web is in ports", lambda: sensor.ports(port=8080))
    out = until("audit names both", lambda: (lambda o: o if "PL008" in o and "PL004" in o else None)(
        sensor.cli("audit").stdout))
    assert re.search(r"PL004 +critical +8080/tcp on 0\.0\.0\.0 \(container web\) .*UFW says deny", out)
    assert re.search(r"PL008 +high +container web has /run/docker.sock mounted", out), out
    lab.docker("rm", "-f", "web")


def crowd(lab, sensor):
    """All containers at once, every second one published, and 10,000 listeners on the host."""
    names = [f"crowd-{number}" for number in range(CONTAINERS)]

    def start(number):
        options = ["-p", f"{20000 + number}:80"] if number % 2 else []
        lab.docker("run", "-d", "--name", names[number], *options, "tiny:1", "httpd", "-f", "-p",
                   "80", "-h", "/www")

    def everything():
        items = sensor.get("ports")["items"]
        inside = {i["holder"]["container"]["id"] for i in items
                  if i["port"] == 80 and i["holder"] and i["holder"]["container"]}
        return len(items) >= LISTENERS and len(inside) >= CONTAINERS
    child = bare.python(lab, MANY)
    try:
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(start, range(CONTAINERS)))
        until("ports lists them all", everything, seconds=30, pause=0.5)
        # The answer that we asked for is some megabytes, given back within a second or two.
        until("it has given back what the answer took",
              lambda: memory(sensor.process.pid)["VmRSS"] <= 40 * MB, seconds=5)
        check_memory(sensor, 25)
    finally:
        lab.end(child)
        lab.docker("rm", "-f", *names)


ROWS = (("T09", "audit: UFW bypassed, engine socket mounted", engine_socket),
        ("D09", "containers that live 100 ms are attributed, every one", blinks),
        ("P07", "all containers and 10,000 listeners: RssAnon at most 25 MB, RSS 40 MB", crowd),
        ("T10", "under churn ports equals ss in every namespace", churn))


def rows(report):
    with Lab(f"e2e-churn-{os.getpid()}") as lab, Portlid(lab, policy("monitor")) as sensor:
        for identity, sentence, function in ROWS:
            report.run("churn", identity, sentence, lambda: function(lab, sensor))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
