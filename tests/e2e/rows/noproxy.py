# SPDX-License-Identifier: Apache-2.0
"""A09, A11: a dockerd with userland-proxy=false, where nobody listens on a published port."""

from harness.clients import in_parallel, no_reach, tcp, wait_http
from harness.context import Context, policy
from harness.lab import HOST4, HOST6, Lab
from harness.portlid import Portlid
from harness.rows import row
from harness.wait import until
from rows import published

MODES = ("native", "generic", "tc")
RANGE = range(7000, 7101)


@row("A09", "userland-proxy=false: A02 and A03 hold in native, generic and tc; A11: a range of ports")
def without_proxy(ctx):
    with Lab(f"{ctx.lab.name}-np", dockerd_options="--userland-proxy=false") as lab:
        other = Context(lab, phase="enforce")
        lab.container("web", "-p", "8080:80")
        lab.ufw("allow", "22/tcp")
        wait_http(lab.ns["cli"], HOST4, 8080)
        for other.attach in MODES:
            with Portlid(lab, policy("enforce"), attach=other.attach) as other.sensor:
                closed_and_opened(other)
                if other.attach == MODES[0]:
                    published_range(other)


def closed_and_opened(ctx):
    item = ctx.sensor.ports(port=8080, family="ipv4", host_netns=True)[0]
    assert item["published"]["proxy"] is False, item
    published.closed(ctx)
    published.opened(ctx)


def published_range(ctx):
    """101 ports in one piece: each of them closed, and few events that say so."""
    earlier = len(ctx.sensor.events())
    ctx.lab.container("range", "-p", "7000-7100:7000-7100")
    until("ports lists the range", lambda: all_listed(ctx), seconds=20)
    reached = in_parallel([lambda p=p: not no_reach(ctx.ns["cli"], HOST4, p) for p in RANGE])
    assert not any(reached), [p for p, r in zip(RANGE, reached) if r]
    assert no_reach(ctx.ns["cli"], HOST6, 7050)
    said = [(e["transport"], e["family"], e["port"], e.get("ports")) for e in
            ctx.sensor.events()[earlier:] if e["kind"].startswith("exposure.") and e["port"] in RANGE]
    assert 1 <= len(said) <= 5, said
    assert {ports["last"] for *_, ports in said if ports} == {7100}, said
    ctx.enforce("7050/tcp")
    assert tcp(ctx.ns["cli"], HOST4, 7050) == "refused", "the container is not asked for an open port"
    ctx.enforce()
    ctx.lab.docker("rm", "-f", "range")


def all_listed(ctx):
    items = ctx.sensor.ports(transport="tcp", family="ipv4", host_netns=True)
    return {i["port"] for i in items if i["published"]} >= set(RANGE)
