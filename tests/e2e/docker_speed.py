# SPDX-License-Identifier: Apache-2.0
"""Downloads of a host and of a container behind a sensor against the same without one, in each of
native, generic and tc, in monitor and in enforce mode; a range that dockerd publishes port by port is
few events. It measures: nothing runs beside it.

The server paces to 100 MB/s: a veth has no rate of its own, and the limit is meant for a link."""

import os
import sys

from harness import bare
from harness.clients import download
from harness.context import Context, policy
from harness.lab import Lab, SRV4
from harness.netns import Namespace
from harness.portlid import Portlid
from rows import noproxy

MODES = ("native", "generic", "tc")
DOWNLOAD_BYTES = 200_000_000
LIMIT = 0.05


def measure(clients):
    return {who: download(ns, SRV4, DOWNLOAD_BYTES) for who, ns in clients.items()}


def judge(clients, without):
    seconds = measure(clients)
    said = ", ".join(f"{who} {seconds[who]:.3f} s ({without[who]:.3f})" for who in clients)
    print(f"      {said}")
    for who in clients:
        assert seconds[who] / without[who] - 1 < LIMIT, f"{who} is slower: {said}"


def ready(sensor):
    assert sensor.ready_seconds < 1.0, f"ready after {sensor.ready_seconds:.2f} s"


def published_range(report):
    with Lab(f"e2e-range-{os.getpid()}", dockerd_options=noproxy.DOCKERD_OPTIONS) as lab:
        ctx = Context(lab, attach="auto", phase="enforce")
        noproxy.furnish(ctx)
        report.run("range", "A11", "-p 7000-7100: few exposure events; closed, then opened "
                   "by one range", lambda: noproxy.range_of_ports(ctx))


def rows(report):
    published_range(report)
    with Lab(f"e2e-speed-{os.getpid()}") as lab:
        container = lab.container("c1", command=("sleep", "infinity"))
        clients = {"host": lab.ns["host"], "container": Namespace(container)}
        measure(clients)  # neighbours and routes are known now
        without = measure(clients)
        for attach in MODES:
            with Portlid(lab, policy("monitor"), attach=attach) as sensor:
                report.run(f"{attach}/monitor", "S02", "ready, every hook attached, within 1 s",
                           lambda: ready(sensor))
                for mode in ("monitor", "enforce"):
                    sensor.reload(policy(mode))
                    report.run(f"{attach}/{mode}", "B05", "200 MB of host and container: at most "
                               "5 % slower than without a sensor", lambda: judge(clients, without))


if __name__ == "__main__":
    sys.exit(bare.guarded(rows))
