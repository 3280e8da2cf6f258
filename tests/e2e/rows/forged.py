# SPDX-License-Identifier: Apache-2.0
"""C: packets that no honest peer sends. In monitor mode they pass and are counted; under enforce
nothing of them reaches a container. All come from cli2, on the host's own segment."""

from harness.lab import CLI2_4, CLI2_6, HOST4, HOST6
from harness.packets import Forger, counted, frames
from harness.rows import row
from harness.wait import until

CLOSED = 8080


def expect_reason(ctx, reasons, count, send):
    """Sends, then wants at least `count` more packets counted under one of `reasons`."""
    before = ctx.sensor.packets()
    send()
    until(f"{count} packets counted as {' or '.join(reasons)} ({before['by_reason']})",
          lambda: any(counted(ctx, before, reason, count) for reason in reasons), seconds=2)


def probe(flags):
    return frames.tcp(CLI2_4, HOST4, 42000 + flags, CLOSED, flags=flags)


SCANS = {"ACK": 16, "FIN": 1, "NULL": 0, "Xmas": 41, "SYN+FIN": 3, "SYN+RST": 6, "SYN+URG": 34}


@row("C01", "SYN with 4 to 40 bytes of IPv4 options that say port 22: the closed port stays closed")
def options(ctx):
    with Forger(ctx) as forger:
        for size in range(4, 41, 4):
            fake = (b"\x01\x01" + b"\x00\x16" * 20)[:size]
            segment = frames.tcp(CLI2_4, HOST4, 42100 + size, CLOSED)
            forger.ipv4(frames.ipv4(CLI2_4, HOST4, frames.TCP, segment, options=fake))
        assert forger.silent(), "an answer to a SYN with options"


@row("C03", "ACK, FIN, NULL, Xmas, SYN+FIN, SYN+RST to a closed published port: no answer at all")
def scans(ctx):
    log = ctx.lab.container_log("web")
    with Forger(ctx) as forger:
        for flags in SCANS.values():
            forger.ipv4(frames.ipv4(CLI2_4, HOST4, frames.TCP, probe(flags)))
        assert forger.silent(), "a scan got an answer"
        assert forger.bridge_silent(), "a scan crossed the bridge to the container"
    assert ctx.lab.container_log("web") == log


@row("C05", "tiny, offset-1 and overlapping fragments bring nothing to the container")
def fragments(ctx):
    segment = frames.tcp(CLI2_4, HOST4, 42200, CLOSED)
    with Forger(ctx) as forger:
        for fragment in frames.fragments(CLI2_4, HOST4, frames.TCP, segment, 8):
            forger.ipv4(fragment)
        forger.ipv4(frames.ipv4(CLI2_4, HOST4, frames.TCP, segment[8:], offset=1))
        honest = frames.tcp(CLI2_4, HOST4, 42201, 22)
        forger.ipv4(frames.ipv4(CLI2_4, HOST4, frames.TCP, honest, flags=1, identification=8))
        forger.ipv4(frames.ipv4(CLI2_4, HOST4, frames.TCP, segment, offset=0, identification=8))
        assert forger.silent(from_port=CLOSED) and forger.bridge_silent()


@row("C06", "IPv6 chain hop-by-hop, options, fragment, TCP to a closed port: dropped with reason")
def chain(ctx):
    segment = frames.tcp(CLI2_6, HOST6, 42300, CLOSED)
    payload = (frames.ipv6_options(60) + frames.ipv6_options(44) + frames.ipv6_fragment(6) + segment)
    with Forger(ctx) as forger:
        expect_reason(ctx, ("no_service", "malformed"), 1,
                      lambda: forger.ipv6(frames.ipv6(CLI2_6, HOST6, 0, payload)))
        long_chain = b"".join(frames.ipv6_options(60) for _ in range(9)) + frames.ipv6_options(6)
        expect_reason(ctx, ("malformed",), 1, lambda: forger.ipv6(
            frames.ipv6(CLI2_6, HOST6, 60, long_chain + segment)))
        assert forger.silent() and forger.bridge_silent()


@row("C11", "sources and destinations that cannot be on this wire: dropped as martian")
def martians(ctx):
    cases = [(HOST4, HOST4), ("127.0.0.1", HOST4), (CLI2_4, "127.0.0.1"), ("224.0.0.9", HOST4)]
    with Forger(ctx) as forger:
        for source, destination in cases:
            segment = frames.tcp(source, destination, 42400, CLOSED)
            expect_reason(ctx, ("martian",), 1, lambda s=source, d=destination, t=segment:
                          forger.ipv4(frames.ipv4(s, d, frames.TCP, t)))
        assert forger.silent() and forger.bridge_silent()


@row("C14", "a packet sent straight to a container's address: dropped as direct_to_container")
def direct(ctx):
    address = ctx.lab.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web")
    segment = frames.tcp(CLI2_4, address, 42500, 80)
    with Forger(ctx) as forger:
        expect_reason(ctx, ("direct_to_container",), 1,
                      lambda: forger.ipv4(frames.ipv4(CLI2_4, address, frames.TCP, segment)))
        assert forger.silent() and forger.bridge_silent()


@row("C02", "VLAN tags, one and two: the closed port stays closed; lying lengths are malformed")
def tags_and_lengths(ctx):
    segment = frames.tcp(CLI2_4, HOST4, 42600, CLOSED)
    packet = frames.ipv4(CLI2_4, HOST4, frames.TCP, segment)
    with Forger(ctx) as forger:
        expect_reason(ctx, ("no_service",), 1, lambda: forger.ipv4(packet, vlan=7))
        expect_reason(ctx, ("malformed",), 1, lambda: forger.ipv4(
            frames.ipv4(CLI2_4, HOST4, frames.TCP, segment, total_length=1400)))
        expect_reason(ctx, ("malformed",), 1, lambda: forger.ipv4(
            frames.ipv4(CLI2_4, HOST4, frames.TCP, segment[:12])))
        assert forger.silent() and forger.bridge_silent()
