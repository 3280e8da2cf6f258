# SPDX-License-Identifier: Apache-2.0
"""A under enforce: published ports, host-network containers and host services, closed and opened
by rule. Each row leaves P0 in force."""

from harness.clients import http_get, no_reach, reach
from harness.expect import names_web, ufw_says
from harness.lab import CLI2_4, HOST4, HOST4_SECOND, HOST6
from harness.packets import counted, syn_from_cli2
from harness.rows import row
from harness.wait import until


@row("A02", "enforce: no reach, nothing in the container's log, reason named, counter +1")
def closed(ctx):
    log = ctx.lab.container_log("web")
    before = ctx.sensor.packets()
    syn_from_cli2(ctx, 8080, 41001)
    after = until("the drop is counted", lambda: counted(ctx, before, "no_service", 1))
    assert after["dropped"] == before["dropped"] + 1, (before, after)
    event = ctx.sensor.wait_event("drop of 8080 names container web",
                                  lambda e: names_web(e, "drop", CLI2_4))
    assert event["reason"] == "no_service" and event["mode"] == "enforce", event
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    assert ctx.lab.container_log("web") == log
    item = ctx.sensor.ports(port=8080, family="ipv4", host_netns=True)[0]
    assert item["verdict"] == "closed", item
    assert item["reach"] == [{"zone": "public", "now": "closed", "enforced": "closed"}], item


@row("A08", "enforce: [::]:8080 is closed by the same rule and opened by the same rule")
def both_families(ctx):
    log = ctx.lab.container_log("web")
    assert no_reach(ctx.ns["cli"], HOST6, 8080)
    before = ctx.sensor.packets()
    syn_from_cli2(ctx, 8080, 41002, version=6)
    until("the v6 drop is counted", lambda: counted(ctx, before, "no_service", 1))
    assert ctx.lab.container_log("web") == log
    ctx.enforce("8080/tcp")
    assert reach(ctx.ns["cli"], HOST6, 8080) and reach(ctx.ns["cli"], HOST4, 8080)
    ctx.enforce()
    assert no_reach(ctx.ns["cli"], HOST6, 8080)


@row("A03", "enforce: a service that allows 8080 opens it, and not the container's port 80")
def opened(ctx):
    ctx.enforce("8080/tcp")
    assert http_get(ctx.ns["cli"], HOST4, 8080) == b"hello\n"
    item = ctx.sensor.ports(port=8080, family="ipv4", host_netns=True)[0]
    assert (item["service"], item["verdict"]) == ("open", "ok"), item
    assert no_reach(ctx.ns["cli"], HOST4, 80)
    ctx.enforce("80/tcp")
    assert no_reach(ctx.ns["cli"], HOST4, 8080), "a rule for 80 opened host port 8080"
    ctx.enforce()


@row("A10", "--network host on 9090: listed with container name, blocked, opened by rule")
def host_network(ctx):
    items = ctx.sensor.ports(port=9090, transport="tcp", host_netns=True)
    assert {i["family"] for i in items} == {"ipv4", "ipv6"}, items
    for item in items:
        assert item["holder"]["container"]["name"] == "hostnet", item
        assert item["published"] is None, item
    assert no_reach(ctx.ns["cli"], HOST4, 9090) and no_reach(ctx.ns["cli"], HOST6, 9090)
    ctx.enforce("9090/tcp")
    assert reach(ctx.ns["cli"], HOST4, 9090) and reach(ctx.ns["cli"], HOST6, 9090)
    ctx.enforce()


@row("A12", "UDP published on 5353: closed, then open, as the rule says")
def udp(ctx):
    log = ctx.lab.container_log("udp")
    assert no_reach(ctx.ns["cli"], HOST4, 5353, "udp")
    assert no_reach(ctx.ns["cli"], HOST6, 5353, "udp")
    assert ctx.lab.container_log("udp") == log
    ctx.enforce("5353/udp")
    assert reach(ctx.ns["cli"], HOST4, 5353, "udp")
    assert reach(ctx.ns["cli"], HOST6, 5353, "udp")
    ctx.enforce("5353/tcp")
    assert no_reach(ctx.ns["cli"], HOST4, 5353, "udp"), "a tcp rule opened udp"
    ctx.enforce()


@row("A13", "host service on 9000: closed, opened by rule, and ufw still has its say")
def host_service(ctx):
    ctx.lab.ufw("allow", "9000/tcp")
    try:
        assert no_reach(ctx.ns["cli"], HOST4, 9000)
        until("ports says that ufw allows 9000", lambda: ufw_says(ctx, 9000) == {"allow"})
        ctx.enforce("9000/tcp")
        assert reach(ctx.ns["cli"], HOST4, 9000) and reach(ctx.ns["cli"], HOST6, 9000)
    finally:
        ctx.lab.ufw("delete", "allow", "9000/tcp")
    assert no_reach(ctx.ns["cli"], HOST4, 9000), "ufw's deny is not honoured any more"
    until("ports says that ufw denies 9000", lambda: ufw_says(ctx, 9000) == {"deny"})
    ctx.enforce()


@row("A07", "a service limited to one of two host addresses leaves the other closed")
def one_address(ctx):
    extra = "  - { name: one, ports: [8080/tcp], addresses: [198.51.100.10] }\n"
    ctx.enforce(extra=extra)
    assert reach(ctx.ns["cli"], HOST4, 8080)
    assert no_reach(ctx.ns["cli"], HOST4_SECOND, 8080)
    assert no_reach(ctx.ns["cli"], HOST6, 8080)
    ctx.enforce()


@row("A15", "a service with `from` opens to that source only")
def from_source(ctx):
    ctx.enforce(extra=f"  - {{ name: peer, ports: [8080/tcp], from: [{CLI2_4}] }}\n")
    assert reach(ctx.ns["cli2"], HOST4, 8080)
    before = ctx.sensor.packets()
    assert no_reach(ctx.ns["cli"], HOST4, 8080)
    assert counted(ctx, before, "source_not_allowed", 1), ctx.sensor.packets()
    ctx.enforce()
