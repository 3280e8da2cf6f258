# SPDX-License-Identifier: Apache-2.0
"""A09: a dockerd with userland-proxy=false, in a lab of its own. The row starts its own sensors."""

from harness.clients import wait_http
from harness.context import policy
from harness.lab import HOST4
from harness.portlid import Portlid
from harness.rows import row
from rows import published

DOCKERD_OPTIONS = "--userland-proxy=false"
MODES = ("native", "generic", "tc")


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
