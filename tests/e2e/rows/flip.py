# SPDX-License-Identifier: Apache-2.0
"""From monitor to enforce with the same sensor: what monitor mode never does, and what lives on."""

import socket

from harness.clients import Session, family_of, no_reach
from harness.context import policy
from harness.lab import CLI2_4, HOST4, SRV4
from harness.packets import Forger, frames
from harness.rows import row
from harness.wait import until


def starts(ctx):
    """S01, also the start of the sensor that all rows of this packet mode use."""
    ctx.sensor.start()
    state = ctx.sensor.interface()
    assert (state["attach"], state["mode"], state["zone"]) == (ctx.attach, "monitor", "public"), \
        state
    assert not [h for h in ctx.sensor.get("status")["hooks"] if h["state"] == "failed"]
    assert [i["name"] for i in ctx.sensor.get("status")["interfaces"]] == ["eth0"]


def hostile(ctx):
    """A few packets that enforce would drop, each for a reason of its own."""
    container = ctx.lab.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web")

    def segment(source, destination, port, flags=frames.SYN):
        return frames.ipv4(source, destination, frames.TCP,
                           frames.tcp(source, destination, 43000, port, flags=flags))

    whole = frames.tcp(CLI2_4, HOST4, 43001, 8080)
    return {"no_service": segment(CLI2_4, HOST4, 7777, frames.ACK),
            "martian": segment("127.0.0.1", HOST4, 7777),
            "direct_to_container": segment(CLI2_4, container, 81),
            "malformed": frames.ipv4(CLI2_4, HOST4, frames.TCP, whole, total_length=1400),
            "protocol_denied": frames.ipv4(CLI2_4, HOST4, 47, b"\0" * 8)}


@row("M01", "hostile packets pass in monitor mode, each counted as would_drop with its reason")
def hostile_pass(ctx):
    before = ctx.sensor.packets()
    packets = hostile(ctx)
    with Forger(ctx) as forger:
        for packet in packets.values():
            forger.ipv4(packet)
    until("five more would_drop", lambda: ctx.sensor.packets()["would_drop"] >=
          before["would_drop"] + len(packets))
    after = ctx.sensor.packets()
    grown = {r: after["by_reason"].get(r, 0) - before["by_reason"].get(r, 0) for r in packets}
    assert all(grown.values()), grown
    assert after["dropped"] == 0, after


@row("F01", "the flip: open sessions live on, a stranger's UDP dialogue ends, status says enforce")
def flip(ctx):
    admin = Session(ctx.ns["cli"], HOST4, 22)
    slow = start_slow_download(ctx)
    with ctx.ns["cli"].socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.connect((HOST4, 5353))
        assert asks(stranger), "monitor mode must let the dialogue happen"
        check_monitor_totals(ctx)
        ctx.sensor.reload(policy("enforce"))
        until("eth0 enforces", lambda: ctx.sensor.interface()["mode"] == "enforce")
        assert ctx.sensor.get("status")["mode"]["effective"] == "enforce"
        assert not asks(stranger), "an answer given in monitor mode became a pass"
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    assert admin.alive(), "the session to open port 22 broke"
    assert slow_is_complete(slow), "an outbound transfer broke"
    admin.close()


def check_monitor_totals(ctx):
    """Monitor mode over the whole suite so far: nothing dropped anywhere, sums exact."""
    for state in ctx.sensor.get("status")["interfaces"]:
        packets = state["packets"]
        assert state["mode"] == "monitor" and packets["dropped"] == 0, state
        assert packets["seen"] == packets["passed"] > 0, state
        assert sum(packets["by_reason"].values()) == packets["seen"], state
    lost = ctx.sensor.get("status")["events"]["lost"]
    assert not any(lost.values()), lost


def asks(sock):
    sock.settimeout(0.5)
    try:
        sock.send(b"still there?")
        return sock.recv(100) == b"still there?"
    except OSError:
        return False


def start_slow_download(ctx):
    sock = ctx.ns["host"].socket(family_of(SRV4))
    sock.settimeout(5)
    sock.connect((SRV4, 80))
    sock.sendall(b"GET /slow/10 HTTP/1.0\r\n\r\n")
    return sock


def slow_is_complete(sock):
    try:
        return b"".join(iter(lambda: sock.recv(4096), b"")).endswith(b"." * 10)
    except OSError:
        return False
