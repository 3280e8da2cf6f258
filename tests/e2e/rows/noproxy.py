# SPDX-License-Identifier: Apache-2.0
"""A09, A11: a dockerd with userland-proxy=false, in a lab of its own. These rows start their own
sensors."""

from harness.clients import in_parallel, no_reach, tcp, wait_http
from harness.context import policy
from harness.lab import HOST4, HOST6
from harness.portlid import Portlid
from harness.rows import row
from harness.wait import until
from rows import published

DOCKERD_OPTIONS = "--userland-proxy=false"
MODES = ("native", "generic", "tc")
RANGE = range(7000, 7101)


def furnish(ctx):
    ctx.lab.container("web", "-p", "8080:80")
    ctx.lab.ufw("allow", "22/tcp")
    wait_http(ctx.ns["cli"], HOST4, 8080)


@row("A09", "userland-proxy=false: A02 and A03 hold in native, generic and tc")
def without_proxy(ctx):
    for ctx.attach in MODES:
        with Portlid(ctx.lab, policy("enforce"), attach=ctx.attach) as ctx.sensor:
            item = ctx.sensor.ports(port=8080, family="ipv4", host_netns=True)[0]
            assert item["published"]["proxy"] is False, item
            published.closed(ctx)
            published.opened(ctx)


@row("A11", "-p 7000-7100: each port is closed, told in at most 5 exposure events, opened by a rule")
def published_range(ctx):
    with Portlid(ctx.lab, policy("enforce")) as ctx.sensor:
        earlier = len(ctx.sensor.events())
        ctx.lab.container("range", "-p", "7000-7100:7000-7100")
        until("ports lists the range", lambda: all_listed(ctx), seconds=20)
        reached = in_parallel([lambda p=p: not no_reach(ctx.ns["cli"], HOST4, p) for p in RANGE])
        assert not any(reached), [p for p, r in zip(RANGE, reached) if r]
        assert no_reach(ctx.ns["cli"], HOST6, 7050)
        until("an event tells of port 7100", lambda: told(ctx, earlier))
        said = told(ctx, earlier)
        assert len(said) <= 5, said
        ctx.enforce("7050/tcp")
        assert tcp(ctx.ns["cli"], HOST4, 7050) == "refused", "the container is not asked"
        ctx.enforce()


def all_listed(ctx):
    items = ctx.sensor.ports(transport="tcp", family="ipv4", host_netns=True)
    return {i["port"] for i in items if i["published"]} >= set(RANGE)


def told(ctx, earlier):
    """What exposure events said of the range so far; empty until they said it of its last port."""
    said = [(e["kind"], e["family"], e["port"], (e.get("ports") or {}).get("last", e["port"]))
            for e in ctx.sensor.events()[earlier:]
            if e["kind"].startswith("exposure.") and e["port"] in RANGE]
    return said if any(last == RANGE[-1] for *_, last in said) else []
