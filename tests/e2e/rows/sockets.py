# SPDX-License-Identifier: Apache-2.0
"""D: who listens, from when, in which family."""

import subprocess

from harness.lab import HOST4
from harness.rows import row
from harness.wait import until

LISTEN = """
import signal, socket, sys
def listen(family, address, port, only6=None):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only6 is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only6)
    s.bind((address, port))
    s.listen()
    return s
keep = [listen(socket.AF_INET6, "::", 9201, 0), listen(socket.AF_INET6, "::", 9202, 1),
        listen(socket.AF_INET6, "::ffff:%s" % sys.argv[1], 9203, 0),
        listen(socket.AF_INET, "0.0.0.0", 9204)]
print("ready", flush=True)
signal.pause()
"""


def listens(ctx, port):
    return ctx.sensor.ports(port=port, transport="tcp", host_netns=True)


@row("D01", "a bind that fails with EADDRINUSE opens no exposure and gives no listen event")
def failed_bind(ctx):
    earlier = len(ctx.sensor.events())
    first = ctx.lab.echo_server("host", 9100)
    try:
        until("ports lists 9100", lambda: len(listens(ctx, 9100)) == 2)
        second = ctx.lab.run("host", ctx.lab.directory / "image/bin/lab_echo", 9100, check=False)
        assert second.returncode == 1, second
        sentinel = ctx.lab.echo_server("host", 9101)
        until("9101 listens", lambda: listen_events(ctx, earlier, 9101))
        ctx.lab.end(sentinel)
        said = listen_events(ctx, earlier, 9100)
        assert {e["process"]["pid"] for e in said} == {first.pid}, said
        assert {i["holder"]["pid"] for i in listens(ctx, 9100)} == {first.pid}
    finally:
        ctx.lab.end(first)
    until("9100 is gone from ports", lambda: not listens(ctx, 9100))
    until("exposure.closed of 9100 in both families", lambda: 2 == len(
        [e for e in ctx.sensor.events()[earlier:] if e["kind"] == "exposure.closed" and
         tells_of(e, 9100) and e["transport"] == "tcp"]))


def tells_of(event, port):
    """Neighbouring ports that close together are told together."""
    return event["port"] <= port <= (event.get("ports") or {}).get("last", event["port"])


def listen_events(ctx, earlier, port):
    """Those for `port` among the events after the first `earlier`."""
    return [e for e in ctx.sensor.events()[earlier:] if e["kind"] == "socket.listen" and
            e["socket"]["port"] == port]


@row("D03", ":: dual stack is both families, V6ONLY is v6, v4-mapped is v4 only")
def families(ctx):
    child = ctx.lab.spawn("host", "/usr/bin/python3", "-Ic", LISTEN, HOST4, stdout=subprocess.PIPE,
                          text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        expected = {9201: ["ipv4", "ipv6"], 9202: ["ipv6"], 9203: ["ipv4"], 9204: ["ipv4"]}
        until(f"families {expected}", lambda: expected == {
            port: sorted(i["family"] for i in listens(ctx, port)) for port in expected})
        assert listens(ctx, 9203)[0]["address"] == HOST4, listens(ctx, 9203)
        assert listens(ctx, 9204)[0]["holder"]["pid"] == child.pid
        assert not listens(ctx, 9204)[0]["preexisting"]
    finally:
        ctx.lab.end(child)
    until("all four are gone", lambda: not any(listens(ctx, port) for port in expected))


@row("D06", "listeners older than the sensor, on the host and in a container, have their owner")
def preexisting(ctx):
    host = listens(ctx, 9000)
    assert len(host) == 2, host
    for item in host:
        assert item["preexisting"] and item["holder"]["exe"].endswith("/lab_echo"), item
        assert item["holder"]["container"] is None and item["holder"]["user"] == "root", item
    # Every namespace of the machine is swept: another lab's containers may be among them.
    inside = [i for i in ctx.sensor.ports(port=5353, transport="udp", host_netns=False)
              if (i["holder"]["container"] or {}).get("name") == "udp"]
    assert inside and all(i["preexisting"] for i in inside), inside
