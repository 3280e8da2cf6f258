# SPDX-License-Identifier: Apache-2.0
"""B: what must go on working, in monitor mode and under enforce with every port but P0's closed."""

import re

from harness.clients import (Session, dns, download, http_get, in_parallel, reach)
from harness.lab import CLI4, CLI6, HOST4, HOST6, ROUTER4, ROUTER6, SRV4, SRV6
from harness.netns import Namespace
from harness.rows import row
from harness.wait import until

DOWNLOAD_BYTES = 20_000_000
CLIENTS = ("c1", "c2", "c3", "c4", "c5")


def container_ns(ctx, name):
    return Namespace(ctx.kept["pids"][name])


@row("B01", "host DNS over UDP: 200 of 200 on v4, 50 of 50 on v6, low and fixed source ports too")
def host_dns(ctx):
    assert (got := dns(ctx.ns["host"], SRV4, 200)) == 200, f"{got} of 200 over v4"
    assert (got := dns(ctx.ns["host"], SRV6, 50)) == 50, f"{got} of 50 over v6"
    assert (got := dns(ctx.ns["host"], SRV4, 20, [1030, 123])) == 20, f"{got} of 20, fixed ports"


@row("B02", "container DNS over UDP: 200 of 200 from each of 5 containers in parallel")
def container_dns(ctx):
    got = in_parallel([lambda ns=container_ns(ctx, name): dns(ns, SRV4, 200) for name in CLIENTS])
    assert got == [200] * 5, f"answered of 200 each: {got}"
    assert (six := dns(container_ns(ctx, "c1"), SRV6, 50)) == 50, f"{six} of 50 over v6"


@row("B05", "downloads of host and container complete (how fast: docker_speed.py)")
def downloads(ctx):
    download(ctx.ns["host"], SRV4, DOWNLOAD_BYTES)
    download(container_ns(ctx, "c1"), SRV4, DOWNLOAD_BYTES)
    download(ctx.ns["host"], SRV6, DOWNLOAD_BYTES)


@row("B06", "ping out, ping in and traceroute out work, from host and container, v4 and v6")
def ping_and_traceroute(ctx):
    run = ctx.lab.run
    for address in (CLI4, CLI6):
        run("host", "busybox", "ping", "-c", "2", "-i", "0.1", "-W", "2", address)
        ctx.lab.docker("exec", "c1", "ping", "-c", "2", "-i", "0.1", "-W", "2", address)
    for address in (HOST4, HOST6):
        run("cli", "busybox", "ping", "-c", "2", "-i", "0.1", "-W", "2", address)
    trace(run("host", "busybox", "traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", CLI4).stdout,
          ROUTER4, CLI4)
    trace(run("host", "busybox", "traceroute6", "-n", "-q", "1", "-w", "2", "-m", "4", CLI6).stdout,
          ROUTER6, CLI6)
    trace(ctx.lab.docker("exec", "c1", "traceroute", "-n", "-q", "1", "-w", "2", "-m", "5", CLI4),
          ROUTER4, CLI4)


def trace(text, *hops):
    seen = re.findall(r"^ *\d+ +(\S+) ", text, re.MULTILINE)
    missing = [hop for hop in hops if hop not in seen]
    assert not missing, f"traceroute never saw {missing}:\n{text}"


@row("B08", "a session to an open port goes on")
def session(ctx):
    one = Session(ctx.ns["cli"], HOST4, 22)
    assert one.alive()
    one.close()


@row("B12", "neighbour tables flushed, v4 and v6: traffic resumes within 3 s")
def neighbours(ctx):
    for host in ("host", "router"):
        for family in ("-4", "-6"):
            ctx.lab.run(host, "ip", family, "neigh", "flush", "all", check=False)
    until("traffic both ways after the flush",
          lambda: all(in_parallel([lambda: reach(ctx.ns["cli"], HOST4, 22),
                                   lambda: reach(ctx.ns["cli"], HOST6, 22),
                                   lambda: dns(ctx.ns["host"], SRV4, 1) == 1,
                                   lambda: dns(ctx.ns["host"], SRV6, 1) == 1])), seconds=3)


@row("B13", "sibling container to the host's 8080, the host to its own 8080, and loopback work")
def local_paths(ctx):
    # Docker does not translate for its own bridge, so ufw has a say on the sibling's packet.
    rule = ("allow", "in", "on", "docker0", "to", "any", "port", "8080", "proto", "tcp")
    ctx.lab.ufw(*rule)
    try:
        local_answers(ctx)
    finally:
        ctx.lab.ufw("delete", *rule)


def local_answers(ctx):
    for ns, address in ((container_ns(ctx, "c1"), HOST4), (ctx.ns["host"], HOST4),
                        (ctx.ns["host"], "127.0.0.1"), (ctx.ns["host"], HOST6),
                        (ctx.ns["host"], "::1")):
        assert http_get(ns, address, 8080) == b"hello\n", f"to {address}"


@row("B14", "container to container on one bridge is unaffected")
def same_bridge(ctx):
    for field in ("IPAddress", "GlobalIPv6Address"):
        address = ctx.lab.docker("inspect", "-f", "{{.NetworkSettings.%s}}" % field, "web")
        assert http_get(container_ns(ctx, "c1"), address, 80) == b"hello\n", address
