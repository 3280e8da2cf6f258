# SPDX-License-Identifier: Apache-2.0
"""A in monitor mode: everything is seen and named, nothing is dropped."""

from harness.clients import http_get
from harness.expect import names_web
from harness.lab import CLI4, HOST4, HOST6
from harness.rows import row


@row("A01", "monitor: ufw denies, Docker publishes: reach works, would_drop names the container")
def reach_works_and_is_named(ctx):
    assert "deny (incoming)" in ctx.lab.ufw("status", "verbose")
    assert http_get(ctx.ns["cli"], HOST4, 8080) == b"hello\n"
    event = ctx.sensor.wait_event("would_drop of 8080 names container web",
                                  lambda e: names_web(e, "would_drop", CLI4))
    assert event["reason"] == "no_service" and event["mode"] == "monitor", event
    assert event["sensor"]["hook"] == ("tc" if ctx.attach == "tc" else "xdp"), event
    assert event["net"]["interface"] == "eth0" and event["net"]["zone"] == "public", event
    item = ctx.sensor.ports(port=8080, family="ipv4", host_netns=True)[0]
    assert item["published"]["container_port"] == 80 and item["published"]["proxy"], item
    assert item["holder"]["container"]["name"] == "web", item
    assert item["holder"]["container"]["image"] == "tiny:1", item
    assert (item["ufw"], item["verdict"]) == ("deny", "exposed"), item
    assert item["reach"] == [{"zone": "public", "now": "open", "enforced": "closed"}], item


@row("A08", "monitor: the IPv6 side of the same published port is open and is named too")
def both_families(ctx):
    assert http_get(ctx.ns["cli"], HOST6, 8080) == b"hello\n"
    for family in ("ipv4", "ipv6"):
        item = ctx.sensor.ports(port=8080, family=family, host_netns=True)[0]
        assert item["verdict"] == "exposed", item
        assert item["holder"]["container"]["name"] == "web", item
